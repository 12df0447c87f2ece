import assert from 'node:assert/strict';
import { systemClock } from '../../../lib/base/clock.ts';
import { randomToken } from '../../../lib/base/ids.ts';
import { silentLogger } from '../../../lib/base/log.ts';
import { parseCredentials } from '../../../lib/codec/sip/digest.ts';
import { respondTo } from '../../../lib/codec/sip/respond-to.ts';
import { DigestGuard } from '../../../lib/embedded/core/digest-guard.ts';
import type { OutboundRequest, RequestLike, SipAnswer, SipLeg } from '../../../lib/sip/leg.ts';
import { createSipSender } from '../../../lib/sip/sender.ts';
import type { Protocol } from '../../../lib/stack/types.ts';
import type { Peer } from '../../support/sipd-net.ts';

/** A leg on loopback, and the peer it talks to. */
export interface LegUnderTest {
  /** Not started; takes MESSAGE and OPTIONS. Its `guard` is 36 s and its SIP timers are those of RFC 3261. */
  readonly leg: SipLeg;
  readonly peer: Peer;
  /** Where the peer reaches the leg. */
  sipPort(protocol: Protocol): number;
  /** After the leg was stopped. */
  close(): Promise<void>;
}

const TEXT = { name: 'Content-Type', value: 'text/plain;charset=UTF-8' };

/** A drachtio-server remembers Call-IDs of the last run. */
const RUN = randomToken(6);
let serial = 0;

function messageTo(uri: string, more: Partial<OutboundRequest> = {}): OutboundRequest {
  return {
    method: 'MESSAGE',
    uri,
    headers: [
      { name: 'From', value: '<sip:ppg@example.com>;tag=ours' },
      { name: 'To', value: `<${uri}>` },
      { name: 'Call-ID', value: `leg-${++serial}-${RUN}` },
      { name: 'CSeq', value: '7 MESSAGE' },
      TEXT,
    ],
    body: Buffer.from('hello'),
    ...more,
  };
}

function response(answer: SipAnswer): SipAnswer & { kind: 'response' } {
  assert.equal(answer.kind, 'response', JSON.stringify(answer));
  return answer as SipAnswer & { kind: 'response' };
}

