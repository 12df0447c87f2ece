import type { Clock, TimerHandle } from '../../base/clock.ts';

/**
 * Requests that may be without an answer at once. Their answers, and once as many of those that gave up their places, fit
 * into the receive buffer that Linux gives a UDP socket (212,992 octets, 1,280 for a short datagram).
 */
const AT_ONCE = 80;

/** Bounds of the time after which a request without an answer gives up its place, ms. */
const SHORTEST_HOLD = 100;
const LONGEST_HOLD = 250;

/** Answers among which the quickest is looked for, and how many such looks count. */
const LOOKED_AT = 32;
const LOOKS = 4;

/** What takes so many times as long as the quickest answers does not wait in the server. */
const TIMES_AS_LONG = 3;

/** A request's place; opaque to everyone but its window. */
export interface Place {
  readonly since: number;
}

/**
 * Holds back requests by UDP while the answers to those before them may still wait inside drachtio-server. It is one thread
 * that takes every command it has before it reads one more datagram from the network: with thousands of commands
 * waiting, answers overflow its socket, and everything is sent again half a second later.
 *
 * A device may take its time, so a place is not held until the answer: the server's answers come in turn, and what takes
 * much longer than the quickest of late waits for its device.
 */
export class SendWindow {
  readonly #clock: Clock;
  /** In the order of time. */
  readonly #held = new Set<Place>();
  readonly #waiting = new Set<(place: Place) => void>();
  #timer: TimerHandle | undefined;
  #hold = LONGEST_HOLD;
  /** The quickest of each of the last looks, and of the one under way; milliseconds. */
  readonly #looks: number[] = [];
  #quickest = LONGEST_HOLD;
  #looked = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A place, now or when there is one; `leave` must follow. */
  enter(): Place | Promise<Place> {
    if (this.#waiting.size === 0) {
      if (this.#held.size >= AT_ONCE) this.#letGo();
      if (this.#held.size < AT_ONCE) return this.#place();
    }
    const place = new Promise<Place>((resolve) => this.#waiting.add(resolve));
    this.#watch();
    return place;
  }

  /** The request of that place has ended; `answered`: by somebody beyond the server. */
  leave(place: Place, answered: boolean): void {
    if (answered) this.#learn(this.#clock.now() - place.since);
    if (this.#held.delete(place)) this.#admit();
  }

  /** The link is lost, or the leg stops: nobody waits any longer. */
  clear(): void {
    this.#held.clear();
    for (const go of this.#waiting) go({ since: this.#clock.now() });
    this.#waiting.clear();
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #place(): Place {
    const place: Place = { since: this.#clock.now() };
    this.#held.add(place);
    return place;
  }

  #learn(took: number): void {
    if (took < this.#quickest) this.#quickest = took;
    if (++this.#looked < LOOKED_AT) return;
    this.#looks.push(this.#quickest);
    if (this.#looks.length > LOOKS) this.#looks.shift();
    // the slowest look: a busy server is quick now and then, an idle one always
    const quick = this.#looks.length < LOOKS ? LONGEST_HOLD : Math.max(...this.#looks);
    this.#hold = Math.max(SHORTEST_HOLD, Math.min(TIMES_AS_LONG * quick, LONGEST_HOLD));
    this.#quickest = LONGEST_HOLD;
    this.#looked = 0;
  }

  /** Those that were held for long enough give up their places. */
  #letGo(): void {
    const now = this.#clock.now();
    for (const place of this.#held) {
      const age = now - place.since;
      if (age >= 0 && age < this.#hold) return; // a clock that was set back holds nobody
      this.#held.delete(place);
    }
  }

  #admit(): void {
    for (const go of this.#waiting) {
      if (this.#held.size >= AT_ONCE) return;
      this.#waiting.delete(go);
      go(this.#place());
    }
    if (this.#timer === undefined) return;
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Looks again when the oldest has been held for long enough. */
  #watch(): void {
    if (this.#timer !== undefined || this.#waiting.size === 0) return;
    const [oldest] = this.#held;
    const due = oldest === undefined ? 0 : oldest.since + this.#hold - this.#clock.now();
    this.#timer = this.#clock.setTimeout(
      () => {
        this.#timer = undefined;
        this.#letGo();
        this.#admit();
        this.#watch();
      },
      Math.max(1, Math.min(due, LONGEST_HOLD)),
    );
  }
}
