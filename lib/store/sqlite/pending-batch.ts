import type { PpgError } from '../../base/errors.ts';
import type { Operation } from './messages.ts';

/** A call that waits for its result. */
export interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: PpgError) => void;
}

const FIRST_SIZE = 16_384;

/** Calls that will share a transaction, with copies of their contents in one buffer. */
export class PendingBatch {
  readonly operations: Operation[] = [];
  readonly waiting: Waiting[] = [];
  #bodies: Buffer | undefined;
  #used = 0;

  add(operation: Operation, waiting: Waiting): void {
    this.operations.push(operation);
    this.waiting.push(waiting);
  }

  /** Copies content; answers where it lies. */
  keep(body: Uint8Array): number {
    const offset = this.#used;
    const needed = offset + body.length;
    if (this.#bodies === undefined || this.#bodies.length < needed) {
      // Not from the pool: the whole memory of this buffer is handed to the thread.
      const larger = Buffer.allocUnsafeSlow(Math.max(FIRST_SIZE, 2 * needed));
      if (this.#bodies !== undefined) this.#bodies.copy(larger, 0, 0, offset);
      this.#bodies = larger;
    }
    this.#bodies.set(body, offset);
    this.#used = needed;
    return offset;
  }

  get bodies(): ArrayBuffer | undefined {
    return this.#bodies?.buffer as ArrayBuffer | undefined;
  }
}
