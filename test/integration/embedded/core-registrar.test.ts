import assert from 'node:assert/strict';
import { systemClock } from '../../../lib/base/clock.ts';
import type { BindingRecord } from '../../../lib/store/bindings.ts';
import { freePorts } from '../../support/ports.ts';
import { accepting, element, phone, startCore, stopAll } from './core-scene.ts';

describe('embedded core as a registrar', () => {
  afterEach(stopAll);

  it('answers with every contact, its parameters as they came and the time it has left', async () => {
    const core = await startCore();
    const device = await element();
    const parameters = ';+g.oma.pusheventapp="mms.ua,ulp.ua";+sip.instance="<urn:uuid:1>";X-Odd="a\\"b";q=0.5';
    const response = await device.send({
      method: 'REGISTER',
      uri: 'sip:example.com',
      hop: core.hop,
      headers: {
        To: '<sip:alice@example.com>',
        Contact: `<sip:alice@192.0.2.7;ob>${parameters};expires=120, <sip:alice@192.0.2.8>`,
        Expires: '90',
      },
    });
    assert.equal(response.status, 200);
    assert.deepEqual(response.headers.all('Contact'), [
      `<sip:alice@192.0.2.7;ob>${parameters};expires=120`,
      '<sip:alice@192.0.2.8>;expires=90',
    ]);
  });

  it('a phone that leaves is gone', async () => {
    const core = await startCore();
    const gateway = await element();
    const alice = await phone(core, 'alice');
    assert.equal(core.core.registered('sip:alice@example.com')[0]?.contact, alice.contact);
    await alice.stop();
    assert.deepEqual(core.core.registered('sip:alice@example.com'), []);
    assert.equal((await gateway.send({ uri: 'sip:alice@example.com', hop: core.hop })).status, 480);
  });

  it('a phone that asks for too short a time learns the shortest and takes it', async () => {
    const core = await startCore({ minExpires: 120 });
    await phone(core, 'alice', { expires: 30 });
    const left = (core.core.registered('sip:alice@example.com')[0]?.expiresAt ?? 0) - systemClock.now();
    assert.ok(left > 110_000 && left <= 120_000, String(left));
  });

  it('with digest, a phone that knows its password registers, and renews', async () => {
    const core = await startCore({ digest: { users: { alice: 'secret' } } });
    const alice = await phone(core, 'alice', { password: 'secret' });
    await alice.register();
    assert.equal(core.core.registered('sip:alice@example.com').length, 1);
    await assert.rejects(phone(core, 'alice', { password: 'guess' }), { code: 'PPG_E_FORBIDDEN', sipStatus: 401 });
    await assert.rejects(phone(core, 'alice'), { sipStatus: 401 });
  });

  it('registrations survive a restart', async () => {
    const records = new Map<string, BindingRecord>();
    const [port = 0] = await freePorts(1);
    const first = await startCore({ records, port });
    const gateway = await element();
    const alice = await phone(first, 'alice');
    await first.core.stop();
    const second = await startCore({ records, port });
    assert.equal(second.core.registered('sip:alice@example.com').length, 1);
    const response = await gateway.send({
      uri: alice.gruu ?? '',
      hop: second.hop,
      headers: accepting('mms.ua'),
    });
    assert.deepEqual([response.status, alice.pushes.length], [200, 1]);
  });
});
