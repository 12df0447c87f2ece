import { writeFileSync } from 'node:fs';

/** Where PPG_TEST_REPORT names a file, leaves `N passed, N failed, N skipped` there when the run has ended. */
export function mochaGlobalTeardown(this: { stats: Mocha.Stats }): void {
  const file = process.env['PPG_TEST_REPORT'];
  if (file === undefined || file === '') return;
  const { passes, failures, pending } = this.stats;
  writeFileSync(file, `${passes} passed, ${failures} failed, ${pending} skipped\n`);
}
