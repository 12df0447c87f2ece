import assert from 'node:assert/strict';
import { CODE_TABLE, codeFor, describeCode, mayStand, PAP } from '../../../lib/model/result-codes.ts';
import { CARRIERS, isTabled, TABLED_CODES } from '../../support/pap-codes.ts';

const EVERY_CODE: readonly number[] = [
  ...new Set([...TABLED_CODES, ...Object.values(PAP), 1500, 2999, 3999, 4999, 5999]),
];

describe('status codes', () => {
  for (const carrier of CARRIERS) {
    it(`stand in ${carrier} where the table of WAP-247 has them`, () => {
      for (const code of TABLED_CODES) assert.equal(mayStand(code, carrier), isTabled(code, carrier), `${code}`);
      for (const code of CODE_TABLE[carrier].codes) assert.ok(isTabled(code, carrier), `${code}`);
    });

    for (const version of ['1.0', '2.0', '2.1']) {
      it(`in ${carrier} of PAP ${version} become one that may stand there, and stay when they may`, () => {
        for (const code of EVERY_CODE) {
          const written = codeFor(code, carrier, version);
          assert.ok(mayStand(written, carrier, version), `${code} became ${written}`);
          if (mayStand(code, carrier, version)) assert.equal(written, code);
          if (code < 2000) assert.ok(written < 2000 || carrier === 'badmessage-response', `${code} became ${written}`);
          else assert.ok(written >= 2000, `${code} became ${written}`);
        }
      });
    }
  }

  it('that came with 2.0 are not told to PAP 1.0', () => {
    assert.equal(codeFor(2008, 'cancel-result', '1.0'), 3003);
    assert.equal(codeFor(2008, 'response-result', '1.0'), 2000);
    assert.equal(codeFor(3011, 'response-result', '1.0'), 3000);
    assert.equal(codeFor(2008, 'cancel-result', '2.3'), 2008);
  });

  it('of a class without a general code become what the element has for it', () => {
    assert.equal(codeFor(2006, 'statusquery-result', '2.0'), 2000);
    assert.equal(codeFor(4000, 'cancel-result', '2.0'), 3000);
    assert.equal(codeFor(3000, 'resultnotification-message', '2.0'), 4000);
    assert.equal(codeFor(3000, 'badmessage-response', '2.0'), 2000);
    assert.equal(codeFor(1000, 'response-result', '2.0'), 1001);
  });

  it('all have words', () => {
    for (const code of Object.values(PAP)) assert.doesNotMatch(describeCode(code), /^Status/);
  });
});
