import assert from 'node:assert/strict';
import { capabilitiesOf, contradiction } from '../../../lib/model/capabilities.ts';
import { address, device, registration } from '../../support/model.ts';

const ALICE = address('alice');
const phone = device('phone', ['mms.ua', 'wml.ua'], {
  features: { type: 'Text/Plain,<image/*>,!text/html', language: 'en,de' },
  expiresAt: 2000,
});
const meter = device('meter', ['ulp.ua'], { features: { type: 'application/vnd.omaloc-supl-init' }, expiresAt: 5000 });
const silent = device('silent');

describe('what is known of a client', () => {
  it('is the union of what its devices told, in one order, without their names', () => {
    const both = capabilitiesOf(
      registration([phone, meter, silent].map((one) => ({ ...one, expiresAt: 5000 }))),
      ALICE,
    );
    assert.deepEqual(both, {
      applications: ['mms.ua', 'ulp.ua', 'wml.ua'],
      types: ['application/vnd.omaloc-supl-init', 'image/*', 'text/plain'],
      languages: ['de', 'en'],
      until: 5000,
    });
    assert.deepEqual(
      capabilitiesOf(registration([meter, phone]), ALICE),
      capabilitiesOf(registration([phone, meter]), ALICE),
    );
    assert.doesNotMatch(JSON.stringify(both), /urn:uuid|10\.0\.0\.1|phone|meter/);
  });

  it('has what devices told when they were asked, and what tells them apart only where all told the same', () => {
    const told = (id: string, more: object): typeof phone =>
      device(id, undefined, { expiresAt: 5000, capabilities: { userAgent: 'Phone/1', until: 1, ...more } });
    const one = told('a', { types: ['a/b'], encodings: ['gzip'], applications: ['mms.ua'], maxMessageBytes: 900 });
    const other = told('b', { types: ['c/d'], languages: ['fi'], profile: 'http://p.test/b' });
    assert.deepEqual(capabilitiesOf(registration([one, other]), ALICE), {
      applications: ['mms.ua'],
      types: ['a/b', 'c/d'],
      languages: ['fi'],
      encodings: ['gzip'],
      userAgent: 'Phone/1',
      until: 5000,
    });
    assert.equal(capabilitiesOf(registration([one, silent]), ALICE)?.userAgent, undefined);
    assert.equal(capabilitiesOf(registration([one]), ALICE)?.maxBytes, 900);
    assert.equal(capabilitiesOf(registration([other]), ALICE)?.profile, 'http://p.test/b');
  });

  it('is narrowed by an application to the devices that run it', () => {
    assert.deepEqual(capabilitiesOf(registration([phone, meter]), ALICE, 'x-oma-application:ulp.ua'), {
      applications: ['ulp.ua'],
      types: ['application/vnd.omaloc-supl-init'],
      until: 5000,
    });
    assert.equal(capabilitiesOf(registration([phone]), ALICE, 'ulp.ua'), undefined);
  });

  it('is one device when the address names one', () => {
    const named = { ...ALICE, instance: 'urn:uuid:meter' };
    assert.deepEqual(capabilitiesOf(registration([phone, meter]), named)?.applications, ['ulp.ua']);
    assert.equal(capabilitiesOf(registration([phone]), named), undefined);
    const gruu = 'sip:alice@ims.test;gr=1';
    assert.deepEqual(capabilitiesOf(registration([{ ...phone, gruu }, meter]), { ...ALICE, gruu })?.applications, [
      'mms.ua',
      'wml.ua',
    ]);
  });

  it('is nothing for a user who is unknown, gone, or whose devices are silent', () => {
    assert.equal(capabilitiesOf(undefined, ALICE), undefined);
    assert.equal(capabilitiesOf(registration([], { registered: false }), ALICE), undefined);
    assert.equal(capabilitiesOf(registration([]), ALICE), undefined);
    assert.equal(capabilitiesOf(registration([silent]), ALICE), undefined);
  });
});

describe('capabilities that were taken for granted', () => {
  const takesBinary = { ...phone, features: { type: '<application/vnd.wap.sic>' } };
  const cases: [string, Parameters<typeof contradiction>[0], (typeof phone)[], RegExp | undefined][] = [
    ['an application that runs', { applications: ['mms.ua'] }, [phone], undefined],
    ['an application in another spelling', { applications: ['X-WAP-Application:MMS.UA'] }, [phone], undefined],
    ['any application', { applications: ['*'] }, [phone], undefined],
    ['an application that one of several runs', { applications: ['ulp.ua'] }, [phone, meter], undefined],
    ['an application that none runs', { applications: ['mms.ua', 'dm.ua'] }, [phone, meter], /runs dm\.ua/],
    ['an application, and a device that tells of none', { applications: ['dm.ua'] }, [phone, silent], undefined],
    ['a type that is taken', { types: ['text/plain'] }, [phone], undefined],
    ['a type within a range', { types: ['image/gif'] }, [phone], undefined],
    ['a range', { types: ['text/*', '*/*'] }, [phone], undefined],
    ['a type that is not taken', { types: ['text/html'] }, [phone, meter], /takes text\/html/],
    ['a type, and a device that tells of none', { types: ['text/html'] }, [phone, silent], undefined],
    ['a type whose other form is taken', { types: ['text/vnd.wap.si'] }, [takesBinary], undefined],
    ['a type that has no other form taken', { types: ['text/vnd.wap.sl'] }, [takesBinary], /takes text\/vnd\.wap\.sl/],
    ['nothing', {}, [phone], undefined],
    ['no device', { types: ['text/html'] }, [], undefined],
  ];
  for (const [what, assumed, devices, wrong] of cases) {
    it(`${what}: ${wrong === undefined ? 'nothing against it' : 'a contradiction'}`, () => {
      const found = contradiction(assumed, registration(devices), ALICE);
      if (wrong === undefined) assert.equal(found, undefined);
      else assert.match(found ?? '', wrong);
    });
  }

  it('of an unknown or absent user are not contradicted', () => {
    assert.equal(contradiction({ applications: ['x.ua'] }, undefined, ALICE), undefined);
    assert.equal(contradiction({ applications: ['x.ua'] }, registration([], { registered: false }), ALICE), undefined);
  });
});
