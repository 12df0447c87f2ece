import assert from 'node:assert/strict';
import type { RegInfo } from '../../../../lib/codec/reginfo/reginfo.ts';
import { RegEventTable, type TakenDocument } from '../../../../lib/sip/reg-event/table.ts';
import { regInfo } from '../../../support/fake-notifier.ts';

const ALICE = 'sip:alice@example.com';
const NOW = 1_800_000_000_000;

describe('a reg event table (RFC 3680 section 5.2)', () => {
  let table: RegEventTable;
  const take = (document: RegInfo, now = NOW): TakenDocument => table.take(document, { domain: 'example.com', now });
  const ids = ({ updates }: TakenDocument): string[] =>
    updates.map(({ aors, kind, devices }) =>
      `${aors} ${kind} ${devices.map(({ contact }) => contact).join(' ')}`.trim(),
    );

  beforeEach(() => {
    table = new RegEventTable();
  });

  it('makes devices of contacts: instance, GRUU, applications, features, lifetime', () => {
    const { updates } = take(
      regInfo(0, 'full', ALICE, [
        {
          uri: 'sip:a@10.0.0.1',
          expires: 60,
          pubGruu: `${ALICE};gr=urn:uuid:1`,
          params: [
            { name: '+sip.instance', value: '<urn:uuid:1>' },
            { name: '+g.oma.pusheventapp', value: 'mms.ua,<x-oma-docomo:open.ctl>' },
            { name: '+g.3gpp.smsip' },
          ],
        },
      ]),
    );
    assert.deepEqual(updates, [
      {
        aors: [ALICE],
        kind: 'registered',
        devices: [
          {
            id: 'urn:uuid:1',
            contact: 'sip:a@10.0.0.1',
            instance: 'urn:uuid:1',
            gruu: `${ALICE};gr=urn:uuid:1`,
            applications: ['mms.ua', 'x-oma-docomo:open.ctl'],
            features: { '+g.3gpp.smsip': '' },
            expiresAt: NOW + 60_000,
          },
        ],
        removed: [],
        expiresAt: 0,
        complete: true,
      },
    ]);
    assert.equal(table.tellsFeatures, true);
  });

  it('knows several flows of an instance as one device', () => {
    const flow = (id: string, regId: string, expires: number) => ({
      id,
      uri: `sip:a@10.0.0.${regId}`,
      expires,
      params: [
        { name: '+sip.instance', value: '<urn:uuid:1>' },
        { name: 'reg-id', value: regId },
      ],
    });
    const [update] = take(regInfo(0, 'full', ALICE, [flow('x', '1', 60), flow('y', '2', 90)])).updates;
    assert.deepEqual(
      update?.devices.map(({ id, contact }) => [id, contact]),
      [['urn:uuid:1', 'sip:a@10.0.0.2']],
    );
    assert.equal(table.tellsFeatures, false, 'instance and reg-id are no feature tags');
  });

  it('changes what a partial document names, and keeps the rest', () => {
    take(regInfo(0, 'full', ALICE, [{}, {}]));
    assert.deepEqual(ids(take(regInfo(1, 'partial', ALICE, [{ id: 'c0', state: 'terminated', event: 'expired' }]))), [
      `${ALICE} registered sip:c1@10.0.0.2`,
    ]);
    assert.deepEqual(ids(take(regInfo(2, 'partial', ALICE, [{ id: 'c9', uri: 'sip:new@10.0.0.9' }]))), [
      `${ALICE} registered sip:c1@10.0.0.2 sip:new@10.0.0.9`,
    ]);
    assert.deepEqual(ids(take(regInfo(3, 'partial', ALICE, []))), [`${ALICE} deregistered`]);
  });

  it('forgets whom a whole document leaves out', () => {
    take(regInfo(0, 'full', ALICE, [{}]));
    const next = take(regInfo(1, 'full', 'sip:bob@example.com', [{}]));
    assert.deepEqual(ids(next), [`${ALICE} deregistered`, 'sip:bob@example.com registered sip:c0@10.0.0.1']);
    assert.deepEqual([table.covers(ALICE), table.covers('sip:bob@example.com')], [false, true]);
  });

  it('counts the lifetime of a contact from the document that told it', () => {
    take(regInfo(0, 'full', ALICE, [{ expires: 10 }]));
    const [update] = take(regInfo(1, 'partial', ALICE, [{ id: 'c5', uri: 'sip:x@10.0.0.5' }]), NOW + 11_000).updates;
    assert.deepEqual(
      update?.devices.map(({ contact }) => contact),
      ['sip:x@10.0.0.5'],
    );
  });

  it('asks for the whole state where a document is missing', () => {
    assert.equal(take(regInfo(3, 'partial', ALICE, [{}])).verdict, 'gap', 'nothing to add it to');
    take(regInfo(4, 'full', ALICE, [{}]));
    assert.deepEqual(take(regInfo(6, 'partial', ALICE, [{}])), { verdict: 'gap', updates: [] });
    assert.equal(take(regInfo(7, 'partial', ALICE, [{}])).verdict, 'gap', 'until it is whole again');
    assert.equal(take(regInfo(8, 'full', ALICE, [{}])).verdict, 'taken');
  });

  it('takes whole documents with a gap before them, and leaves out what was overtaken', () => {
    take(regInfo(1, 'full', ALICE, [{}]));
    assert.equal(take(regInfo(5, 'full', ALICE, [{}])).verdict, 'taken');
    assert.equal(take(regInfo(4, 'full', ALICE, [])).verdict, 'old');
    assert.equal(take(regInfo(5, 'partial', ALICE, [])).verdict, 'old');
    assert.equal(take(regInfo(6, 'partial', ALICE, [{}])).verdict, 'taken');
  });

  it('takes documents that never count', () => {
    for (const contacts of [[{}], [{}, {}], []]) {
      assert.equal(take(regInfo(0, 'full', ALICE, contacts)).verdict, 'taken');
    }
    take(regInfo(0, 'full', ALICE, [{}]));
    assert.equal(take(regInfo(0, 'partial', ALICE, [{}])).verdict, 'taken');
  });

  it('tells of every user of an implicit set, of a number once, and of wildcards never', () => {
    const contact = regInfo(0, 'full', '', [{}]).registrations[0]?.contacts ?? [];
    const registration = (aor: string, more = {}) =>
      ({ aor, id: aor, state: 'active', contacts: contact, ...more }) as const;
    const taken = take({
      version: 0,
      state: 'full',
      registrations: [
        registration(ALICE),
        registration('tel:+358-40-1'),
        registration('sip:+358401@example.com;user=phone'),
        registration('sip:chat-1@example.com', { wildcard: 'sip:chat-!.*!@example.com' }),
        registration('sip:list-!.*!@example.com'),
        registration('sip:example.com'),
        registration('mailto:x@y'),
      ],
    });
    assert.deepEqual(
      taken.updates.map(({ aors }) => aors[0]),
      [ALICE, 'sip:+358401@example.com'],
    );
    assert.deepEqual(table.aors, [ALICE, 'sip:+358401@example.com']);
  });

  it('believes an active registration without contacts, and leaves out contacts that are none', () => {
    const bad = ['mailto:a@b', 'sip:a@b\r\nX: y', 'sip:a@b>', ''].map((uri, at) => ({ id: `b${at}`, uri }));
    const [update] = take(regInfo(0, 'full', ALICE, bad)).updates;
    assert.deepEqual([update?.kind, update?.devices], ['registered', []]);
    assert.ok((update?.expiresAt ?? 0) > NOW);
  });
});
