import type { RecipientRef } from './push.ts';
import type { RecipientState } from './states.ts';

interface Of {
  readonly initiator: string;
  readonly pushId: string;
  /** The gateway's key of the push. */
  readonly push: string;
  readonly at: number;
}

/** What the engine tells of; ops, the console and integrators listen. Never holds content. Times in milliseconds. */
export type EngineEvents = {
  /** A push was made durable: the PI may be told 1001. */
  accepted: Of & { readonly recipients: number; readonly expiresAt: number };
  /** A submission or query was not taken; `rule` is the option that refused it, where it was one. */
  refused: Omit<Of, 'push'> & { readonly code: number; readonly rule?: string };
  /** A log-in was refused; `initiator` only where such an account exists. */
  denied: { readonly at: number; readonly source: string; readonly reason: string; readonly initiator?: string };
  /** An attempt begins at so many devices. */
  attempt: Of & { readonly index: number; readonly attempt: number; readonly aor: string; readonly devices: number };
  /** An attempt carried the content in another form than it was sent in; `how` in words. */
  transformed: Of & {
    readonly bearer: string;
    readonly change: 'compiled' | 'decompiled' | 'charset';
    readonly how: string;
  };
  /** A recipient came to another state. */
  state: Of & {
    readonly index: number;
    readonly address: string;
    readonly state: RecipientState;
    readonly code: number;
    readonly cause: string;
    /** When it will be tried again, for pending. */
    readonly due?: number;
  };
  /**
   * Somebody told of a push besides the answer to its attempt. `applied`: the recipient ended by it. `early`: its attempt
   * is under way still and will take it into account. `ignored`: the recipient is over or unknown, or other devices of it
   * may yet deliver.
   */
  proof: RecipientRef & {
    readonly at: number;
    readonly source: string;
    readonly kind: 'delivered' | 'failed';
    readonly result: 'applied' | 'early' | 'ignored';
    readonly cause: string;
  };
  /** Somebody asked for content by a URL; `push` only where the URL names one. */
  download: {
    readonly at: number;
    readonly push?: string;
    /** Of HTTP. */
    readonly status: number;
    readonly result: 'complete' | 'part' | 'head' | 'not-modified' | 'broken-off' | 'refused';
    /** Octets of content that left. */
    readonly bytes: number;
  };
  /** A result notification was tried. */
  notification: Of & {
    readonly index: number;
    readonly result: 'done' | 'retry' | 'dead';
    readonly tries: number;
    readonly cause: string;
  };
  /**
   * A device was asked what it can; `shed`: it was not, for lack of room. `ms` is how long it took. See docs/routing.md.
   */
  capabilities: {
    readonly at: number;
    readonly aor: string;
    readonly device: string;
    readonly result: 'told' | 'nothing' | 'refused' | 'absent' | 'silent' | 'failed' | 'shed';
    readonly ms: number;
  };
  /** An operator changed something; the rest says what and how much. */
  operator: {
    readonly at: number;
    readonly action: 'initiators' | 'block' | 'replay' | 'erase';
    readonly [detail: string]: string | number | undefined;
  };
  /** The next hop is given a rest until then, or goes on (undefined). */
  hop: { readonly at: number; readonly pausedUntil: number | undefined };
  /** The store can do nothing more for good: a process that ends now and is started again loses nothing of what was accepted. */
  broken: { readonly at: number; readonly cause: string };
};
