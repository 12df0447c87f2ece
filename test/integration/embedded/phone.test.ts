import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { systemClock } from '../../../lib/base/clock.ts';
import { type Logger, silentLogger } from '../../../lib/base/log.ts';
import { parseNameAddr } from '../../../lib/codec/sip/name-addr.ts';
import { paramOf } from '../../../lib/codec/sip/params.ts';
import { createPhone } from '../../../lib/embedded/phone/phone.ts';
import { createSipStack } from '../../../lib/stack/stack.ts';
import { element, LOCAL, phone, startCore, stopAll, udp } from './core-scene.ts';

describe('phone', () => {
  afterEach(stopAll);

  it('tells of a push, counts the ones that come twice, and answers as its script says', async () => {
    const core = await startCore();
    const gateway = await element();
    const alice = await phone(core, 'alice', { answers: '503:1,200' });
    const headers = {
      'Call-ID': 'one',
      'Content-Type': 'text/plain',
      'X-Wap-Application-Id': 'x-wap-application:mms.ua',
    };
    const statuses: number[] = [];
    for (const cseq of ['1 MESSAGE', '2 MESSAGE', '3 MESSAGE']) {
      const sent = { uri: 'sip:alice@example.com', hop: core.hop, body: Buffer.from('abc') };
      statuses.push((await gateway.send({ ...sent, headers: { ...headers, CSeq: cseq } })).status);
    }
    assert.deepEqual(statuses, [500, 200, 200]);
    assert.deepEqual(
      alice.pushes.map(({ answered, attempt, duplicate, cseq }) => [answered, attempt, duplicate, cseq]),
      [
        [503, 1, false, 1],
        [200, 2, false, 2],
        [200, 3, true, 3],
      ],
    );
    assert.deepEqual(alice.counters, { pushes: 3, accepted: 2, duplicates: 1, options: 0 });
    const [push] = alice.pushes;
    assert.equal(push?.sha256, 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    assert.deepEqual(
      [push?.applicationId, push?.contentType, push?.size],
      ['x-wap-application:mms.ua', 'text/plain', 3],
    );
    alice.answer('415');
    const refused = await gateway.send({ uri: 'sip:alice@example.com', hop: core.hop });
    assert.deepEqual([refused.status, refused.headers.get('Accept')], [415, '*/*']);
  });

  it('answers OPTIONS with what it can', async () => {
    const core = await startCore();
    const gateway = await element();
    const alice = await phone(core, 'alice', { applications: ['mms.ua', 'ulp.ua'], accept: ['text/plain'] });
    const response = await gateway.send({ method: 'OPTIONS', uri: alice.gruu ?? '', hop: core.hop });
    assert.equal(response.status, 200);
    assert.match(response.headers.get('Allow') ?? '', /MESSAGE/);
    assert.equal(response.headers.get('Accept'), 'text/plain');
    const { params } = parseNameAddr(response.headers.get('Contact') ?? '');
    assert.equal(paramOf(params, '+g.oma.pusheventapp'), 'mms.ua,ulp.ua');
    assert.equal(paramOf(params, '+sip.instance'), `<${alice.instance}>`);
  });

  it('a phone that nobody answers says so', async () => {
    const nobody = createSocket('udp4');
    await new Promise<void>((resolve) => nobody.bind(0, LOCAL, resolve));
    const stack = createSipStack({ clock: systemClock, listen: [udp], timers: { t1: 2 } });
    const alice = createPhone({
      clock: systemClock,
      log: silentLogger as Logger,
      stack,
      server: { host: LOCAL, port: nobody.address().port },
      user: 'alice@example.com',
      applications: [],
    });
    await assert.rejects(alice.start(), { code: 'PPG_E_SIP_TIMEOUT' });
    await alice.stop();
    nobody.close();
  });
});
