import type { Clock } from '../../base/clock.ts';
import type { SipMessage } from '../../codec/sip/message.ts';
import { writeSip } from '../../codec/sip/write.ts';
import type { Client } from './client.ts';
import { cdrMeta } from './meta.ts';
import type { Routes } from './routes.ts';

/** Who sent the message that a record is about. */
export type RecordSource = 'network' | 'application';
export type Role = 'uac' | 'uas' | 'proxy-uac' | 'proxy-uas';
export type StopReason = 'call-rejected' | 'call-canceled' | 'normal-release' | 'session-expired';

/** Call detail records: each goes to one of the clients that took its kind, `cdr:attempt`, `cdr:start` or `cdr:stop`. */
export class CallRecords {
  readonly #routes: Routes<Client>;
  readonly #clock: Clock;

  constructor(routes: Routes<Client>, clock: Clock) {
    this.#routes = routes;
    this.#clock = clock;
  }

  /** An INVITE outside of a dialog has come or left. */
  attempt(source: RecordSource, message: SipMessage): void {
    this.#post('cdr:attempt', source, message, undefined);
  }

  /** A 200 to it. */
  start(source: RecordSource, message: SipMessage, role: Role): void {
    this.#post('cdr:start', source, message, role);
  }

  /** A refusal, a CANCEL or a BYE. */
  stop(source: RecordSource, message: SipMessage, reason: StopReason): void {
    this.#post('cdr:stop', source, message, reason);
  }

  #post(verb: string, source: RecordSource, message: SipMessage, detail: string | undefined): void {
    const client = this.#routes.pick(verb, (one) => one.open);
    if (client === undefined) return;
    client.send(cdrMeta(verb, source, this.#clock.now(), detail), writeSip(message));
  }
}

/** Why a call that got this final response came to nothing. */
export const stopReasonOf = (status: number): StopReason => (status === 487 ? 'call-canceled' : 'call-rejected');
