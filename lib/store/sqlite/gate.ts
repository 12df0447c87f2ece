const HELD = 0;
const DELAY = 1;
const FAILURES = 2;
const WAITING = 3;
const COMMITS = 4;
const CELLS = 5;

/**
 * Lets a test reach into the thread: hold commits (nothing is answered before they are let go), slow them, or make
 * them fail. Shared memory, since the thread is in the middle of its work when it looks.
 */
export class CommitGate {
  readonly shared: SharedArrayBuffer = new SharedArrayBuffer(CELLS * Int32Array.BYTES_PER_ELEMENT);
  readonly #cells = new Int32Array(this.shared);

  /** No commit starts until the returned function is called. */
  hold(): () => void {
    Atomics.store(this.#cells, HELD, 1);
    return () => {
      Atomics.store(this.#cells, HELD, 0);
      Atomics.notify(this.#cells, HELD);
    };
  }

  /** Every commit takes at least `milliseconds`, as on a slow disk. */
  delay(milliseconds: number): void {
    Atomics.store(this.#cells, DELAY, milliseconds);
  }

  /** The next `count` commits fail as on a broken disk. */
  fail(count: number): void {
    Atomics.store(this.#cells, FAILURES, count);
  }

  /** Commits that have come to the gate. */
  get commits(): number {
    return Atomics.load(this.#cells, COMMITS);
  }

  /** True while a commit stands at the gate. */
  get waiting(): boolean {
    return Atomics.load(this.#cells, WAITING) === 1;
  }
}

/** The thread's side: called before every commit. */
export function passGate(shared: SharedArrayBuffer): () => void {
  const cells = new Int32Array(shared);
  return () => {
    Atomics.add(cells, COMMITS, 1);
    Atomics.store(cells, WAITING, 1);
    Atomics.wait(cells, HELD, 1);
    const delay = Atomics.load(cells, DELAY);
    // Waits for a change that never comes: the only way to sleep in a thread without spinning.
    if (delay > 0) Atomics.wait(cells, WAITING, 1, delay);
    Atomics.store(cells, WAITING, 0);
    if (Atomics.load(cells, FAILURES) === 0) return;
    Atomics.sub(cells, FAILURES, 1);
    throw new Error('disk I/O error (made by a test)');
  };
}
