import assert from 'node:assert/strict';
import { enumLookup, enumName, substitute } from '../../../lib/addressing/enum.ts';
import type { NaptrRecord } from '../../../lib/stack/dns.ts';
import { FakeDns } from '../../support/fake-dns.ts';

const NUMBER = '+441632960083';
const NAME = '3.8.0.0.6.9.2.3.6.1.4.4.e164.arpa';
const record = (order: number, preference: number, service: string, regexp: string, flags = 'u'): NaptrRecord => ({
  order,
  preference,
  flags,
  service,
  replacement: '',
  regexp,
});

describe('ENUM', () => {
  const ask = (...records: NaptrRecord[]): Promise<string | undefined> =>
    enumLookup(new FakeDns({ naptr: { [NAME]: records } }), NUMBER, 'e164.arpa');

  it('asks for the digits from behind', () => assert.equal(enumName(NUMBER, 'e164.arpa'), NAME));

  it('takes the first SIP record by order and preference', async () => {
    const found = await ask(
      record(20, 1, 'E2U+sip', '!^.*$!sip:third@x.test!'),
      record(10, 50, 'E2U+sip', '!^.*$!sip:second@x.test!'),
      record(10, 10, 'e2u+SIP', '!^.*$!sip:first@x.test!'),
      record(1, 1, 'E2U+mailto', '!^.*$!mailto:none@x.test!'),
    );
    assert.equal(found, 'sip:first@x.test');
  });

  it('puts in what groups found', async () =>
    assert.equal(await ask(record(1, 1, 'E2U+sip', '!^\\+44(.*)$!sip:\\1@uk.test!')), 'sip:1632960083@uk.test'));

  it('goes on when an expression does not fit', async () => {
    const found = await ask(
      record(1, 1, 'E2U+sip', '!^\\+49(.*)$!sip:\\1@de.test!'),
      record(2, 1, 'E2U+sip', '!^.*$!sip:all@uk.test!'),
    );
    assert.equal(found, 'sip:all@uk.test');
  });

  it('leaves records alone that are not final', async () =>
    assert.equal(await ask(record(1, 1, 'E2U+sip', '!^.*$!sip:a@x.test!', '')), undefined));

  it('finds nothing where nothing is', async () =>
    assert.equal(await enumLookup(new FakeDns({}), NUMBER, 'e164.arpa'), undefined));

  it('tells "nothing there" from "could not be asked"', async () => {
    const failing = {
      resolveNaptr: () => Promise.reject(Object.assign(new Error('queryNaptr'), { code: 'ESERVFAIL' })),
    };
    await assert.rejects(enumLookup(failing, NUMBER, 'e164.arpa'), { code: 'ESERVFAIL' });
  });

  for (const rule of [
    '',
    '!',
    '!^.*$!sip:a@x.test',
    '!^.*$!sip:a@x.test!!',
    '1^.*$1sip:a@x.test1',
    '!(a!sip:a@x.test!',
    '!((.*)*)*$!sip:a@x.test!',
    '!(.*)+$!sip:a@x.test!',
    '!.*.*.*.*.*.*.*x!sip:a@x.test!',
    '!(?=.)!sip:a@x.test!',
    '!a|b!sip:a@x.test!',
    `!${'+'.repeat(400)}!sip:a@x.test!`,
    `!^.*$!${'x'.repeat(600)}!`,
  ]) {
    it(`does not carry out ${JSON.stringify(rule.slice(0, 40))}`, () => {
      const before = process.cpuUsage().user;
      assert.equal(substitute(rule, NUMBER), undefined);
      assert.ok(process.cpuUsage().user - before < 500_000);
    });
  }
});
