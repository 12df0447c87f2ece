import type { Clock, TimerHandle } from '../../base/clock.ts';

/** How long a hop may take to answer its first request before the others follow all the same, ms. */
const OPENS_WITHIN = 2_000;

/** A connection that was not used for so long may be gone, ms. */
const OPEN_FOR = 60_000;

/** Hops that are remembered. */
const MAX_HOPS = 10_000;

interface Opening {
  readonly waiting: (() => void)[];
  readonly timer: TimerHandle;
}

/**
 * The first request to a hop by TCP or TLS goes alone, and what is to follow waits for its answer: drachtio-server queues
 * 64 messages for a connection that is being made, and answers the others itself by 503.
 */
export class HopOpening {
  readonly #clock: Clock;
  /** When each was used last. */
  readonly #open = new Map<string, number>();
  readonly #opening = new Map<string, Opening>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Undefined: the request goes now; `heard` must follow. Otherwise it goes when the promise is fulfilled. */
  enter(hop: string): Promise<void> | undefined {
    const now = this.#clock.now();
    const opening = this.#opening.get(hop);
    if (opening !== undefined) return new Promise((resolve) => opening.waiting.push(resolve));
    const used = this.#open.get(hop);
    if (used !== undefined && now - used < OPEN_FOR) this.#open.set(hop, now);
    else {
      const timer = this.#clock.setTimeout(() => this.heard(hop, false), OPENS_WITHIN);
      this.#opening.set(hop, { waiting: [], timer });
    }
    return undefined;
  }

  /** A request has its answer, or its end without one; `reached`: somebody answered, so there is a connection. */
  heard(hop: string, reached: boolean): void {
    if (reached) {
      if (this.#open.size >= MAX_HOPS) this.#open.clear();
      this.#open.set(hop, this.#clock.now());
    }
    const opening = this.#opening.get(hop);
    if (opening === undefined) return;
    this.#opening.delete(hop);
    this.#clock.clearTimeout(opening.timer);
    for (const go of opening.waiting) go();
  }

  /** The link is lost, or the leg stops: nobody waits any longer. */
  clear(): void {
    this.#open.clear();
    for (const hop of [...this.#opening.keys()]) this.heard(hop, false);
  }
}

const TRANSPORT = /;transport=(tcp|tls|wss?)(?=[;?]|$)/i;

/** Transport, host and port of a URI that is reached by a connection; undefined where that is by UDP, or left to DNS. */
export function connectionTo(uri: string): string | undefined {
  const secure = uri.length > 5 && uri.charCodeAt(4) === 0x3a; // sips:
  const transport = uri.includes('=') ? TRANSPORT.exec(uri)?.[1] : undefined;
  if (transport === undefined && !secure) return undefined;
  const start = Math.max(uri.lastIndexOf('@'), uri.indexOf(':')) + 1;
  const end = uri.indexOf(';', start);
  return `${secure ? 'tls' : transport} ${end < 0 ? uri.slice(start) : uri.slice(start, end)}`.toLowerCase();
}
