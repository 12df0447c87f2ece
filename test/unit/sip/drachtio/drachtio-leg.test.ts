import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import type { Logger } from '../../../../lib/base/log.ts';
import { createDrachtioLeg, type DrachtioLegOptions } from '../../../../lib/sip/drachtio/drachtio-leg.ts';
import type { SrfLike } from '../../../../lib/sip/drachtio/srf-like.ts';
import { connectSrf } from '../../../../lib/sip/drachtio/srf-link.ts';
import type { RequestLike, ResponseLike, SipHandler, SipLeg } from '../../../../lib/sip/leg.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { FakeSrf } from '../../../support/fake-srf.ts';

const REQUEST = { method: 'MESSAGE', uri: 'sip:bob@example.com', headers: [] };

function recorder(): { log: Logger; lines: string[] } {
  const lines: string[] = [];
  const write = (fields: object | string, message?: string): void =>
    void lines.push(typeof fields === 'string' ? fields : String(message));
  return { log: { debug: write, info: write, warn: write, error: write }, lines };
}

describe('drachtio leg', () => {
  let clock: FakeClock;
  let srf: FakeSrf;

  beforeEach(() => {
    clock = new FakeClock();
    srf = new FakeSrf();
  });

  const make = (more: Partial<DrachtioLegOptions> = {}): SipLeg => createDrachtioLeg({ srf, clock, ...more });

  it('fits an instance of drachtio-srf with the types that come with it', () => {
    const load = (): SrfLike => new (createRequire(import.meta.url)('drachtio-srf') as typeof import('drachtio-srf'))();
    const leg = make({ srf: load() });
    assert.equal(leg.ready, false);
  });

  it('says what it cannot carry', () => {
    const { can } = make();
    assert.deepEqual([can.binary, can.route], [false, false]);
    assert.ok(can.maxRequestBytes <= 3_900);
  });

  it('sends by the callback form and takes the final response', async () => {
    const leg = make();
    srf.up();
    const answer = leg.request(REQUEST);
    srf.lastCall.accept();
    srf.lastCall.respond(100);
    srf.lastCall.respond(202);
    const got = await answer;
    assert.equal(got.kind, 'response');
    if (got.kind !== 'response') return;
    assert.deepEqual([got.status, got.reason, got.local], [202, 'Because', false]);
    assert.equal(got.get('Retry-After'), '7');
    assert.deepEqual(got.body, Buffer.from('é'));
    assert.equal(clock.pending, 0);
  });

  it('a large request whose TCP is refused goes by UDP after all; another 503 is the answer', async () => {
    const leg = make();
    srf.up();
    const headers = [{ name: 'Content-Type', value: 'text/plain' }];
    const large = { ...REQUEST, headers, body: Buffer.alloc(1500, 'a'), nextHop: 'sip:192.0.2.1:5060;transport=udp' };
    const answer = leg.request(large);
    assert.equal(srf.lastCall.options.proxy, 'sip:192.0.2.1:5060;transport=tcp');
    srf.lastCall.accept();
    srf.lastCall.respond(503, '');
    while (srf.calls.length < 2) await Promise.resolve();
    assert.equal(srf.lastCall.options.proxy, large.nextHop);
    assert.deepEqual(srf.lastCall.options.headers, srf.calls[0]?.options.headers);
    assert.equal(srf.lastCall.options.body, srf.calls[0]?.options.body);
    srf.lastCall.accept();
    srf.lastCall.respond(200);
    const got = await answer;
    assert.ok(got.kind === 'response' && got.status === 200);

    const refused = leg.request(large);
    srf.lastCall.accept();
    srf.lastCall.respond(503, '192.0.2.1');
    assert.equal((await refused).kind, 'response');
    const small = leg.request({ ...large, body: Buffer.from('a') });
    srf.lastCall.accept();
    srf.lastCall.respond(503, '');
    assert.equal((await small).kind, 'response');
    assert.equal(srf.calls.length, 4);
  });

  it("does not lose a response that comes in the same read as the server's word", async () => {
    const leg = make();
    srf.up().onCall = (call) => {
      call.accept();
      call.respond(200);
    };
    assert.equal((await leg.request(REQUEST)).kind, 'response');
  });

  it("knows the server's own 408 and 503 by their empty source", async () => {
    const leg = make();
    srf.up().onCall = (call) => {
      call.accept();
      call.respond(408, '');
    };
    const got = await leg.request(REQUEST);
    assert.ok(got.kind === 'response' && got.local && got.status === 408);
  });

  it('ends a request without an answer as unknown, and ignores what comes later', async () => {
    const leg = make();
    srf.up();
    const answer = leg.request(REQUEST);
    srf.lastCall.accept();
    clock.tick(35_999);
    assert.equal(clock.pending, 1);
    clock.tick(1);
    assert.equal((await answer).kind, 'unknown');
    srf.lastCall.respond(200);
    assert.equal(clock.pending, 0);
  });

  it("breaks a link of its own that confirms nothing, and leaves the host's alone", async () => {
    for (const [own, broken] of [
      [true, 1],
      [false, 0],
    ] as const) {
      let destroyed = 0;
      const socket = { destroy: () => destroyed++ };
      const app = { client: { mapServer: new Map([[socket, { ready: true }]]) } };
      const connect = { host: 'h', port: 1, secret: 's' };
      const leg = make({ srf: Object.assign(new FakeSrf(), { app }), ...(own && { connect }) });
      const answer = leg.request(REQUEST);
      clock.tick(36_000);
      assert.equal((await answer).kind, 'unknown');
      assert.equal(destroyed, broken);
    }
  });

  it('is ready between connect and the loss of the link', () => {
    const leg = make();
    const ready: boolean[] = [];
    leg.onReady(() => ready.push(leg.ready));
    assert.deepEqual([leg.ready, leg.address], [false, undefined]);
    srf.up();
    assert.deepEqual([leg.ready, leg.address], [true, '192.0.2.1:5060']);
    for (const event of ['close', 'disconnect', 'reconnecting', 'error']) {
      srf.up();
      assert.equal(leg.ready, true);
      srf.emit(event, new Error('gone'));
      assert.equal(leg.ready, false, event);
    }
    assert.equal(ready.length, 5);
    assert.ok(ready.every((one) => one));
  });

  it('touches nothing while the link is down', async () => {
    const leg = make();
    const answer = await leg.request(REQUEST);
    assert.ok(answer.kind === 'not-sent' && answer.code === 'PPG_E_LEG_DOWN', JSON.stringify(answer));
    assert.ok(answer.cause.startsWith('PPG_E_LEG_DOWN'));
    assert.equal(srf.calls.length, 0);
  });

  it('settles everything in flight as unknown when the link is lost', async () => {
    const leg = make();
    srf.up();
    const answers = [leg.request(REQUEST), leg.request(REQUEST), leg.request(REQUEST)];
    srf.lastCall.accept();
    srf.emit('close');
    assert.deepEqual(
      (await Promise.all(answers)).map((one) => one.kind),
      ['unknown', 'unknown', 'unknown'],
    );
    assert.equal(clock.pending, 0);
  });

  it('takes a throw of drachtio-srf for a link that is down', async () => {
    const leg = make();
    srf.up().onCall = () => {
      throw new assert.AssertionError({ message: 'typeSocket(socket)' });
    };
    const answer = await leg.request(REQUEST);
    assert.ok(answer.kind === 'not-sent' && answer.code === 'PPG_E_LEG_DOWN');
  });

  it('tells a refusal that lasts from one that may pass', async () => {
    const leg = make();
    srf.up();
    const code = async (error: Error): Promise<string> => {
      srf.onCall = (call) => call.callback(error);
      const answer = await leg.request(REQUEST);
      return answer.kind === 'not-sent' ? String(answer.code) : answer.kind;
    };
    assert.equal(await code(new Error('invalid request-uri: x')), 'PPG_E_LEG_CANNOT');
    assert.equal(await code(new Error('missing content-type')), 'PPG_E_LEG_CANNOT');
    assert.equal(await code(new Error('too many requests in flight: 1')), 'PPG_E_LEG_DOWN');
    assert.equal(await code(new Error('provided socket has been destroyed')), 'PPG_E_LEG_DOWN');
    assert.equal(await code(new Error('failed to parse sip message')), 'unknown');
  });

  it('refuses what drachtio cannot carry without touching drachtio-srf', async () => {
    const leg = make();
    srf.up();
    const headers = [{ name: 'Content-Type', value: 'application/vnd.wap.mms-message' }];
    const answer = await leg.request({ ...REQUEST, headers, body: Buffer.of(0x8c, 0, 1) });
    assert.ok(answer.kind === 'not-sent' && answer.code === 'PPG_E_LEG_CANNOT');
    assert.equal(srf.calls.length, 0);
  });

  it('logs a wrong secret once, however often drachtio-srf comes back with it', () => {
    const { log, lines } = recorder();
    const leg = make({ log, connect: { host: 'h', port: 1, secret: 's' } });
    for (let i = 0; i < 5; i++) {
      srf.emit('connect', new Error('failed to authenticate to server'));
      srf.emit('reconnecting');
    }
    assert.equal(leg.ready, false);
    assert.deepEqual(lines, ['the drachtio server refuses us: is the secret right?']);
  });

  it('logs an unreachable server once, until it was reached', () => {
    const { log, lines } = recorder();
    make({ log, connect: { host: 'h', port: 1, secret: 's' } });
    for (let i = 0; i < 5; i++) srf.emit('error', new Error('ECONNREFUSED'));
    assert.equal(lines.length, 1);
    srf.up();
    srf.emit('error', new Error('ECONNRESET'));
    assert.equal(lines.length, 4);
  });

  it('sends over the outbound connection and takes requests on the other', async () => {
    const outbound = new FakeSrf();
    const leg = make({ outbound, methods: ['MESSAGE'] });
    leg.onRequest(() => undefined);
    srf.up('udp/192.0.2.7:5060');
    assert.equal(leg.ready, false, 'the way out is down');
    outbound.up('udp/192.0.2.8:5060');
    assert.equal(leg.ready, true);
    assert.equal(leg.address, '192.0.2.7:5060');
    void leg.request(REQUEST);
    assert.deepEqual([srf.calls.length, outbound.calls.length], [0, 1]);
    assert.deepEqual([srf.routes.length, outbound.routes.length], [1, 0]);
    await leg.stop();
  });

  it('tells every address at which its server takes requests', () => {
    const leg = make();
    assert.deepEqual(leg.addresses, []);
    srf.up('udp/192.0.2.7:5060,tcp/192.0.2.7:5060,tls/[2001:db8::1]:5061');
    assert.deepEqual(leg.addresses, ['192.0.2.7:5060', '[2001:db8::1]:5061']);
    assert.equal(make({ address: 'gw.example:5060' }).addresses?.[0], 'gw.example:5060');
  });

  it('warns when it shares the connection of the app', () => {
    const { log, lines } = recorder();
    make({ log });
    assert.match(lines[0] ?? '', /no outbound connection/);
  });

  it('finds a link that was up before it came', () => {
    const app = { client: { mapServer: new Map([['socket', { ready: true, hostport: 'tcp/192.0.2.3:5061' }]]) } };
    const leg = make({ srf: Object.assign(srf, { app }) });
    assert.deepEqual([leg.ready, leg.address], [true, '192.0.2.3:5061']);
  });

  it("never disconnects a Srf of the host's, and leaves its errors with a listener", async () => {
    const leg = make();
    srf.up();
    const answer = leg.request(REQUEST);
    await leg.stop();
    assert.equal((await answer).kind, 'unknown');
    assert.deepEqual([leg.ready, srf.disconnects, clock.pending], [false, 0, 0]);
    assert.ok(srf.emit('error', new Error('late')), 'somebody listens');
  });

  describe('inbound', () => {
    const req = { method: 'MESSAGE' } as RequestLike;
    const sent: number[] = [];
    const res = (finalResponseSent = false): ResponseLike => ({
      send: (status) => sent.push(status),
      finalResponseSent,
    });

    beforeEach(() => void sent.splice(0));

    function route(handler: (req: RequestLike, res: ResponseLike) => unknown): (...args: unknown[]) => unknown {
      const leg = make({ methods: ['MESSAGE', 'options'] });
      leg.onRequest(handler as SipHandler);
      assert.deepEqual(
        srf.routes.map(({ method }) => method),
        ['message', 'options'],
      );
      const [first] = srf.routes;
      assert.ok(first !== undefined);
      return first.handler;
    }

    it('handlers have three parameters: with four drachtio-srf takes them for error handlers', () => {
      assert.equal(route(() => undefined).length, 3);
    });

    it('what a handler throws or rejects with becomes 500 and goes no further', async () => {
      route(() => {
        throw new Error('x');
      })(req, res(), () => undefined);
      assert.deepEqual(sent, [500]);
      srf = new FakeSrf();
      route(() => Promise.reject(new Error('x')))(req, res(), () => undefined);
      await new Promise((resolve) => setImmediate(resolve));
      assert.deepEqual(sent, [500, 500]);
    });

    it('a handler that failed after its answer changes nothing, nor one whose answer cannot be sent', () => {
      const handler = route(() => {
        throw new Error('x');
      });
      handler(req, res(true), () => undefined);
      assert.deepEqual(sent, []);
      const broken: ResponseLike = {
        send: () => {
          throw new Error('down');
        },
      };
      handler(req, broken, () => undefined);
    });
  });

  describe('connectSrf', () => {
    const to = { host: 'h', port: 9022, secret: 's' };

    it('waits for the server and bounds the delay between attempts', async () => {
      let options: unknown;
      srf.connect = (...args: unknown[]) => {
        options = args[0];
      };
      const connected = connectSrf(srf, { ...to, clock });
      srf.emit('error', new Error('ECONNREFUSED'));
      srf.up('udp/1.2.3.4:5060');
      assert.equal(await connected, 'udp/1.2.3.4:5060');
      assert.deepEqual(options, { ...to, reconnect: { retryMaxDelay: 2000 } });
      assert.equal(clock.pending, 0);
    });

    it('rejects when the secret is refused, and gives up the connection', async () => {
      const connected = connectSrf(srf, { ...to, clock });
      srf.emit('connect', new Error('failed to authenticate to server'));
      await assert.rejects(connected, { code: 'PPG_E_LEG_DOWN', message: /refuses us/ });
      assert.equal(srf.disconnects, 1);
    });

    it('tells once that it cannot reach the server, while it still tries', async () => {
      const lines: unknown[] = [];
      const log: Logger = { ...recorder().log, warn: (fields: unknown) => void lines.push(fields) };
      const connected = connectSrf(srf, { ...to, clock, log });
      for (const _ of [1, 2]) srf.emit('error', new Error('ECONNREFUSED'));
      assert.deepEqual(lines, [{ host: 'h', port: 9022, cause: 'ECONNREFUSED' }]);
      srf.up('udp/1.2.3.4:5060');
      await connected;
    });

    it('rejects when nobody answers in time, and says what was wrong last', async () => {
      const connected = connectSrf(srf, { ...to, clock, within: 500 });
      srf.emit('error', new Error('ECONNREFUSED'));
      clock.tick(500);
      await assert.rejects(connected, { code: 'PPG_E_LEG_DOWN', message: /within 500 ms: ECONNREFUSED/ });
    });
  });
});
