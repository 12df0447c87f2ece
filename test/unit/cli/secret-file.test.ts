import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { secretOf } from '../../../lib/cli/secret-file.ts';

describe('what a node signs with', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'ppg-secret-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('is made beside the database, for its owner alone, and is the same in every life', () => {
    const store = `sqlite:${join(folder, 'below', 'ppg.db')}`;
    const file = join(folder, 'below', 'ppg.db.secret');
    const secret = secretOf({ store });
    assert.ok(secret !== undefined && secret.length >= 32);
    assert.equal(readFileSync(file, 'utf8').trim(), secret);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal(secretOf({ store }), secret);
    assert.notEqual(secretOf({ store: `sqlite:${join(folder, 'other.db')}` }), secret);
  });

  it('is the configured one where there is one, and none for a store without a file', () => {
    const store = `sqlite:${join(folder, 'ppg.db')}`;
    assert.equal(secretOf({ store, secret: 'configured' }), 'configured');
    assert.equal(existsSync(join(folder, 'ppg.db.secret')), false);
    assert.equal(secretOf({ store: 'memory' }), undefined);
  });

  it('a file that holds too little, or that is none, is refused by its name', () => {
    writeFileSync(join(folder, 'ppg.db.secret'), 'short\n');
    const refused = { code: 'PPG_E_CONFIG', message: /ppg\.db\.secret.*PPG_SECRET/ };
    assert.throws(() => secretOf({ store: `sqlite:${join(folder, 'ppg.db')}` }), refused);
    writeFileSync(join(folder, 'file'), '');
    assert.throws(() => secretOf({ store: `sqlite:${join(folder, 'file', 'ppg.db')}` }), { code: 'PPG_E_CONFIG' });
  });
});
