import assert from 'node:assert/strict';
import { silentLogger } from '../../../../lib/base/log.ts';
import type { Device } from '../../../../lib/model/device.ts';
import { createCapabilityQuery, type QueryAnswer } from '../../../../lib/sip/capabilities/query.ts';
import { iscHeaders } from '../../../../lib/sip/isc-headers.ts';
import type { OutboundRequest, SipAnswer } from '../../../../lib/sip/leg.ts';
import { createSipSender } from '../../../../lib/sip/sender.ts';
import { FakeLeg, fakeAnswer } from '../../../support/fake-sip.ts';
import { device } from '../../../support/model.ts';

const AOR = 'sip:alice@ims.test';

async function ask(
  one: Device,
  answer: SipAnswer | Error = fakeAnswer(200),
): Promise<{ answered: QueryAnswer; sent: OutboundRequest | undefined }> {
  const leg = new FakeLeg('direct');
  leg.answer = () => {
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const sender = createSipSender({ legs: [leg], force: 'auto', log: silentLogger });
  const query = createCapabilityQuery({
    sender,
    log: silentLogger,
    identity: 'sip:push@ims.test',
    domain: 'ims.test',
    isc: iscHeaders({ identity: 'sip:push@ims.test', domain: 'ims.test' }),
  });
  return { answered: await query(AOR, one), sent: leg.sent[0] };
}

const values = (request: OutboundRequest | undefined, name: string): string[] =>
  (request?.headers ?? []).filter((field) => field.name === name).map(({ value }) => value);

describe('OPTIONS to a device', () => {
  it('goes to its GRUU', async () => {
    const { sent } = await ask(device('a', undefined, { gruu: 'sip:alice@ims.test;gr=urn:uuid:a' }));
    assert.equal(sent?.method, 'OPTIONS');
    assert.equal(sent.uri, 'sip:alice@ims.test;gr=urn:uuid:a');
    assert.deepEqual(values(sent, 'Accept-Contact'), []);
  });

  it('goes to the address-of-record with its instance and no-fork where it has no GRUU', async () => {
    const { sent } = await ask(device('a'));
    assert.equal(sent?.uri, AOR);
    assert.deepEqual(values(sent, 'Accept-Contact'), ['*;+sip.instance="<urn:uuid:a>";require;explicit']);
    assert.deepEqual(values(sent, 'Request-Disposition'), ['no-fork']);
  });

  it('says who asks', async () => {
    const { sent } = await ask(device('a'));
    assert.deepEqual(values(sent, 'P-Asserted-Identity'), ['<sip:push@ims.test>']);
    assert.match(values(sent, 'P-Charging-Vector')[0] ?? '', /^icid-value=\w+;icid-generated-at=ims\.test/);
    assert.deepEqual(values(sent, 'Contact'), ['<sip:push@192.0.2.1:5060>']);
    assert.deepEqual(values(sent, 'CSeq'), ['1 OPTIONS']);
  });

  const results: [string, SipAnswer | Error, QueryAnswer['result']][] = [
    ['told', fakeAnswer(200, { Allow: 'MESSAGE' }), 'told'],
    ['nothing in its 200', fakeAnswer(200), 'nothing'],
    ['405, of which the Allow may be a proxy’s', fakeAnswer(405, { Allow: 'INVITE' }), 'refused'],
    ['501', fakeAnswer(501), 'refused'],
    ['481', fakeAnswer(481), 'refused'],
    ['480', fakeAnswer(480), 'absent'],
    ['404', fakeAnswer(404), 'absent'],
    ['408', fakeAnswer(408), 'silent'],
    ['no answer', fakeAnswer(408, {}, { local: true }), 'silent'],
    ['a lost link', { kind: 'unknown', cause: 'link lost' }, 'silent'],
    ['a closed way out', { kind: 'not-sent', cause: 'down', code: 'PPG_E_LEG_DOWN' }, 'failed'],
    ['a leg that throws', new Error('broken'), 'silent'],
  ];
  for (const [what, answer, result] of results) {
    it(`${what}: ${result}`, async () => {
      const { answered } = await ask(device('a'), answer);
      assert.equal(answered.result, result);
      assert.deepEqual(answered.told, result === 'told' ? { methods: ['MESSAGE'] } : {});
    });
  }

  it('sends nothing to an address that cannot stand in a message', async () => {
    const { answered, sent } = await ask(device('a', undefined, { gruu: 'sip:a\r\nX: y' }));
    assert.equal(answered.result, 'failed');
    assert.equal(sent, undefined);
  });
});
