import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { type ServedGateway, serveGateway, temporaryDirectory } from '../../support/cli.ts';
import { basic, pushBody, secretHash } from '../../support/tenants.ts';

describe('SIGHUP to drachtio-ppg serve', function () {
  this.timeout(60_000);
  const directory = temporaryDirectory();
  let gateway: ServedGateway;

  const configure = (initiators: unknown): void => {
    writeFileSync(directory.file('config/local.json'), JSON.stringify({ ppg: { initiators } }));
  };
  const submit = async (user: string): Promise<number> => {
    const headers = { ...basic(user), 'Content-Type': 'multipart/related; boundary=B; type="application/xml"' };
    const { status, body } = await fetch(gateway.url, { method: 'POST', headers, body: pushBody() });
    await body?.cancel();
    return status;
  };

  before(async () => {
    mkdirSync(directory.file('config'));
    configure([{ name: 'old', passwordHash: await secretHash() }]);
    gateway = await serveGateway(directory.path, { PPG_LOG_LEVEL: 'info' });
  });
  after(async () => {
    await gateway?.cli.end();
    directory.remove();
  });

  it('takes over other accounts, and keeps the old ones while the new cannot be used', async () => {
    assert.deepEqual([await submit('old'), await submit('new')], [202, 401]);
    configure([{ name: 'new', passwordHash: await secretHash(), allow: { rate: 'much' } }]);
    gateway.cli.signal('SIGHUP');
    await gateway.cli.until(/ppg\.initiators\.0\.allow\.rate.*the old one stays/);
    assert.deepEqual([await submit('old'), await submit('new')], [202, 401]);
    configure([{ name: 'new', passwordHash: await secretHash() }]);
    gateway.cli.signal('SIGHUP');
    await gateway.cli.until(/was read again/);
    assert.deepEqual([await submit('old'), await submit('new')], [401, 202]);
    assert.ok(gateway.cli.running);
  });
});
