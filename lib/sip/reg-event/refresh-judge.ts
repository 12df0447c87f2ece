/** A core that tells the state at a refresh does so by then, where nothing else is known of it. Milliseconds. */
const TOLD_WITHIN = 500;

/** A NOTIFY that comes later than this is not for the refresh before it. Milliseconds. */
const LATEST = 2000;

/** A core that did not tell is tried again after so long. Milliseconds. */
const TRY_AFTER = 10 * 60_000;

/** Scores: from 1 on the core is believed. */
const MOST = 2;
const FROM_THE_START = 1;
const LEAST = -1;

/**
 * Whether the core tells the state at every SUBSCRIBE, as RFC 6665 section 4.2.1.2 has it. Kamailio 5.6 does at the first of
 * a subscription alone. A core that was never seen to tell loses its credit with one refresh that brings nothing, one that
 * was with two in a row; it has it again with two that were told in a row, since one NOTIFY may have come by accident.
 */
export class RefreshJudge {
  #score = FROM_THE_START;
  #within = TOLD_WITHIN;
  #triedAt = 0;

  /** True until it was seen that the core does not, and again once it was seen that it does. */
  get tells(): boolean {
    return this.#score >= FROM_THE_START;
  }

  /** How long a NOTIFY is waited for, milliseconds. Undefined: a refresh is of no use now. */
  patience(now: number): number | undefined {
    if (this.tells) return this.#within;
    if (now - this.#triedAt < TRY_AFTER) return undefined;
    this.#triedAt = now;
    return LATEST;
  }

  /** A NOTIFY came, the first one `after` milliseconds since a refresh. */
  told(after: number): void {
    if (after > LATEST) return;
    if (after >= this.#within) this.#within = LATEST;
    this.#score = Math.min(this.#score + 1, MOST);
  }

  /** A refresh brought nothing in the time that it had. */
  missed(now: number): void {
    this.#score = this.#score > FROM_THE_START ? FROM_THE_START : LEAST;
    this.#triedAt = now;
  }
}
