import assert from 'node:assert/strict';
import { systemClock } from '../../../lib/base/clock.ts';
import type { Logger } from '../../../lib/base/log.ts';
import { respondTo } from '../../../lib/codec/sip/respond-to.ts';
import { createDrachtioLeg } from '../../../lib/sip/drachtio/drachtio-leg.ts';
import type { OutboundRequest, SipAnswer, SipLeg } from '../../../lib/sip/leg.ts';
import { SipdNet } from '../../support/sipd-net.ts';

describe('drachtio leg on a link that breaks', () => {
  let net: SipdNet;
  let leg: SipLeg;
  let lines: string[];

  const message = (uri: string): OutboundRequest => ({
    method: 'MESSAGE',
    uri,
    headers: [{ name: 'Content-Type', value: 'text/plain' }],
    body: Buffer.from('hello'),
  });

  function make(secret?: string): SipLeg {
    lines = [];
    const write = (fields: object | string, text?: string): void =>
      void lines.push(typeof fields === 'string' ? fields : String(text));
    const log: Logger = { debug: write, info: write, warn: write, error: write };
    const connect = net.connectOptions(secret);
    return createDrachtioLeg({ srf: net.srf(), connect, clock: systemClock, log, methods: ['message'] });
  }

  beforeEach(async () => {
    net = await new SipdNet().start();
    leg = make();
  });

  afterEach(async () => {
    await leg.stop();
    await net.stop();
  });

  it('settles everything in flight at once, sends nothing meanwhile, and recovers', async () => {
    leg.onRequest((_req, res) => void res.send(200));
    await leg.start();
    let arrived = 0;
    const all = new Promise<void>((resolve) => {
      net.peer.onRequest = () => {
        if (++arrived === 20) resolve();
      };
    });
    const answers = Array.from({ length: 20 }, () => leg.request(message(net.peer.uri())));
    await all;
    const ready = new Promise<void>((resolve) => leg.onReady(resolve));
    await net.sipdDown();
    const kinds = (await Promise.all(answers)).map((one) => one.kind);
    assert.deepEqual(new Set(kinds), new Set(['unknown']));
    assert.equal(leg.ready, false);
    const down = await leg.request(message(net.peer.uri()));
    assert.ok(down.kind === 'not-sent' && down.code === 'PPG_E_LEG_DOWN');

    net.peer.onRequest = (transaction) => transaction.respond(respondTo(transaction.request, 200));
    await net.sipdUp();
    await ready;
    assert.equal((await leg.request(message(net.peer.uri()))).kind, 'response');
    const answer = await net.peer.send('MESSAGE', { protocol: 'tcp', port: net.sipPort('tcp') });
    assert.equal(answer.status, 200, 'the route is back');
  });

  it('takes requests made in the moment of the loss for not sent or unknown, never throws', async () => {
    await leg.start();
    net.peer.onRequest = () => undefined;
    const answers: Promise<SipAnswer>[] = [];
    const down = net.sipdDown();
    for (let i = 0; i < 200; i++) {
      answers.push(leg.request(message(net.peer.uri())));
      if (i % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await down;
    for (const answer of await Promise.all(answers)) assert.ok(['unknown', 'not-sent'].includes(answer.kind));
  });

  it('does not start with a wrong secret, says so once, and does not try for ever', async () => {
    const wrong = make('wrong');
    await assert.rejects(wrong.start(), { code: 'PPG_E_LEG_DOWN', message: /refuses us/ });
    assert.equal(lines.filter((line) => line.includes('is the secret right?')).length, 1);
    assert.equal(wrong.ready, false);
    await wrong.stop();
  });

  it('stops while the server is away, and leaves nothing running', async () => {
    await leg.start();
    await net.sipdDown();
    await leg.stop();
    assert.equal(leg.ready, false);
  });
});
