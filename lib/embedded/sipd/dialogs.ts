import type { SipRequest } from '../../codec/sip/message.ts';
import { keyOfInbound } from '../../stack/dialog-state.ts';
import type { AppDialog } from './app-dialog.ts';
import type { Client } from './client.ts';

/** drachtio's name of a dialog: the Call-ID, and the tag of whoever sent the INVITE or SUBSCRIBE. */
export const dialogIdOf = (callId: string, fromTag: string): string => `${callId};from-tag=${fromTag}`;

/** Dialogs of all applications, by what the network and by what the applications call them. */
export class Dialogs {
  readonly #byKey = new Map<string, AppDialog>();
  readonly #byId = new Map<string, AppDialog>();
  /** Of confirmed dialogs, by Call-ID; the youngest when a call goes through here twice. */
  readonly #byCallId = new Map<string, AppDialog>();
  /** Keys of dialogs whose applications are gone, the oldest first. */
  readonly #lost = new Set<string>();
  readonly #limit: number;

  /** `limit`: how many lost dialogs are remembered. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#byKey.size;
  }

  add(dialog: AppDialog): void {
    this.#byKey.set(dialog.state.key, dialog);
    this.#byId.set(dialog.id, dialog);
  }

  /** Its 2xx is there: of the branches of a fork it is the one that the applications' name stands for. */
  confirm(dialog: AppDialog): void {
    dialog.early = false;
    this.add(dialog);
    this.#byCallId.set(dialog.state.callId, dialog);
  }

  /** Forgets it, and stops whatever it repeats or waits for. */
  remove(dialog: AppDialog): void {
    dialog.stop();
    for (const [map, key] of [
      [this.#byKey, dialog.state.key],
      [this.#byId, dialog.id],
      [this.#byCallId, dialog.state.callId],
    ] as const)
      if (map.get(key) === dialog) map.delete(key);
  }

  /** The dialog that a request from the network names. Throws PPG_E_SIP_SYNTAX. */
  ofRequest(request: SipRequest): AppDialog | undefined {
    return this.#byKey.get(keyOfInbound(request));
  }

  /** The dialog that an application names; another application's is none. */
  ofClient(client: Client, id: string): AppDialog | undefined {
    const dialog = this.#byId.get(id);
    return dialog?.client === client ? dialog : undefined;
  }

  /** A confirmed dialog of the application's with that Call-ID. */
  ofCall(client: Client, callId: string): AppDialog | undefined {
    const dialog = this.#byCallId.get(callId);
    return dialog?.client === client ? dialog : undefined;
  }

  /** An application is gone, and its dialogs with it: nobody is told, as by drachtio-server. */
  forget(client: Client): void {
    for (const dialog of [...this.#byKey.values()]) {
      if (dialog.client !== client) continue;
      this.remove(dialog);
      this.#lost.add(dialog.state.key);
      const oldest = this.#lost.values().next().value;
      if (this.#lost.size > this.#limit && oldest !== undefined) this.#lost.delete(oldest);
    }
  }

  /** True for a request within a dialog whose application is gone: 481, whoever else takes its method. */
  isLost(request: SipRequest): boolean {
    if (this.#lost.size === 0) return false;
    const key = keyOfInbound(request);
    return request.method === 'BYE' ? this.#lost.delete(key) : this.#lost.has(key);
  }

  clear(): void {
    for (const dialog of [...this.#byKey.values()]) this.remove(dialog);
    this.#lost.clear();
  }
}
