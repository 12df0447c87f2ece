import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { secretHash, TenantGateway } from '../../support/tenants.ts';

const NAPTR = 35;
const text = (value: string): Buffer => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);

/** Answers one NAPTR record for names that it has (RFC 1035, RFC 3403), NXDOMAIN for others, SERVFAIL for `broken`. */
function answerTo(query: Buffer, zone: Readonly<Record<string, string>>, broken: string): Buffer {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.subarray(at + 1, at + 1 + length).toString());
    at += 1 + length;
  }
  const question = query.subarray(12, at + 5);
  const name = labels.join('.').toLowerCase();
  const regexp = zone[name];
  const status = name === broken ? 2 : regexp === undefined ? 3 : 0;
  const head = Buffer.from([0, 0, 0x85, 0x80 | status, 0, 1, 0, status === 0 ? 1 : 0, 0, 0, 0, 0]);
  query.copy(head, 0, 0, 2);
  if (regexp === undefined || status !== 0) return Buffer.concat([head, question]);
  const data = Buffer.concat([Buffer.from([0, 10, 0, 10]), text('u'), text('E2U+sip'), text(regexp), Buffer.from([0])]);
  const record = Buffer.from([0xc0, 12, 0, NAPTR, 0, 1, 0, 0, 0, 60, 0, data.length]);
  return Buffer.concat([head, question, record, data]);
}

describe('telephone numbers in ENUM', () => {
  let dns: Socket;
  let gateway: TenantGateway;
  let asked = 0;

  before(async () => {
    dns = createSocket('udp4');
    const zone = {
      '1.1.1.0.3.9.4.e164.test': '!^.*$!sip:meter@m.test!',
      '2.2.2.0.3.9.4.e164.test': '!^\\+49(.*)$!sip:n\\1@de.test!',
      '3.3.3.0.3.9.4.e164.test': '!^.*$!mailto:nobody!',
    };
    dns.on('message', (query, { port, address }) => {
      asked++;
      dns.send(answerTo(query, zone, '9.9.9.0.3.9.4.e164.test'), port, address);
    });
    dns.bind(0, '127.0.0.1');
    await once(dns, 'listening');
    gateway = await TenantGateway.of({
      initiators: [{ name: 'shop', passwordHash: await secretHash() }],
      addresses: { enum: { suffix: 'e164.test', servers: [`127.0.0.1:${dns.address().port}`] } },
    });
  });
  after(async () => {
    await gateway.close();
    dns.close();
  });

  for (const [what, number, aor] of [
    ['lead to the user that DNS names', '+4930111', 'sip:meter@m.test'],
    ['lead to the user that the expression makes of the number', '+4930222', 'sip:n30222@de.test'],
    ['stay numbers of the home domain where DNS has nothing', '+4930444', 'sip:+4930444@ims.test'],
  ] as const) {
    it(what, async () => {
      assert.equal((await gateway.push('shop', { pushId: number, to: [number] }))[1], 1001);
      const status = await gateway.ppg.status(number, 'shop');
      assert.equal(status?.recipients[0]?.address.aor, aor);
    });
  }

  for (const [what, number] of [
    ['DNS fails', '+4930999'],
    ['DNS names what is no SIP user', '+4930333'],
  ] as const) {
    it(`are refused for now when ${what}`, async () => {
      const [status, code] = await gateway.push('shop', { pushId: number, to: [number] });
      assert.deepEqual([status, code], [503, 3000]);
      assert.equal(await gateway.ppg.status(number, 'shop'), undefined);
    });
  }

  it('are asked for once while the answer counts', async () => {
    const before = asked;
    await gateway.push('shop', { to: ['+4930111'] });
    assert.equal(asked, before);
  });

  it('need servers that are addresses', async () => {
    const made = TenantGateway.of({ addresses: { enum: { servers: ['dns.example.com'] } } });
    await assert.rejects(made, { code: 'PPG_E_OPTIONS', message: /addresses\.enum\.servers/ });
  });
});
