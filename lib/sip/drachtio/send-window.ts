/**
 * Requests that may be without an answer at once, whatever the server does. Their answers fit into the receive buffer that
 * Linux gives a UDP socket (212,992 octets, 1,280 for a short datagram), and once as many beside them.
 */
const AT_ONCE = 80;

/**
 * Beyond that: commands that the server may not have confirmed yet. With 4 datagrams were lost under full load, none with 2
 * (docs/operations.md).
 */
const UNCONFIRMED = 2;

/** A request's place; opaque to everyone but its window. */
export interface Place {
  /** Makes it of a kind: nothing else is a place. */
  readonly takes: 'place';
}

/**
 * Holds back requests by UDP that drachtio-server could not take. It is one thread that executes every command it has before
 * it reads one more datagram from the network: with thousands of commands waiting, answers overflow its socket, and
 * everything is sent again half a second later.
 *
 * A device may take its time, so nobody waits for answers alone: what goes beyond {@link AT_ONCE} goes as the server
 * confirms what went before, and reads datagrams between.
 */
export class SendWindow {
  readonly #unanswered = new Set<Place>();
  readonly #unconfirmed = new Set<Place>();
  readonly #waiting = new Set<(place: Place | undefined) => void>();

  /** A place, now or when there is one; `confirmed` and `leave` must follow. Undefined: there will be none. */
  enter(): Place | Promise<Place | undefined> {
    // who waits goes first
    if (this.#waiting.size === 0 && this.#hasRoom()) return this.#place();
    return new Promise((resolve) => this.#waiting.add(resolve));
  }

  /** The server has executed the command. */
  confirmed(place: Place): void {
    if (this.#unconfirmed.delete(place)) this.#admit();
  }

  /** The request has its answer, or its end without one. */
  leave(place: Place): void {
    this.#unconfirmed.delete(place);
    if (this.#unanswered.delete(place)) this.#admit();
  }

  /** The link is lost or hangs, or the leg stops: nobody waits any longer. */
  clear(): void {
    this.#unanswered.clear();
    this.#unconfirmed.clear();
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const go of waiting) go(undefined);
  }

  #hasRoom(): boolean {
    return this.#unanswered.size < AT_ONCE || this.#unconfirmed.size < UNCONFIRMED;
  }

  #place(): Place {
    const place: Place = { takes: 'place' };
    this.#unanswered.add(place);
    this.#unconfirmed.add(place);
    return place;
  }

  #admit(): void {
    for (const go of this.#waiting) {
      if (!this.#hasRoom()) return;
      this.#waiting.delete(go);
      go(this.#place());
    }
  }
}
