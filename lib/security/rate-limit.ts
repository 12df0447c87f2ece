import { BurstyRateLimiter, RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';

export interface Rate {
  /** Requests in a second. */
  readonly perSecond: number;
  /** Further ones within {@link BURST_SECONDS}. Default 0. */
  readonly burst?: number | undefined;
}

/** A burst is spread over so long. */
const BURST_SECONDS = 10;

/** Counts requests of one account in this process. The library keeps time by the system's clock. */
export class RateLimit {
  readonly #limiter: RateLimiterMemory | BurstyRateLimiter;

  constructor({ perSecond, burst = 0 }: Rate) {
    const steady = new RateLimiterMemory({ points: perSecond, duration: 1 });
    this.#limiter =
      burst === 0
        ? steady
        : new BurstyRateLimiter(
            steady,
            new RateLimiterMemory({ keyPrefix: 'burst', points: burst, duration: BURST_SECONDS }),
          );
  }

  /** Takes one; resolves with 0, or with the milliseconds after which there is room again. */
  async take(): Promise<number> {
    try {
      await this.#limiter.consume('account');
      return 0;
    } catch (refusal) {
      if (refusal instanceof RateLimiterRes) return Math.max(1, refusal.msBeforeNext);
      throw refusal;
    }
  }
}
