import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { createMetrics } from '../../../lib/ops/metrics.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const read = (file: string): string => readFileSync(resolve(ROOT, file), 'utf8');

describe('docs/operations.md', () => {
  const doc = read('docs/operations.md');

  it('has every metric, and none that is not there', async () => {
    const silent = {
      on: () => () => undefined,
      counts: () => Promise.reject(new Error('no store')),
      ready: true,
      legs: [],
      inFlight: 0,
      capabilityCounts: { hits: 0, misses: 0 },
    };
    const { registry } = createMetrics(silent);
    const names = registry.getMetricsAsArray().map(({ name }) => name);
    const listed = [...doc.matchAll(/^\| `(ppg_[a-z_]+)/gm)].map(([, name]) => name);
    assert.deepEqual(listed.sort(), names.sort());
  });
});
