import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '../../../lib/base/log.ts';
import { openAudit } from '../../../lib/cli/log.ts';
import { until } from '../../support/call-net.ts';

describe('the audit file', () => {
  let directory: string;
  let file: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'ppg-audit-'));
    file = join(directory, 'audit.log');
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const lines = (): unknown[] =>
    readFileSync(file, 'utf8')
      .split('\n')
      .flatMap((line) => (line === '' ? [] : [JSON.parse(line)]));

  it('has a line of JSON for each decision, without what is not known of it', async () => {
    const audit = openAudit(file, silentLogger);
    audit.log.info({ event: 'refused', at: 1, pushId: 'a\n"b"', rule: undefined }, 'a request was refused');
    audit.log.info('no more');
    audit.close();
    await until(() => readFileSync(file, 'utf8').endsWith('more"}\n'));
    assert.deepEqual(lines(), [
      { event: 'refused', at: 1, pushId: 'a\n"b"', msg: 'a request was refused' },
      { msg: 'no more' },
    ]);
  });

  it('that cannot be opened anew ends nothing: the operator is told, and nothing is lost', async () => {
    const told: string[] = [];
    const audit = openAudit(file, { error: (_: unknown, message?: string) => void told.push(message ?? '') });
    const moved = join(directory, 'moved.log');
    renameSync(file, moved);
    mkdirSync(file);
    audit.reopen();
    assert.deepEqual(told, ['the audit file cannot be written']);
    audit.log.info({ event: 'accepted', at: 1 }, 'first');
    rmSync(file, { recursive: true });
    audit.reopen();
    audit.log.info({ event: 'accepted', at: 2 }, 'second');
    audit.close();
    await until(() => [moved, file].every((name) => readFileSync(name, 'utf8').endsWith('\n')));
    assert.match(readFileSync(moved, 'utf8'), /first/);
    assert.deepEqual(lines(), [{ event: 'accepted', at: 2, msg: 'second' }]);
  });
});
