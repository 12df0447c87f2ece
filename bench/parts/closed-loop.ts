/** How a round of bench/stack.ts goes: so many under way, each end begins the next. */
export interface LoopJob {
  readonly protocol: 'udp' | 'tcp';
  /** Of the peer, on loopback. */
  readonly port: number;
  /** Milliseconds. */
  readonly time: number;
  readonly atOnce: number;
}

export interface LoopResult {
  readonly answered: number;
  /** Answered otherwise than by 200, or not at all. */
  readonly failed: number;
  /** Milliseconds to the last answer. */
  readonly took: number;
}

/** Nothing new for so long, milliseconds: what has not come is lost. */
const SILENCE = 3000;

/** Keeps `atOnce` under way for the job's time, and then waits for those that are. */
export class ClosedLoop {
  readonly #send: () => void;
  readonly #job: LoopJob;
  readonly #from: number = performance.now();
  #open = 0;
  #answered = 0;
  #failed = 0;
  #lastAt: number = performance.now();
  #finish: (() => void) | undefined;

  constructor(job: LoopJob, send: () => void) {
    this.#job = job;
    this.#send = send;
  }

  async run(): Promise<LoopResult> {
    const finished = new Promise<void>((resolve) => {
      this.#finish = resolve;
    });
    const timer = setInterval(() => {
      if (performance.now() - this.#lastAt > SILENCE) this.#finish?.();
    }, SILENCE / 10);
    for (let n = 0; n < this.#job.atOnce; n++) this.#begin();
    await finished;
    clearInterval(timer);
    return { answered: this.#answered, failed: this.#failed + this.#open, took: this.#lastAt - this.#from };
  }

  onEnd(good: boolean): void {
    this.#open--;
    if (good) this.#answered++;
    else this.#failed++;
    this.#lastAt = performance.now();
    if (this.#lastAt - this.#from < this.#job.time) this.#begin();
    else if (this.#open === 0) this.#finish?.();
  }

  #begin(): void {
    this.#open++;
    this.#send();
  }
}
