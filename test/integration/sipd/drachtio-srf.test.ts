import assert from 'node:assert/strict';
import { respondTo } from '../../../lib/codec/sip/respond-to.ts';
import type { SrfRequestOptions, SrfResponse } from '../../../lib/sip/drachtio/srf-like.ts';
import { connectSrf } from '../../../lib/sip/drachtio/srf-link.ts';
import type { RequestLike, ResponseLike } from '../../../lib/sip/leg.ts';
import type { Protocol } from '../../../lib/stack/types.ts';
import { onSipd, type RealSrf, realServer, SipdNet } from '../../support/sipd-net.ts';

const TEXT = { 'Content-Type': 'text/plain' };

/** What drachtio-srf makes of a request: the error of the callback, or the final response. */
function send(srf: RealSrf, uri: string, options: Partial<SrfRequestOptions> = {}): Promise<SrfResponse> {
  return new Promise((resolve, reject) => {
    srf.request(uri, { method: 'MESSAGE', headers: { ...TEXT }, body: 'hello', ...options }, (error, request) => {
      if (error) reject(error);
      else request?.on('response', (response) => response.status >= 200 && resolve(response));
    });
  });
}

const event = (srf: RealSrf, name: string): Promise<unknown[]> =>
  new Promise((resolve) => srf.once(name, (...args) => resolve(args)));

