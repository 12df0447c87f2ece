import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { runCli } from '../../support/cli.ts';

describe('drachtio-ppg demo', function () {
  this.timeout(120_000);

  it('shows two pushes over two legs, leaves nothing behind and exits 0', async () => {
    const leftovers = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('drachtio-ppg-demo-'));
    const before = leftovers();
    const { code, stdout, stderr } = await runCli(['demo']);
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /ok {2}carried by the direct leg/);
    assert.match(stdout, /ok {2}carried by the drachtio leg/);
    assert.equal(stdout.match(/the very octets that were submitted/g)?.length, 2);
    assert.ok(!stdout.includes('\u001b'), 'colours on something that is no terminal');
    assert.deepEqual(leftovers(), before);
  });
});
