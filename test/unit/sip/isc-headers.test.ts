import assert from 'node:assert/strict';
import { iscHeaders } from '../../../lib/sip/isc-headers.ts';

const OURS = { identity: 'sip:push@ims.test', domain: 'ims.test' };
const text = (headers: ReturnType<ReturnType<typeof iscHeaders>>): string[] =>
  headers.map(({ name, value }) => `${name}: ${value}`);

describe('headers of the ISC interface', () => {
  it('say who asks and give every request a charging identifier of its own', () => {
    const next = iscHeaders(OURS);
    const [first = [], second = []] = [text(next()), text(next())];
    assert.equal(first[0], 'P-Asserted-Identity: <sip:push@ims.test>');
    assert.match(first[1] ?? '', /^P-Charging-Vector: icid-value=\w+;icid-generated-at=ims\.test;orig-ioi=ims\.test$/);
    assert.notEqual(first[1], second[1]);
    assert.equal(first.length, 2);
  });

  it('name the service and the application where they are configured', () => {
    const next = iscHeaders({
      ...OURS,
      assertedService: 'urn:urn-7:3gpp-service.ims.icsi.push',
      iari: ['urn:urn-7:3gpp-application.ims.iari.a', 'urn:urn-7:3gpp-application.ims.iari.b'],
    });
    const lines = text(next());
    assert.ok(lines.includes('P-Asserted-Service: urn:urn-7:3gpp-service.ims.icsi.push'));
    assert.ok(
      lines.includes(
        'Accept-Contact: *;+g.3gpp.iari-ref="urn%3Aurn-7%3A3gpp-application.ims.iari.a,urn%3Aurn-7%3A3gpp-application.ims.iari.b";require;explicit',
      ),
    );
  });

  it('ask nothing of devices in what is for the core', () => {
    const next = iscHeaders({ ...OURS, assertedService: 'urn:a:b', iari: ['urn:a:c'] });
    const names = next({ forDevice: false }).map(({ name }) => name);
    assert.deepEqual(names, ['P-Asserted-Identity', 'P-Charging-Vector']);
  });

  it('ask for privacy of one request, not of the next', () => {
    const next = iscHeaders(OURS);
    assert.ok(text(next({ privacy: true })).includes('Privacy: id'));
    assert.ok(!text(next()).includes('Privacy: id'));
  });
});
