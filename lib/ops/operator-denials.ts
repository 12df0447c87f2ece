import type { Clock, TimerHandle } from '../base/clock.ts';
import type { AuditLog } from './audit.ts';

/** Lines of a minute that say one refusal each. */
const LINES = 10;
const MINUTE = 60_000;

/** Somebody at /admin who did not know its token; `limited`: it was not looked at any more. */
export interface OperatorDenial {
  readonly source: string;
  readonly reason: 'wrong' | 'limited';
}

/**
 * Writes into the audit who was refused as an operator. Of a flood the first of a minute have a line each, and the rest one
 * that says how many they were and who was the last.
 */
export class OperatorDenials {
  readonly #audit: AuditLog;
  readonly #clock: Clock;
  #timer: TimerHandle | undefined;
  #lines = 0;
  #more = 0;
  #last: OperatorDenial | undefined;

  constructor(audit: AuditLog, clock: Clock) {
    this.#audit = audit;
    this.#clock = clock;
  }

  add(denial: OperatorDenial): void {
    this.#timer ??= this.#clock.setTimeout(() => this.#minuteOver(), MINUTE);
    if (this.#lines < LINES) {
      this.#lines++;
      this.#write(denial, 1);
      return;
    }
    this.#more++;
    this.#last = denial;
  }

  /** Writes what is not written yet. */
  end(): void {
    if (this.#timer === undefined) return;
    this.#clock.clearTimeout(this.#timer);
    this.#minuteOver();
  }

  #minuteOver(): void {
    this.#timer = undefined;
    this.#lines = 0;
    if (this.#last !== undefined) this.#write(this.#last, this.#more);
    this.#last = undefined;
    this.#more = 0;
  }

  #write({ source, reason }: OperatorDenial, attempts: number): void {
    const fields = { event: 'operator-denied', at: this.#clock.now(), source, reason, attempts };
    this.#audit.info(fields, 'somebody without the token was refused as an operator');
  }
}