describe('drachtio-srf, as it is, on sipd', () => {
  let net: SipdNet;

  async function connected(prepare: (srf: RealSrf) => void = () => undefined): Promise<RealSrf> {
    const srf = net.srf();
    srf.on('error', () => undefined);
    prepare(srf);
    await connectSrf(srf, net.connectOptions());
    return srf;
  }

  /** Routes are asked for when the link is there, and confirmed to nobody. */
  async function routed(method: string, handler: (req: RequestLike, res: ResponseLike) => void): Promise<RealSrf> {
    const srf = await connected((one) => one.use(method, handler));
    await send(srf, 'sip:x@127.0.0.1:9;transport=tcp').catch(() => undefined);
    return srf;
  }

  describe('requests', () => {
    beforeEach(async () => {
      net = await new SipdNet().start();
    });
    afterEach(() => net.stop());

    it('hears where the server listens', async () => {
      const srf = net.srf();
      srf.connect(net.connectOptions());
      const [error, points, version] = await event(srf, 'connect');
      assert.equal(error, null);
      const [udp, tcp] = [`udp/127.0.0.1:${net.sipPort('udp')}`, `tcp/127.0.0.1:${net.sipPort('tcp')}`];
      assert.deepEqual(String(points).split(',').sort(), [tcp, udp]);
      assert.match(String(version), /^v0\.9/);
    });

    for (const protocol of ['udp', 'tcp'] as const) {
      for (const method of ['MESSAGE', 'OPTIONS'] as const) {
        it(`sends ${method} over ${protocol}`, async () => {
          const srf = await connected();
          const response = await send(srf, net.peer.uri(protocol), {
            method,
            headers: {
              ...TEXT,
              From: '<sip:a@localhost>;tag=1',
              'P-Asserted-Identity': '<sip:a@x.test>, <tel:+1555>',
              'call-id': 'mine',
            },
            body: 'thé',
          });
          assert.equal(response.status, 200);
          assert.equal(response.source_address, '127.0.0.1');
          const [got] = net.peer.requests;
          assert.deepEqual([got?.method, got?.body.toString(), got?.headers.get('Call-ID')], [method, 'thé', 'mine']);
          assert.equal(got?.headers.get('From'), `<sip:a@127.0.0.1:${net.sipPort(protocol)}>;tag=1`);
          assert.deepEqual(got?.headers.all('P-Asserted-Identity'), ['<sip:a@x.test>', '<tel:+1555>']);
        });

        it(`takes ${method} over ${protocol}`, async () => {
          let confirmed: Promise<unknown> = Promise.resolve();
          await routed(method.toLowerCase(), (req, res) => {
            const { body, source_port } = req;
            const send = res.send.bind(res) as (
              status: number,
              options: object,
              callback: (error: unknown, sent: { get(name: string): string }) => void,
            ) => void;
            confirmed = new Promise((resolve) =>
              send(
                202,
                { headers: { To: '<sip:x>;tag=mine', 'X-Port': String(source_port) }, body: '' },
                (error, sent) => resolve(error ?? sent.get('to')),
              ),
            );
            assert.equal(body, 'hello');
          });
          const port = net.sipPort(protocol);
          const type = [{ name: 'Content-Type', value: 'text/plain' }];
          const answer = await net.peer.send(method, { protocol, port }, type, Buffer.from('hello'));
          assert.equal(answer.status, 202);
          assert.match(answer.headers.get('To') ?? '', /;tag=mine$/);
          assert.match(String(await confirmed), /;tag=mine$/);
          if (protocol === 'udp') assert.equal(answer.headers.get('X-Port'), String(net.peer.port('udp')));
        });
      }
    }

    it('loses none of 400 at once, out and in', async () => {
      await routed('message', (_req, res) => void res.send(200));
      const srf = await connected();
      const to = { protocol: 'udp', port: net.sipPort('udp') } as const;
      // a real server queues 64 messages for a connection that is not there yet, and answers 503 for the others
      assert.equal((await send(srf, net.peer.uri('tcp'))).status, 200);
      const [out, back] = await Promise.all([
        Promise.all(Array.from({ length: 400 }, () => send(srf, net.peer.uri('tcp'), { body: 'x'.repeat(3_500) }))),
        Promise.all(Array.from({ length: 400 }, () => net.peer.send('MESSAGE', to))),
      ]);
      assert.ok(out.every((one) => one.status === 200));
      assert.ok(back.every((one) => one.status === 200));
      if (realServer === undefined) assert.equal(net.sipd.held, 0);
    });

    it('carries nearly 12,000 octets alone', async () => {
      const srf = await connected();
      const body = 'x\r\n'.repeat(3_900);
      assert.equal((await send(srf, net.peer.uri('tcp'), { body })).status, 200);
      assert.equal(net.peer.requests[0]?.body.toString(), body);
    });

    onSipd('refuses 4,300 octets beside others', async () => {
      const srf = await connected();
      const many = await Promise.allSettled(
        Array.from({ length: 50 }, () => send(srf, net.peer.uri('tcp'), { body: 'x'.repeat(4_300) })),
      );
      const refused = many.filter((one) => one.status === 'rejected');
      assert.ok(refused.length >= 40, `${refused.length} of 50 were refused`);
      assert.match(String((refused[0] as PromiseRejectedResult).reason), /beside others/);
      assert.ok(net.peer.requests.every((one) => /^x{4300}$/.test(one.body.toString())));
    });

    /** What a real server crashes at, cuts, drops or is stuck with, and sipd says. */
    const breaks = new Set(['a tel: URI', 'a Route header', 'NUL', '13,000 octets']);
    const refused: [string, (own: string) => [string, Partial<SrfRequestOptions>], RegExp][] = [
      ['a tel: URI', () => ['tel:+1555', {}], /tel: request URI/],
      ['a urn: URI', () => ['urn:service:sos', {}], /invalid request-uri/],
      ['a Route header', () => ['sip:a@127.0.0.1:9', { headers: { ...TEXT, Route: '<sip:x;lr>' } }], /Route header/],
      ['NUL', () => ['sip:a@127.0.0.1:9', { body: 'a\0b' }], /NUL/],
      ['no Content-Type', () => ['sip:a@127.0.0.1:9', { headers: {} }], /^Error: missing content-type$/],
      ['13,000 octets', () => ['sip:a@127.0.0.1:9', { body: 'x'.repeat(13_000) }], /12228/],
      ['the own address', (own) => [`sip:a@127.0.0.1:${own}`, {}], /can not send request to myself/],
    ];
    for (const [what, make, reason] of refused) {
      const test = breaks.has(what) ? onSipd : it;
      test(`gets NOK and the reason for ${what}, and the next request passes`, async () => {
        const srf = await connected();
        await assert.rejects(send(srf, ...make(String(net.sipPort('udp')))), (error) => reason.test(String(error)));
        assert.equal((await send(srf, net.peer.uri())).status, 200);
      });
    }

    it('refuses what the real server would not hand on', async () => {
      let seen = 0;
      await routed('message', (_req, res) => {
        seen++;
        res.send(200);
      });
      const type = [{ name: 'Content-Type', value: 'text/plain' }];
      // a real server ends a TCP connection after such a 400
      const ask = async (body: Buffer, protocol: Protocol = 'udp'): Promise<number> =>
        (await net.peer.send('MESSAGE', { protocol, port: net.sipPort(protocol) }, type, body)).status;
      assert.equal(await ask(Buffer.from('a\0b')), 400);
      assert.equal(await ask(Buffer.alloc(8_193, 'x')), 400);
      assert.equal(seen, 0);
      assert.equal(await ask(Buffer.alloc(8_192, 'x')), 200);
      assert.equal(await ask(Buffer.from('é\r\n'.repeat(50_000)), 'tcp'), 200);
      assert.equal(seen, 2);
    });

    it('sees U+FFFD for octets that are not UTF-8', async () => {
      let body = '';
      await routed('message', (req, res) => {
        ({ body } = req);
        res.send(200);
      });
      const type = [{ name: 'Content-Type', value: 'text/plain' }];
      const to = { protocol: 'udp', port: net.sipPort('udp') } as const;
      assert.equal((await net.peer.send('MESSAGE', to, type, Buffer.of(0x61, 0xff, 0x62))).status, 200);
      // drachtio-srf cuts the text at Content-Length, and the replacement is one character where there was one octet
      assert.equal(body, 'a\ufffdb');
    });

    it('gets provisional responses and every final one as it is', async () => {
      const srf = await connected();
      for (const status of [202, 302, 404, 480, 486, 503, 600]) {
        net.peer.onRequest = (transaction) =>
          transaction.respond(
            respondTo(transaction.request, status, { headers: [{ name: 'Retry-After', value: String(status) }] }),
          );
        const response = await send(srf, net.peer.uri());
        assert.deepEqual([response.status, response.get('retry-after')], [status, String(status)]);
      }
    });

    it("gets 503 of the server's own when a connection is refused", async () => {
      const srf = await connected();
      const response = await send(srf, 'sip:a@127.0.0.1:9;transport=tcp');
      assert.deepEqual([response.status, response.source_address], [503, '']);
    });

    it('with a wrong secret is refused', async () => {
      const srf = net.srf();
      srf.on('error', () => undefined);
      await assert.rejects(connectSrf(srf, net.connectOptions('wrong')), { code: 'PPG_E_LEG_DOWN' });
      if (realServer === undefined) assert.equal(net.clients, 0);
    });

    it('comes back by itself after a restart, with its routes', async () => {
      const srf = await routed('message', (_req, res) => void res.send(200));
      const back = event(srf, 'connect');
      await net.sipdDown();
      const to = { protocol: 'udp', port: net.sipPort('udp') } as const;
      // a real server may hand this one to the application that has just gone, and never answer
      if (realServer === undefined) assert.equal((await net.peer.send('MESSAGE', to)).status, 503);
      await net.sipdUp();
      await back;
      assert.equal((await send(srf, net.peer.uri())).status, 200);
      assert.equal((await net.peer.send('MESSAGE', to)).status, 200);
    });
  });

  onSipd("gets 408 of the server's own when the peer is silent", async () => {
    net = await new SipdNet({ t1: 5, t2: 20 }).start();
    try {
      net.peer.onRequest = () => undefined;
      const srf = await connected();
      const response = await send(srf, net.peer.uri());
      assert.deepEqual([response.status, response.reason, response.source_address], [408, 'Request Timeout', '']);
    } finally {
      await net.stop();
    }
  });

  it('hears nothing of a server that is stopped, and the port is free', async () => {
    net = await new SipdNet().start();
    const srf = await connected();
    const gone = event(srf, 'close');
    await net.stop();
    await gone;
  });
});
