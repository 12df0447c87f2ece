import { PpgError } from '../../base/errors.ts';
import type { Database } from './driver.ts';
import { SCHEMA_1 } from './schema.ts';

/** Step n takes a database from version n to n + 1. Steps are never changed once released, only added. */
const STEPS: readonly string[] = [SCHEMA_1];

/** Brings the database to the version of this release, each step in a transaction of its own; forward only. */
export function migrate(db: Database): void {
  const version = Number(db.prepare('PRAGMA user_version').get([])?.[0] ?? 0);
  if (version > STEPS.length) {
    throw new PpgError(
      'PPG_E_STORE',
      `The database is of version ${version}, this release knows ${STEPS.length}: it was written by a newer release. Use that release or another file.`,
    );
  }
  for (const [step, sql] of STEPS.entries()) {
    if (step < version) continue;
    db.exec(`BEGIN IMMEDIATE; ${sql} PRAGMA user_version = ${step + 1}; COMMIT`);
  }
}
