import assert from 'node:assert/strict';
import { bench, rowsNamed } from '../../bench/bench.ts';
import { table } from '../../bench/report.ts';

/** Whether the bench still runs; how fast anything is decides nothing here. */
describe('bench', function () {
  this.timeout(120_000);

  it('a short round counts every push of the relay and of the gateway', async () => {
    const rows = rowsNamed(['relay', 'direct']);
    const steps: string[] = [];
    const lines = await bench({
      rows,
      rounds: 1,
      effort: { time: 300, connections: 4, most: 200, users: 1000, waiting: 0 },
      warmUp: 50,
      onStep: (_done, _all, what) => steps.push(what),
    });
    assert.deepEqual(
      lines.map(({ name, lost, refused }) => ({ name, lost, refused })),
      [
        { name: 'relay', lost: 0, refused: 0 },
        { name: 'direct', lost: 0, refused: 0 },
      ],
    );
    const [, direct] = lines;
    assert.ok(direct !== undefined && direct.pushes > 0);
    assert.ok(direct.rateRatio !== undefined && direct.cpuRatio !== undefined);
    assert.equal(table(lines, rows).split('\n').length, 4);
    assert.equal(steps.at(-1), 'done');
  });

  it('a row that does not exist is named, with those that do', () => {
    assert.throws(() => rowsNamed(['direct', 'quick']), /no row "quick"; there are relay, /);
  });
});
