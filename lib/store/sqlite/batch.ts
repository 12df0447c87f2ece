import { messageOf } from '../../base/errors.ts';
import type { Operation } from './messages.ts';
import type { Room } from './room.ts';

export interface BatchResult {
  readonly results: readonly unknown[];
  /** Places in `results` where a message stands that says why there is none. */
  readonly failed: readonly number[];
}

/**
 * Runs operations in one transaction: one sync of the disk for all of them. When anything fails, none of it
 * happened, and each is run in a transaction of its own, so that a bad one fails alone.
 */
export function batchRunner({ db, live, handlers }: Room, beforeCommit: () => void): BatchRunner {
  const begin = db.prepare('BEGIN IMMEDIATE');
  const commit = db.prepare('COMMIT');
  const rollback = db.prepare('ROLLBACK');

  const transact = (operations: readonly Operation[], bodies: Buffer): unknown[] => {
    live.begin();
    begin.run([]);
    try {
      const results: unknown[] = [];
      for (const [op, ...args] of operations) {
        const handler = handlers[op];
        if (handler === undefined) throw new Error(`unknown operation ${op}`);
        results.push(handler(args as never[], bodies));
      }
      beforeCommit();
      commit.run([]);
      return results;
    } catch (error) {
      live.rollback();
      try {
        rollback.run([]);
      } catch {
        // SQLite has rolled back by itself, as it does when the disk is full.
      }
      throw error;
    }
  };

  return (operations, bodies) => {
    try {
      return { results: transact(operations, bodies), failed: [] };
    } catch (error) {
      if (operations.length === 1) return { results: [messageOf(error)], failed: [0] };
    }
    const failed: number[] = [];
    const results = operations.map((operation, place) => {
      try {
        return transact([operation], bodies)[0];
      } catch (error) {
        failed.push(place);
        return messageOf(error);
      }
    });
    return { results, failed };
  };
}

export type BatchRunner = (operations: readonly Operation[], bodies: Buffer) => BatchResult;
