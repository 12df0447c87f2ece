import assert from 'node:assert/strict';
import { createFormChoice, type ProfileRule } from '../../../lib/bearer/profile.ts';
import type { DeviceCapabilities } from '../../../lib/model/device-capabilities.ts';
import { fakeDevice, fakePush } from '../../support/fake-push.ts';

const withExpires = fakePush({ content: { headers: [{ name: 'Expires', value: 'Wed, 30 Jun 2099 00:00:00 GMT' }] } });
const device = (
  told: Partial<DeviceCapabilities> = {},
  more = {},
): { kind: 'device'; device: ReturnType<typeof fakeDevice> } => ({
  kind: 'device',
  device: fakeDevice({ capabilities: { until: 0, ...told }, ...more }),
});

describe('which profile a device gets', () => {
  it('headers, where nobody says anything', () => {
    assert.equal(createFormChoice()(withExpires, { kind: 'aor' }), 'headers');
    const rules: ProfileRule[] = [{ match: { application: 'ulp.ua' }, profile: 'bare' }];
    assert.equal(createFormChoice(rules)(withExpires, { kind: 'aor' }), 'headers');
  });

  it('by what the device says it is, the application, the type of the content, the instance; the first rule counts', () => {
    const choose = createFormChoice([
      { match: { userAgent: 'Acme*/2.*', application: 'x-wap-application:MMS.ua' }, profile: 'oma-push' },
      { match: { userAgent: 'acme*' }, profile: 'mime' },
      { match: { type: 'text/*', instance: 'urn:uuid:1*' }, profile: 'bare' },
    ]);
    assert.equal(choose(withExpires, device({ userAgent: 'ACME Phone/2.1' })), 'oma-push');
    assert.equal(choose(fakePush({ applicationId: 'wml.ua' }), device({ userAgent: 'Acme Phone/2.1' })), 'mime');
    assert.equal(choose(withExpires, device({}, { instance: 'urn:uuid:12' })), 'bare');
    assert.equal(choose(withExpires, device()), 'headers');
    const address = { text: 'x', aor: 'sip:a@b', instance: 'urn:uuid:12' };
    assert.equal(choose(withExpires, { kind: 'aor' }, address), 'bare');
    assert.equal(choose(withExpires, { kind: 'aor' }), 'headers', 'what is not known does not match');
  });

  it('auto: an inner level only where a header needs it and the device told by name that it takes multipart', () => {
    const choose = createFormChoice([{ match: {}, profile: 'auto' }]);
    assert.equal(choose(withExpires, device({ types: ['text/plain', 'multipart/mixed'] })), 'mime');
    assert.equal(choose(withExpires, device({ types: ['multipart/*'] })), 'mime');
    assert.equal(choose(withExpires, device({ types: ['*/*'] })), 'headers');
    assert.equal(choose(withExpires, device()), 'headers');
    assert.equal(choose(withExpires, { kind: 'aor' }), 'headers');
    assert.equal(choose(fakePush(), device({ types: ['multipart/mixed'] })), 'headers');
  });
});
