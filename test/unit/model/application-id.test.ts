import assert from 'node:assert/strict';
import { applicationIdOf, parseApplicationId } from '../../../lib/model/application-id.ts';
import { APPLICATION_NUMBERS } from '../../../lib/model/application-numbers.ts';

describe('parseApplicationId', () => {
  for (const [value, tag, urn, number] of [
    [undefined, 'wml.ua', 'x-wap-application:wml.ua', 2],
    ['', 'wml.ua', 'x-wap-application:wml.ua', 2],
    ['/', 'wml.ua', 'x-wap-application:wml.ua', 2],
    ['x-wap-application:mms.ua', 'mms.ua', 'x-wap-application:mms.ua', 4],
    ['X-WAP-Application:MMS.UA', 'mms.ua', 'x-wap-application:mms.ua', 4],
    ['mms.ua', 'mms.ua', 'x-wap-application:mms.ua', 4],
    ['ulp.ua', 'ulp.ua', 'x-oma-application:ulp.ua', 0x10],
    ['x-oma-application:ulp.ua', 'ulp.ua', 'x-oma-application:ulp.ua', 0x10],
    ['4', 'mms.ua', 'x-wap-application:mms.ua', 4],
    ['0x04', 'mms.ua', 'x-wap-application:mms.ua', 4],
    ['10', 'ulp.ua', 'x-oma-application:ulp.ua', 0x10],
    ['9055', 'x-oma-docomo:open.ctl', 'x-oma-docomo:open.ctl', 0x9055],
    ['x-oma-docomo:open.ctl', 'x-oma-docomo:open.ctl', 'x-oma-docomo:open.ctl', 0x9055],
    ['905b', 'scidm.ua', 'x-oma-application:scidm.ua', 0x905b],
    ['1', 'push.sia', 'x-wap-application:push.sia', 1],
    ['push.sia', 'push.sia', 'x-wap-application:push.sia', 1],
    ['x-3gpp.gba.andsf.ua', 'x-3gpp.gba.andsf.ua', 'x-3gpp.gba.andsf.ua', 0x9071],
    ['*', '*', 'x-wap-application:*', 0],
    ['4001', '0x4001', undefined, 0x4001],
    ['x-wap-application:new.ua;app-encoding=4a', 'new.ua', 'x-wap-application:new.ua', 0x4a],
    ['http://example.com/app ; app-encoding=4A01', 'http://example.com/app', 'http://example.com/app', 0x4a01],
    ['crbt.ua', 'crbt.ua', 'x-wap-application:crbt.ua', undefined],
  ] as const) {
    it(`reads ${JSON.stringify(value)}`, () =>
      assert.deepEqual(parseApplicationId(value), {
        tag,
        ...(urn !== undefined && { urn }),
        ...(number !== undefined && { number }),
      }));
  }

  for (const value of [
    'a b',
    'a"b',
    '<x:y>',
    'x:\r\ny',
    'x:y>',
    ':x',
    'x:',
    'a;b',
    'a;app-encoding=xyz',
    'a;app-encoding=',
    'a,b',
    'x:\u00e9',
    'a'.repeat(300),
  ]) {
    it(`refuses ${JSON.stringify(value.slice(0, 40))}`, () =>
      assert.throws(() => parseApplicationId(value), { code: 'PPG_E_PUSH_REFUSED', papCode: 2000 }));
  }

  it('finds the header whatever its case', () => {
    assert.equal(
      applicationIdOf([
        { name: 'Date', value: 'x' },
        { name: 'X-WAP-APPLICATION-ID', value: '7' },
      ]),
      'syncml.dm',
    );
    assert.equal(applicationIdOf([]), 'wml.ua');
  });

  it('reads every number of the registry back to its URN', () => {
    for (const [number, urn] of APPLICATION_NUMBERS) {
      assert.equal(parseApplicationId(number.toString(16)).urn, urn);
      assert.equal(parseApplicationId(urn).urn, urn);
    }
  });
});
