import assert from 'node:assert/strict';
import fc from 'fast-check';
import { CONTACT_EVENTS, type RegInfo } from '../../lib/codec/reginfo/reginfo.ts';
import type { Registration } from '../../lib/model/device.ts';
import { RegEventTable } from '../../lib/sip/reg-event/table.ts';
import { living } from '../../lib/sip/registrations/registrations.ts';
import { MAX_DEVICES, mergeRegistration } from '../../lib/sip/registrations/update.ts';

const CONTEXT = { domain: 'example.com', now: 1_800_000_000_000 };

const uri = fc.constantFrom(
  ...[
    'sip:a@10.0.0.1',
    'sip:b@10.0.0.2;transport=tcp',
    'sips:c@d',
    'sip:a@b\r\nX: y',
    'sip:x>',
    'tel:+1',
    '',
    'sip:é@b',
  ],
);
const param = fc.record({
  name: fc.constantFrom(
    '+sip.instance',
    '+g.oma.pusheventapp',
    '+g.3gpp.smsip',
    'audio',
    'reg-id',
    'q',
    '+x\n',
    '__proto__',
  ),
  value: fc.constantFrom('<urn:uuid:1>', '<urn:uuid:2>', '<a\r\nb>', 'mms.ua,<x-a:b>', '', '!x', '"', 'x'.repeat(2000)),
});
const contact = fc.record(
  {
    id: fc.constantFrom('1', '2', '3', ''),
    uri,
    state: fc.constantFrom('active' as const, 'terminated' as const),
    event: fc.constantFrom(...CONTACT_EVENTS),
    expires: fc.constantFrom(0, 1, 3600, 4_294_967_295),
    params: fc.array(param, { maxLength: 4 }),
    pubGruu: fc.constantFrom('sip:alice@example.com;gr=urn:uuid:1', 'x', 'sip:a@b\n'),
  },
  { requiredKeys: ['id', 'uri', 'state', 'event', 'params'] },
);
const registration = fc.record({
  aor: fc.constantFrom(
    'sip:alice@example.com',
    'tel:+358-40',
    'sip:+35840@example.com',
    'sip:x-!.*!@b',
    'mailto:a@b',
    '',
  ),
  id: fc.constantFrom('r1', 'r2'),
  state: fc.constantFrom('init' as const, 'active' as const, 'terminated' as const),
  contacts: fc.array(contact, { maxLength: 4 }),
});
const document: fc.Arbitrary<RegInfo> = fc.record({
  version: fc.constantFrom(0, 1, 2, 3, 9),
  state: fc.constantFrom('full' as const, 'partial' as const),
  registrations: fc.array(registration, { maxLength: 4 }),
});

/** What must hold of everything that is learned, whoever told it. */
function assertSound(one: Registration): void {
  assert.match(one.aor, /^sip:[^@]+@[^@:;]+$/);
  assert.ok(one.devices.length <= MAX_DEVICES);
  assert.equal(new Set(one.devices.map(({ id }) => id)).size, one.devices.length, 'one device for each instance');
  for (const { id, contact: way, gruu = '', features, applications } of one.devices) {
    assert.doesNotMatch(`${id}${way}${gruu}`, /[\p{Cc}<>]/u);
    // a string value has its angle brackets (RFC 3840 section 9)
    assert.doesNotMatch(Object.entries(features).flat().join(''), /\p{Cc}/u);
    assert.match(way, /^sips?:/);
    assert.notEqual(applications?.length, 0);
  }
}

describe('whatever a core tells by the reg event', () => {
  it('sound registrations come of it, one for each user', () => {
    fc.assert(
      fc.property(fc.array(document, { maxLength: 6 }), (documents) => {
        const table = new RegEventTable();
        const known = new Map<string, Registration>();
        for (const one of documents) {
          const { verdict, updates } = table.take(one, CONTEXT);
          assert.ok(verdict === 'taken' || updates.length === 0);
          assert.equal(new Set(updates.map(({ aors }) => aors[0])).size, updates.length);
          for (const update of updates) {
            const [aor = ''] = update.aors;
            const learned = mergeRegistration(known.get(aor), { ...update, withoutFeatures: true }, aor, CONTEXT.now);
            assertSound(learned);
            assert.deepEqual(living(learned, CONTEXT.now), learned);
            known.set(aor, learned);
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});
