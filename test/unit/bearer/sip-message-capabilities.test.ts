import assert from 'node:assert/strict';
import { silentLogger } from '../../../lib/base/log.ts';
import type { Bearer, DeliveryTarget } from '../../../lib/bearer/bearer.ts';
import { createSipMessageBearer } from '../../../lib/bearer/sip-message.ts';
import { chooseBearer } from '../../../lib/engine/choose-bearer.ts';
import type { DeviceCapabilities } from '../../../lib/model/device-capabilities.ts';
import type { Refusal } from '../../../lib/sip/capabilities/refusal.ts';
import { createSipSender } from '../../../lib/sip/sender.ts';
import { FakeBearer } from '../../support/engine.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { fakeAttempt, fakeDevice, fakePush } from '../../support/fake-push.ts';
import { FakeLeg, fakeAnswer } from '../../support/fake-sip.ts';

describe('a MESSAGE to a device that told what it can', () => {
  let leg: FakeLeg;
  let bearer: Bearer;
  let refusals: [aor: string, device: string, refusal: Refusal][];

  beforeEach(() => {
    leg = new FakeLeg('direct');
    refusals = [];
    bearer = createSipMessageBearer({
      sender: createSipSender({ legs: [leg], force: 'auto', log: silentLogger }),
      clock: new FakeClock(),
      log: silentLogger,
      identity: 'sip:push@ppg.example.com',
      domain: 'ppg.example.com',
      onRefused: (aor, { id }, refusal) => refusals.push([aor, id, refusal]),
    });
  });

  const html = fakePush({ content: { type: 'Text/HTML; charset=utf-8', headers: [], body: Buffer.from('<p>') } });
  const told = (capabilities: Omit<DeviceCapabilities, 'until'>): DeliveryTarget => ({
    kind: 'device',
    device: fakeDevice({ capabilities: { ...capabilities, until: 1 } }),
  });
  const code = (capabilities: Omit<DeviceCapabilities, 'until'>): number => {
    const offer = bearer.offers(html, told(capabilities));
    return offer.offer === 'no' ? offer.code : 0;
  };

  it('is offered unless that is known to be in vain', () => {
    assert.equal(code({}), 0);
    assert.equal(code({ types: ['text/*'], methods: ['MESSAGE'], maxMessageBytes: 3 }), 0);
    assert.equal(code({ types: ['text/plain'] }), 2005);
    assert.equal(code({ refusedTypes: ['text/html'] }), 2005);
    assert.equal(code({ methods: ['INVITE'] }), 2006);
    assert.equal(code({ maxMessageBytes: 2 }), 3006);
    assert.equal(bearer.offers(html, { kind: 'aor' }).offer, 'yes');
  });

  it('teaches by its refusal', async () => {
    leg.answer = () => fakeAnswer(415, { Accept: 'text/plain' });
    await bearer.deliver(fakeAttempt({ push: html, target: told({}) }));
    const [[aor, device, refusal] = []] = refusals;
    assert.deepEqual([aor, device], ['sip:alice@example.com', fakeDevice().id]);
    assert.deepEqual(
      [refusal?.status, refusal?.type, refusal?.bytes, refusal?.method, refusal?.get('accept')],
      [415, 'text/html', 3, 'MESSAGE', 'text/plain'],
    );
  });

  it('teaches nothing by success, by silence, or where it went to nobody in particular', async () => {
    await bearer.deliver(fakeAttempt({ push: html, target: told({}) }));
    leg.answer = () => fakeAnswer(408, {}, { local: true });
    await bearer.deliver(fakeAttempt({ push: html, target: told({}) }));
    leg.answer = () => fakeAnswer(415);
    await bearer.deliver(fakeAttempt({ push: html, target: { kind: 'aor' } }));
    assert.deepEqual(refusals, []);
  });

  it('that is in vain gives its reason before what other bearers cannot do', () => {
    const other = Object.assign(new FakeBearer(), { name: 'other' });
    other.offer = { offer: 'no', code: 3006, cause: 'cannot' };
    const unfit = told({ types: ['text/plain'] });
    assert.equal(chooseBearer(html, unfit, [bearer, other]).refusal?.code, 2005);
    assert.equal(chooseBearer(html, unfit, [other, bearer]).refusal?.code, 2005);
    assert.equal(chooseBearer(html, told({}), [other]).refusal?.code, 3006);
    other.offer = { offer: 'transform', how: 'by reference' };
    assert.equal(chooseBearer(html, unfit, [bearer, other]).bearer?.name, 'other');
    assert.equal(chooseBearer(html, unfit, [bearer, other], undefined, new Set(['other'])).bearer, undefined);
  });
});
