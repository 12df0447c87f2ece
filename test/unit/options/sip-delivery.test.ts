import assert from 'node:assert/strict';
import { checkOptions, type PpgConfiguration } from '../../../lib/options/options.ts';

describe('options of delivery by SIP', () => {
  const sipOf = (sip: PpgConfiguration['sip']) => checkOptions({ domain: 'ims.test', sip }).sip;

  it('change nothing of a push by default', () => {
    const { outcomes, followRedirects, imdn, assertedService, iari } = sipOf({});
    assert.deepEqual(
      { outcomes, followRedirects, imdn, assertedService, iari },
      { outcomes: {}, followRedirects: true, imdn: 'never', assertedService: undefined, iari: [] },
    );
  });

  it('take URNs only, since they go into headers', () => {
    assert.equal(sipOf({ assertedService: 'urn:urn-7:3gpp-service.ims.icsi.x' }).assertedService?.length, 33);
    for (const wrong of ['icsi', 'urn:a\r\nRoute: <sip:evil>', 'urn:a"b', 'urn:a>']) {
      assert.throws(() => sipOf({ assertedService: wrong }), /sip\.assertedService: must be a URN such as/);
      assert.throws(() => sipOf({ iari: [wrong] }), /sip\.iari\.0: must be a URN such as/);
    }
  });

  it('ask for notifications or do not', () => {
    assert.equal(sipOf({ imdn: 'auto' }).imdn, 'auto');
    assert.throws(() => sipOf({ imdn: 'always' as 'auto' }), /sip\.imdn: /);
  });

  it('want a secret that is worth its name', () => {
    const secretOf = (secret: string) => checkOptions({ domain: 'ims.test', secret }).secret;
    assert.equal(secretOf('x'.repeat(32))?.length, 32);
    assert.throws(() => secretOf('x'.repeat(31)), /secret: must have 32 octets or more/);
  });
});
