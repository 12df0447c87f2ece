import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
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

  it('that cannot be written ends nothing: the operator is told, and it goes on when it can', async () => {
    const told: string[] = [];
    const audit = openAudit(file, { error: (_: unknown, message?: string) => void told.push(message ?? '') });
    rmSync(directory, { recursive: true });
    audit.reopen();
    audit.log.info({ event: 'accepted', at: 1 }, 'a push was accepted');
    await until(() => told.length > 0);
    assert.equal(told[0], 'the audit file cannot be written');
    mkdirSync(directory);
    audit.reopen();
    audit.log.info({ event: 'accepted', at: 2 }, 'a push was accepted');
    await until(() => {
      try {
        return lines().length > 0;
      } catch {
        return false; // not there yet
      }
    });
    audit.close();
  });
});
