import assert from 'node:assert/strict';
import fc from 'fast-check';
import { readRegInfo } from '../../lib/codec/reginfo/read.ts';
import { CONTACT_EVENTS, type RegInfo, type RegInfoContact } from '../../lib/codec/reginfo/reginfo.ts';
import { writeRegInfo } from '../../lib/codec/reginfo/write.ts';

/** Text as it can stand in the document: no blanks at its ends, no quotes around it, nothing that XML has not. */
const text = fc
  .string({ unit: 'grapheme', maxLength: 30 })
  .filter((value) => value.trim() === value && !value.startsWith('"') && !/[\p{Cc}\ufffe\uffff]/u.test(value));
const number = fc.nat({ max: 4_000_000 });
const param = fc.tuple(text, text).map(([name, value]) => (value === '' ? { name } : { name, value }));
const contact: fc.Arbitrary<RegInfoContact> = fc.record(
  {
    id: text,
    uri: text,
    state: fc.constantFrom('active' as const, 'terminated' as const),
    event: fc.constantFrom(...CONTACT_EVENTS),
    expires: number,
    retryAfter: number,
    q: text,
    callId: text,
    cseq: number,
    params: fc.array(param, { maxLength: 4 }),
    pubGruu: text,
    tempGruu: text,
  },
  { requiredKeys: ['id', 'uri', 'state', 'event', 'params'] },
);
const document: fc.Arbitrary<RegInfo> = fc.record({
  version: number,
  state: fc.constantFrom('full' as const, 'partial' as const),
  registrations: fc.array(
    fc.record({
      aor: text,
      id: text,
      state: fc.constantFrom('init' as const, 'active' as const, 'terminated' as const),
      contacts: fc.array(contact, { maxLength: 3 }),
    }),
    { maxLength: 3 },
  ),
});

const plain = (value: RegInfo): unknown => JSON.parse(JSON.stringify(value));

describe('whatever a registration information document says', () => {
  it('it is read as it was written', () => {
    fc.assert(
      fc.property(document, (one) => assert.deepEqual(plain(readRegInfo(Buffer.from(writeRegInfo(one)))), plain(one))),
    );
  });
});
