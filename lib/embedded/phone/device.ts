import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { SipHeaders } from '../../codec/sip/message.ts';
import type { TlsOptions } from '../../stack/tls-options.ts';
import type { Protocol, SipStack } from '../../stack/types.ts';
import type { AnswerScript } from './answer-script.ts';
import type { ImdnSent, PhoneImdn } from './imdn.ts';
import type { MsrpScript, PhoneMsrpOptions } from './msrp.ts';
import type { PhoneSubscribeOptions } from './oma-push.ts';
import type { PhoneCounters, ReceivedPush } from './push-log.ts';
import type { Granted } from './registration.ts';

export interface PhoneOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** Registrar. */
  readonly server: { readonly host: string; readonly port: number };
  /** `alice@example.com` or `sip:alice@example.com`. */
  readonly user: string;
  /** Values of `+g.oma.pusheventapp`; with none the contact has no such tag. */
  readonly applications: readonly string[];
  /** What it does with pushes, as a script or its text (see parseAnswerScript); default `200`. */
  readonly answers?: AnswerScript | string;
  /** `+sip.instance` without angle brackets; default a random `urn:uuid:…`; `''` for none. */
  readonly instance?: string;
  /** For a registrar that asks for it (digest); the user part is the name. */
  readonly password?: string;
  /** Seconds to register for, default 3600. */
  readonly expires?: number;
  /** Default udp. */
  readonly transport?: Protocol;
  /** Where it listens, default the loopback address of the server's family and a free port. Not used with `stack`. */
  readonly listen?: { readonly host: string; readonly port: number };
  /** For transport `tls`; without a certificate it listens nowhere, and is reached by the connection it registered over. */
  readonly tls?: TlsOptions;
  /** A stack of its own that it starts and stops; default: one that listens on `listen`. */
  readonly stack?: SipStack;
  /** Accept of OPTIONS answers and of 415 (default: any type). */
  readonly accept?: readonly string[];
  readonly userAgent?: string;
  /** Whether it fetches what it is referred to. Default true. */
  readonly fetches?: boolean;
  /** PEM of the authority that signs the server it fetches content from; default those of the system. */
  readonly ca?: string;
  /** Takes calls and pushes by MSRP in them; default: calls are refused. */
  readonly msrp?: PhoneMsrpOptions;
  /** Subscribes to pushes once it has registered, and gets them as NOTIFYs; default: it does not. */
  readonly subscribe?: PhoneSubscribeOptions;
  /** Takes pushes out of a message/cpim, and tells those who ask what became of them; default: it is content like any other. */
  readonly imdn?: PhoneImdn;
}

// A type, not an interface: only a type fits EventMap's index signature.
export type PhoneEvents = {
  /**
   * A MESSAGE, NOTIFY, INFO or other request that is not OPTIONS, once it was answered; a message by MSRP, whose method is
   * SEND and whose headers are those of the first SEND; one that refers to its content
   * (RFC 4483) and was taken, once that was fetched.
   */
  push: ReceivedPush;
  /** Every successful REGISTER. */
  registered: Granted;
  /** A disposition notification was sent, and answered or not. */
  imdn: ImdnSent;
};

/** A scripted device. */
export interface Phone {
  /** Listens, registers and subscribes. Rejects with PPG_E_SIP_TRANSPORT, PPG_E_SIP_TIMEOUT or, refused, PPG_E_FORBIDDEN. */
  start(): Promise<void>;
  /** De-registers, waiting for that no longer than two seconds, and closes its sockets. Never rejects. */
  stop(): Promise<void>;
  /** Closes its sockets without a word, as a phone does that loses its battery. */
  vanish(): Promise<void>;
  /** Registers anew. Rejects as start. */
  register(): Promise<void>;
  /** Takes its registration away and goes on listening. Rejects as start. */
  deregister(): Promise<void>;
  /** Subscribes to pushes anew, where it does at all. Rejects as start. */
  subscribe(): Promise<void>;
  /** Refreshes its subscription; answers the status, undefined without a subscription or an answer. */
  refreshSubscription(): Promise<number | undefined>;
  /** Unsubscribes and stays registered. Never rejects. */
  unsubscribe(): Promise<void>;
  /** Whether it has a subscription, as far as it knows. */
  readonly subscribed: boolean;
  /** Headers of the 2xx to its last SUBSCRIBE outside a dialog. */
  readonly subscription: SipHeaders | undefined;
  /** Plays another script from its beginning. */
  answer(answers: AnswerScript | string): void;
  /** What it does wrong by MSRP from now on. */
  misbehave(script: MsrpScript): void;
  /** Adds a listener; the function it returns takes it off again. */
  on<K extends keyof PhoneEvents>(event: K, listener: (value: PhoneEvents[K]) => void): () => void;
  readonly aor: string;
  /** `urn:uuid:…`, or undefined. */
  readonly instance: string | undefined;
  /** Public GRUU, when the registrar gave one. */
  readonly gruu: string | undefined;
  /** Contact URI; throws PPG_E_STATE before start. */
  readonly contact: string;
  readonly counters: Readonly<PhoneCounters>;
}