/** What every SipLeg keeps, whatever carries it. */
export function legContract(name: string, make: () => Promise<LegUnderTest>): void {
  describe(`SipLeg contract: ${name}`, () => {
    let under: LegUnderTest;
    let leg: SipLeg;
    let peer: Peer;

    beforeEach(async () => {
      under = await make();
      ({ leg, peer } = under);
    });

    afterEach(async () => {
      await leg.stop();
      await under.close();
    });

    it('is not ready before it was started, sends nothing then, and says when it is ready', async () => {
      assert.equal(leg.ready, false);
      const early = await leg.request(messageTo(peer.uri()));
      assert.equal(early.kind, 'not-sent');
      let told = 0;
      leg.onReady(() => told++);
      await leg.start();
      while (!leg.ready) await new Promise((resolve) => setImmediate(resolve));
      assert.equal(told, 1);
      assert.equal(peer.requests.length, 0);
      assert.match(leg.address ?? '', /^127\.0\.0\.1:\d+$/);
    });

    it('is not ready after it was stopped, and sends nothing then', async () => {
      await leg.start();
      await leg.stop();
      assert.equal(leg.ready, false);
      assert.equal((await leg.request(messageTo(peer.uri()))).kind, 'not-sent');
    });

    for (const protocol of ['udp', 'tcp'] as const) {
      it(`carries a request over ${protocol} with all that the caller set, and its answer back`, async () => {
        await leg.start();
        peer.onRequest = (transaction) =>
          transaction.respond(
            respondTo(transaction.request, 202, {
              reason: 'Taken',
              headers: [
                { name: 'Retry-After', value: '9' },
                { name: 'Content-Type', value: 'text/plain' },
              ],
              body: Buffer.from('thé'),
            }),
          );
        const message = messageTo(peer.uri(protocol), { body: Buffer.from('línea 1\r\n\r\nline 2 €') });
        const answer = response(await leg.request(message));
        assert.deepEqual([answer.status, answer.reason, answer.local], [202, 'Taken', false]);
        assert.equal(answer.get('retry-after'), '9');
        assert.equal(answer.get('Nothing'), undefined);
        assert.deepEqual(answer.body, Buffer.from('thé'));
        const [got] = peer.requests;
        assert.ok(got !== undefined);
        assert.deepEqual([got.method, got.uri], ['MESSAGE', message.uri]);
        for (const { name, value } of message.headers) assert.equal(got.headers.get(name), value);
        assert.match(got.headers.get('Max-Forwards') ?? '', /^\d+$/);
        assert.deepEqual(got.body, message.body);
      });

      it(`hands on a request over ${protocol}, and its answer back`, async () => {
        const seen: RequestLike[] = [];
        leg.onRequest((req, res) => {
          seen.push(req);
          res.send(202, { headers: { 'X-Ours': 'yes', 'Content-Type': 'text/plain' }, body: 'dank u' });
        });
        await leg.start();
        const answer = await peer.send(
          'MESSAGE',
          { protocol, port: under.sipPort(protocol) },
          [TEXT, { name: 'Accept-Contact', value: '*;+g.oma.pusheventapp="mms.ua"' }],
          Buffer.from('hello'),
        );
        assert.deepEqual([answer.status, answer.body.toString()], [202, 'dank u']);
        assert.equal(answer.headers.get('X-Ours'), 'yes');
        const [req] = seen;
        assert.ok(req !== undefined);
        assert.deepEqual(
          [req.method, req.body, req.protocol, req.source_address],
          ['MESSAGE', 'hello', protocol, '127.0.0.1'],
        );
        assert.equal(req.get('accept-contact'), '*;+g.oma.pusheventapp="mms.ua"');
        assert.deepEqual([req.has('Content-Type'), req.has('X-None')], [true, false]);
      });
    }

    it('passes provisional responses over', async () => {
      await leg.start();
      peer.onRequest = (transaction) => {
        transaction.respond(respondTo(transaction.request, 100));
        transaction.respond(respondTo(transaction.request, 486));
      };
      assert.equal(response(await leg.request(messageTo(peer.uri()))).status, 486);
    });

    it('goes by the next hop and leaves the request URI as it is', async () => {
      await leg.start();
      const uri = 'sip:alice@ims.example.com';
      assert.equal(response(await leg.request(messageTo(uri, { nextHop: peer.uri('tcp') }))).status, 200);
      assert.equal(peer.requests[0]?.uri, uri);
    });

    it('ends locally when nobody is there', async () => {
      await leg.start();
      const closed = 'sip:bob@127.0.0.1:9;transport=tcp';
      const answer = await leg.request(messageTo(closed));
      assert.ok(answer.kind === 'not-sent' || (answer.kind === 'response' && answer.local), JSON.stringify(answer));
    });

    it('settles what is in flight when it stops', async () => {
      await leg.start();
      const arrived = new Promise<void>((resolve) => {
        peer.onRequest = () => resolve();
      });
      const answer = leg.request(messageTo(peer.uri()));
      await arrived;
      await leg.stop();
      const { kind } = await answer;
      assert.notEqual(kind, 'not-sent', 'it did leave');
    });

    it('answers 500 for a handler that throws, and lives on', async () => {
      leg.onRequest(() => {
        throw new Error('broken');
      });
      await leg.start();
      const to = { protocol: 'udp', port: under.sipPort('udp') } as const;
      assert.equal((await peer.send('OPTIONS', to)).status, 500);
      assert.equal((await peer.send('OPTIONS', to)).status, 500);
    });

    it('refuses a header with CR, LF or NUL, so that nothing of it leaves', async () => {
      await leg.start();
      for (const value of ['a\r\nX-Evil: 1', 'a\nb', 'a\rb', 'a\0b']) {
        const message = messageTo(peer.uri());
        const answer = await leg.request({ ...message, headers: [...message.headers, { name: 'X-In', value }] });
        assert.notEqual(answer.kind, 'response', JSON.stringify(value));
      }
      assert.equal(peer.requests.length, 0);
    });

    it('carries binary and Route exactly when it says so', async () => {
      await leg.start();
      const body = Buffer.from(Array.from({ length: 256 }, (_, octet) => octet));
      const binary = await leg.request(messageTo(peer.uri(), { body }));
      assert.equal(binary.kind === 'response', leg.can.binary);
      if (leg.can.binary) assert.deepEqual(peer.requests.pop()?.body, body);
      const message = messageTo(peer.uri());
      const route = { name: 'Route', value: `<${peer.uri()};lr>` };
      const routed = await leg.request({ ...message, headers: [...message.headers, route] });
      assert.equal(routed.kind === 'response', leg.can.route);
    });

    it('carries a challenge back and its answer there (RFC 3261 section 22)', async () => {
      await leg.start();
      const guard = new DigestGuard(systemClock, 'core.example', { push: 'secret' }, ['SHA-256', 'MD5']);
      peer.onRequest = (transaction) => {
        const { request } = transaction;
        transaction.respond(guard.refuse(request, 'sip:push@core.example') ?? respondTo(request, 200));
      };
      const credentials = [{ realm: 'core.example', username: 'push', password: 'secret' }];
      const sender = createSipSender({ legs: [leg], force: 'auto', log: silentLogger, credentials });
      assert.equal(response((await sender.request(messageTo(peer.uri()))).answer).status, 200);
      assert.equal(response((await sender.request(messageTo(peer.uri()))).answer).status, 200);
      assert.deepEqual(
        peer.requests.map(({ headers }) => [
          headers.get('CSeq'),
          parseCredentials(headers.get('Authorization') ?? 'none')?.algorithm,
        ]),
        [
          ['7 MESSAGE', undefined],
          ['8 MESSAGE', 'SHA-256'],
          ['7 MESSAGE', 'SHA-256'],
        ],
      );
      assert.equal(peer.requests[1]?.headers.get('Call-ID'), peer.requests[0]?.headers.get('Call-ID'));
      assert.equal(peer.requests[1]?.headers.get('From'), peer.requests[0]?.headers.get('From'));
    });

    it('carries 400 requests at once, and loses none', async () => {
      await leg.start();
      const answers = await Promise.all(
        Array.from({ length: 400 }, (_, i) => leg.request(messageTo(peer.uri(i % 2 === 0 ? 'udp' : 'tcp')))),
      );
      assert.equal(answers.filter((one) => one.kind === 'response' && one.status === 200).length, 400);
      assert.equal(peer.requests.length, 400);
    });
  });
}
