import assert from 'node:assert/strict';
import { silentLogger } from '../../../../lib/base/log.ts';
import type { SipdLimits } from '../../../../lib/embedded/sipd/limits.ts';
import { createSipd, type Sipd } from '../../../../lib/embedded/sipd/sipd.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { FakeStack, requestFrom } from '../../../support/fake-stack.ts';
import { RawApp } from '../../../support/raw-app.ts';

const SECRET = 'cymru';
const MESSAGE = 'sip||\r\nMESSAGE sip:bob@192.0.2.5 SIP/2.0\r\n';
const TEXT = `${MESSAGE}Content-Type: text/plain\r\n\r\n`;

describe('sipd', () => {
  let clock: FakeClock;
  let stack: FakeStack;
  let sipd: Sipd;
  const apps: RawApp[] = [];
  let warnings: (object | string)[];

  async function start(limits: Partial<SipdLimits> = {}): Promise<void> {
    const log = { ...silentLogger, warn: (fields: object | string) => void warnings.push(fields) };
    sipd = createSipd({ clock, stack, secret: SECRET, port: 0, limits, log });
    await sipd.start();
  }

  async function app(): Promise<RawApp> {
    const one = await RawApp.authenticated(sipd.port, SECRET);
    apps.push(one);
    return one;
  }

  async function routed(...verbs: string[]): Promise<RawApp> {
    const one = await app();
    for (const verb of verbs) assert.match(await one.ask(`route|${verb}`), /\|OK$/);
    return one;
  }

  beforeEach(async () => {
    clock = new FakeClock(Date.UTC(2026, 8, 21, 12, 0, 0));
    stack = new FakeStack();
    warnings = [];
  });

  afterEach(async () => {
    for (const one of apps.splice(0)) await one.close();
    await sipd.stop();
    assert.equal(clock.pending, 0, 'no timer is left behind');
  });

  describe('authentication', () => {
    it('tells where SIP is taken', async () => {
      await start();
      const one = await RawApp.connect(sipd.port);
      apps.push(one);
      const points = 'udp/127.0.0.1:5070,tcp/127.0.0.1:5070';
      const [id, ...answer] = (await one.ask(`authenticate|${SECRET}|`)).split('|');
      assert.match(id ?? '', /^[0-9a-f-]{36}$/);
      assert.deepEqual(answer, ['response', 'id1', 'OK', points, 'v0.9.10', points]);
      assert.equal((await one.ask('ping')).split('|').slice(1).join('|'), 'response|id2|OK|pong');
    });

    it('with a wrong secret is NO, and the end', async () => {
      await start();
      const one = await RawApp.connect(sipd.port);
      assert.match(await one.ask('authenticate|wrong|'), /\|NO\|incorrect secret$/);
      await one.closed;
    });

    it('comes before everything else', async () => {
      await start();
      for (const command of ['ping', 'route|message', TEXT, 'nonsense']) {
        const one = await RawApp.connect(sipd.port);
        assert.match(await one.ask(command), /\|NO\|not authenticated$/);
        await one.closed;
      }
      assert.equal(stack.sent.length, 0);
    });

    it('must come in time', async () => {
      await start();
      const one = await RawApp.connect(sipd.port);
      while (sipd.clients === 0) await new Promise((resolve) => setImmediate(resolve));
      clock.tick(10_000);
      await one.closed;
    });

    it('is refused without a secret in the options', () => {
      assert.throws(() => createSipd({ clock, stack, secret: '' }), { code: 'PPG_E_OPTIONS' });
    });
  });

  it('closes after what is no command, and after more than 99,999 octets', async () => {
    await start();
    const one = await app();
    assert.match(await one.ask('dance|x'), /\|NO\|invalid message type: dance$/);
    await one.closed;
    const two = await app();
    two.socket.write('100000#x');
    await two.closed;
  });

  it('turns away more applications than it may have', async () => {
    await start({ maxClients: 1 });
    await app();
    const second = await RawApp.connect(sipd.port);
    await second.closed;
  });

  describe('a request of an application', () => {
    it('leaves with what RFC 3261 asks for', async () => {
      await start();
      const one = await app();
      await one.ask(`${TEXT}hi`);
      const [sent] = stack.sent;
      assert.ok(sent !== undefined);
      const { request } = sent;
      assert.deepEqual(sent.hop, { protocol: 'udp', host: '192.0.2.5', port: 5060 });
      assert.equal(request.headers.get('Max-Forwards'), '70');
      assert.match(request.headers.get('From') ?? '', /^<sip:127\.0\.0\.1:5070>;tag=\w+$/);
      assert.equal(request.headers.get('To'), '<sip:bob@192.0.2.5>');
      assert.match(request.headers.get('Call-ID') ?? '', /\S/);
      assert.equal(request.headers.get('CSeq'), '1 MESSAGE');
      assert.equal(request.headers.has('Contact'), false);
      assert.equal(request.body.toString(), 'hi');
    });

    it('keeps what the application set', async () => {
      await start();
      const one = await app();
      const own =
        'from: <sip:a@localhost>;tag=mine\r\nto: <sip:b@c>\r\ncall-id: c1\r\nCSeq: 77 MESSAGE\r\nmax-forwards: 9\r\n';
      await one.ask(`${MESSAGE}${own}\r\n`);
      const headers = stack.sent[0]?.request.headers;
      assert.deepEqual(
        headers?.fields.slice(1).map(({ name, value }) => `${name}: ${value}`),
        [
          ...['Max-Forwards: 9', 'From: <sip:a@127.0.0.1:5070>;tag=mine', 'To: <sip:b@c>'],
          ...['Call-ID: c1', 'CSeq: 77 MESSAGE'],
        ],
      );
    });

    it('is answered first, and then come its responses, as they were received', async () => {
      await start();
      stack.onSent = (transaction) => transaction.answer(200, [{ name: 'X-Odd', value: 'a' }], Buffer.from('ok'));
      const one = await app();
      const answer = await one.ask(`${TEXT}hi`);
      const [meta = '', ...message] = answer.split('\r\n');
      const tokens = meta.split('|');
      assert.deepEqual(tokens.slice(1, 5), ['response', 'id2', 'OK', 'application']);
      assert.equal(Number(tokens[5]), message.join('\r\n').length);
      assert.deepEqual(tokens.slice(6, 10), ['udp', '127.0.0.1', '5070', '12:00:00.000000']);
      assert.match(message[1] ?? '', /^Via: /);
      const response = await one.next();
      const came = response.slice(0, response.indexOf('\r\n')).split('|');
      assert.deepEqual(came.slice(1, 3), ['sip', 'network']);
      assert.deepEqual(came.slice(4, 11), ['udp', '192.0.2.5', '5060', '12:00:00.000000', tokens[10], '', '']);
      assert.match(response, /\r\nSIP\/2\.0 200 OK\r\n[\s\S]*X-Odd: a\r\n[\s\S]*\r\n\r\nok$/);
    });

    it('that nobody answers ends as 408 from nowhere, one that cannot leave as 503', async () => {
      await start();
      const one = await app();
      for (const [failure, status] of [
        ['timeout', 'SIP/2.0 408 Request Timeout'],
        ['transport', 'SIP/2.0 503 Service Unavailable'],
      ] as const) {
        await one.ask(`${TEXT}hi`);
        const transaction = stack.sent.at(-1);
        transaction?.listener.onFailure(failure, new Error('x'));
        const [meta = '', first, ...rest] = (await one.next()).split('\r\n');
        assert.deepEqual(meta.split('|').slice(4, 7), ['udp', '', '0']);
        assert.equal(first, status);
        for (const name of ['Via', 'From', 'To', 'Call-ID', 'CSeq'])
          assert.equal(rest.filter((line) => line.startsWith(`${name}: `)).length, 1, name);
      }
    });

    it('to sips: gets 416 from nowhere', async () => {
      await start();
      const one = await app();
      assert.match(await one.ask('sip||\r\nOPTIONS sips:a@b SIP/2.0\r\n\r\n'), /\|OK\|application/);
      assert.match(await one.next(), /\|udp\|\|0\|[^\r]*\r\nSIP\/2\.0 416 /);
      assert.equal(stack.sent.length, 0);
    });

    it('goes to its route, and its request URI stays', async () => {
      await start();
      const one = await app();
      await one.ask('sip|||sip:192.0.2.77:5088;transport=tcp;lr\r\nOPTIONS sip:bob@example.com SIP/2.0\r\n\r\n');
      assert.deepEqual(stack.sent[0]?.hop, { protocol: 'tcp', host: '192.0.2.77', port: 5088 });
      assert.equal(stack.sent[0]?.request.uri, 'sip:bob@example.com');
      assert.equal(stack.sent[0]?.request.headers.has('Route'), false);
    });

    it('is bounded in number', async () => {
      await start({ maxInFlight: 1 });
      const one = await app();
      assert.match(await one.ask(`${TEXT}hi`), /\|OK\|/);
      assert.match(await one.ask(`${TEXT}hi`), /\|NOK\|too many requests in flight: 1$/);
      stack.sent[0]?.answer(200);
      assert.match(await one.next(), /SIP\/2\.0 200/);
      assert.match(await one.ask(`${TEXT}hi`), /\|OK\|/);
    });

    const refused: [string, string | Buffer, RegExp][] = [
      ['a tel: URI', 'sip||\r\nMESSAGE tel:+1555 SIP/2.0\r\n\r\n', /tel: request URI: it crashes/],
      ['a urn: URI', 'sip||\r\nMESSAGE urn:service:sos SIP/2.0\r\n\r\n', /invalid request-uri/],
      ['an unknown method', 'sip||\r\nDANCE sip:a@b SIP/2.0\r\n\r\n', /invalid request-uri/],
      ['a Route header', `${MESSAGE}route: <sip:x;lr>\r\n\r\n`, /Route header: it is dropped/],
      ['NUL in the body', `${TEXT}a\0b`, /NUL: it is cut there/],
      ['a body that is not UTF-8', Buffer.from(`${TEXT}a\xffb`, 'latin1'), /not UTF-8/],
      ['a body without Content-Type', `${MESSAGE}\r\nhi`, /\|missing content-type$/],
      ['its own address', 'sip||\r\nMESSAGE sip:a@127.0.0.1:5070 SIP/2.0\r\n\r\n', /\|can not send request to myself$/],
      ['a transport it lacks', 'sip||\r\nMESSAGE sip:a@b;transport=tls SIP/2.0\r\n\r\n', /transport not available$/],
      ['a CANCEL of nothing', 'sip|t|\r\nCANCEL sip:a@b SIP/2.0\r\n\r\n', /unable to find the request to cancel/],
      ['an ACK of nothing', 'sip||c;from-tag=1\r\nACK sip:placeholder SIP/2.0\r\n\r\n', /automatically generated/],
      ['a dialog', 'sip||c;from-tag=1\r\nINFO sip:placeholder SIP/2.0\r\n\r\n', /unable to find dialog/],
      ['CSeq of another method', `${MESSAGE}CSeq: 1 OPTIONS\r\n\r\n`, /CSeq names another method/],
      ['a From that is none', `${MESSAGE}From: <oops\r\n\r\n`, /NOK/],
      ['no message', 'sip||\r\nhello', /NOK\|/],
      ['proxy', 'proxy|t||||serial|||sip:x\r\nMESSAGE sip:a@b SIP/2.0\r\n\r\n', /unknown transaction/],
      ['a frame over 12,228 octets', `${TEXT}${'x'.repeat(13_000)}`, /frame of 13\d+ octets: beyond 12228/],
    ];
    for (const [what, command, reason] of refused) {
      it(`with ${what} is NOK, and the connection goes on`, async () => {
        await start();
        const one = await app();
        const answer = await one.ask(command);
        assert.match(answer, /^[0-9a-f-]{36}\|response\|id2\|NOK\|/);
        assert.match(answer, reason);
        assert.equal(stack.sent.length, 0);
        assert.match(await one.ask('ping'), /pong$/);
      });
    }

    it('of more than 4,036 octets is NOK beside others, and fine alone', async () => {
      await start();
      const one = await app();
      const long = `${TEXT}${'x'.repeat(5000)}`;
      assert.match(await one.ask(long), /\|OK\|/);
      one.socket.write(Buffer.concat([RawApp.frame('a', long), RawApp.frame('b', 'ping')]));
      assert.match(await one.next(), /\|response\|a\|NOK\|.*beside others/);
      assert.match(await one.next(), /\|response\|b\|OK\|pong/);
      assert.equal(stack.sent.length, 1);
    });

    it('with SDP needs no Content-Type', async () => {
      await start();
      const one = await app();
      await one.ask(`${MESSAGE}\r\nv=0`);
      assert.equal(stack.sent[0]?.request.headers.get('Content-Type'), 'application/sdp');
    });

    it('that SUBSCRIBEs gets a Contact', async () => {
      await start();
      const one = await app();
      await one.ask('sip||\r\nSUBSCRIBE sip:a@b SIP/2.0\r\nEvent: reg\r\n\r\n');
      assert.equal(stack.sent[0]?.request.headers.get('Contact'), '<sip:127.0.0.1:5070>');
    });
  });

  describe('a request of the network', () => {
    const status = (responses: readonly { status: number }[]): number[] => responses.map((one) => one.status);

    it('goes to an application octet for octet, and waits for its answer', async () => {
      await start();
      const one = await routed('message');
      const raw = requestFrom('MESSAGE', [['Content-Type', 'text/plain']], Buffer.from('x\xffy', 'latin1'));
      const answered = stack.receive(raw);
      const came = await one.next();
      const tokens = came.slice(0, came.indexOf('\r\n')).split('|');
      assert.deepEqual(tokens.slice(1, 4), ['sip', 'network', String(raw.length)]);
      assert.deepEqual(tokens.slice(4, 7), ['udp', '192.0.2.9', '5099']);
      assert.deepEqual(tokens.slice(9), ['', '127.0.0.1', '5070', '']);
      assert.equal(came.slice(came.indexOf('\r\n') + 2), raw.toString('latin1'));
      assert.deepEqual([answered.length, sipd.held], [0, 1]);

      const answer = await one.ask(
        `sip|${tokens[8]}|\r\nSIP/2.0 202 Fine\r\nto: <sip:x>;tag=mine\r\nx-a: 1\r\nVia: no\r\n\r\n`,
      );
      assert.match(
        answer,
        /\|OK\|application\|\d+\|udp\|127\.0\.0\.1\|5070\|[^|]+\|[0-9a-f-]{36}\|\|\|Msg sent:\|\r\nSIP/,
      );
      const [response] = answered;
      assert.deepEqual([response?.status, response?.reason], [202, 'Fine']);
      assert.equal(response?.headers.get('To'), '<sip:gateway@example.com>;tag=mine');
      assert.deepEqual(response?.headers.all('Via'), ['SIP/2.0/UDP 192.0.2.9:5099;branch=z9hG4bKpeer']);
      assert.equal(response?.headers.get('X-A'), '1');
      assert.equal(sipd.held, 0);
    });

    it('is answered by the server where drachtio-server does', async () => {
      await start();
      await routed('message', 'info', 'bye', 'invite', 'refer');
      assert.deepEqual(status(stack.receive(requestFrom('OPTIONS'))), [503], 'nobody takes it');
      assert.equal(stack.receive(requestFrom('OPTIONS'))[0]?.headers.has('Retry-After'), false);
      assert.deepEqual(status(stack.receive(requestFrom('BYE'))), [481]);
      assert.deepEqual(status(stack.receive(requestFrom('UPDATE'))), [481]);
      assert.deepEqual(status(stack.receive(requestFrom('INVITE'))), [400], 'no Contact');
      assert.deepEqual(status(stack.receive(requestFrom('DANCE'))), [501]);
      assert.deepEqual(status(stack.receive(requestFrom('REFER'))), [], 'without a word');
      const typed = [['Content-Type', 'text/plain']] as const;
      assert.deepEqual(status(stack.receive(requestFrom('MESSAGE', typed, 'a\0b'))), [400]);
      assert.deepEqual(status(stack.receive(requestFrom('MESSAGE', typed, 'x'.repeat(8193)))), [400]);
      for (let n = 0; n < 30; n++) stack.receive(requestFrom('INVITE', [['Contact', '<sip:[>']]));
      assert.ok(warnings.length > 2 && warnings.length <= 10, `${warnings.length} lines`);
      assert.doesNotMatch(JSON.stringify(warnings), /stack/, 'what a peer sent wrong is no error of the code');
      assert.equal(sipd.held, 0);
    });

    it('goes to the applications in turn', async () => {
      await start();
      const one = await routed('message');
      const two = await routed('message');
      for (let i = 0; i < 4; i++) stack.receive(requestFrom('MESSAGE'));
      for (const each of [one, two, one, two]) assert.match(await each.next(), /\|sip\|network\|/);
    });

    it('that no application answers gets nothing and is forgotten after 64 s', async () => {
      await start();
      const one = await routed('message');
      const answered = stack.receive(requestFrom('MESSAGE'));
      const id = (await one.next()).split('|')[8];
      clock.tick(63_999);
      assert.equal(sipd.held, 1);
      clock.tick(1);
      assert.equal(sipd.held, 0);
      assert.match(await one.ask(`sip|${id}|\r\nSIP/2.0 200 OK\r\n\r\n`), /\|NOK\|Response not sent due to unknown/);
      assert.equal(answered.length, 0);
    });

    it("that one application holds is no other one's to answer, and dies with it", async () => {
      await start();
      const one = await routed('message');
      stack.receive(requestFrom('MESSAGE'));
      const id = (await one.next()).split('|')[8];
      const other = await app();
      assert.match(await other.ask(`sip|${id}|\r\nSIP/2.0 200 OK\r\n\r\n`), /\|NOK\|/);
      await one.close();
      while (sipd.held > 0) await new Promise((resolve) => setImmediate(resolve));
      assert.deepEqual(status(stack.receive(requestFrom('MESSAGE'))), [503]);
    });

    it('is not routed any more after remove_route, whatever the verb', async () => {
      await start();
      const one = await routed('message', 'options');
      assert.match(await one.ask('remove_route|options'), /\|OK$/);
      assert.deepEqual(status(stack.receive(requestFrom('MESSAGE'))), [503]);
    });

    it('waits in bounded number', async () => {
      await start({ maxHeld: 1 });
      await routed('message');
      assert.deepEqual(status(stack.receive(requestFrom('MESSAGE'))), []);
      assert.deepEqual(status(stack.receive(requestFrom('MESSAGE'))), [503]);
    });

    it('cannot be answered with what drachtio-server would cut, and can then be answered well', async () => {
      await start();
      const one = await routed('message');
      const answered = stack.receive(requestFrom('MESSAGE'));
      const id = (await one.next()).split('|')[8];
      const typed = 'Content-Type: text/plain\r\n\r\n';
      assert.match(await one.ask(`sip|${id}|\r\nSIP/2.0 200 OK\r\n${typed}a\0`), /\|NOK\|.*NUL/);
      assert.match(await one.ask(`sip|${id}|\r\nSIP/2.0 200 OK\r\n\r\nbody`), /\|NOK\|missing content-type/);
      assert.match(await one.ask(`sip|${id}|\r\nSIP/2.0 200 OK\r\n${typed}fine`), /\|OK\|/);
      assert.deepEqual(status(answered), [200]);
    });

    it('answered without naming it is a broken protocol', async () => {
      await start();
      const one = await app();
      assert.match(await one.ask('sip||\r\nSIP/2.0 200 OK\r\n\r\n'), /\|NO\|/);
      await one.closed;
    });
  });

  it('disconnects an application that does not read', async () => {
    await start({ maxUnread: 256 * 1024 });
    const one = await routed('message');
    one.socket.pause();
    const body = 'x'.repeat(8000);
    let pushed = 0;
    while (sipd.clients > 0 && pushed < 10_000) {
      stack.receive(requestFrom('MESSAGE', [['Content-Type', 'text/plain']], body));
      if (++pushed % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(sipd.clients, 0);
    one.socket.resume();
    await one.closed;
  });

  it('stops although an application does not read', async () => {
    await start();
    const one = await routed('message');
    one.socket.pause();
    const typed = [['Content-Type', 'text/plain']] as const;
    for (let i = 0; i < 500; i++) stack.receive(requestFrom('MESSAGE', typed, 'x'.repeat(8000)));
    assert.equal(sipd.held, 500);
    await sipd.stop();
    assert.deepEqual([sipd.held, sipd.clients], [0, 0]);
    one.socket.resume();
  });

  it('rejects a port that is taken', async () => {
    await start();
    const second = createSipd({ clock, stack: new FakeStack(), secret: SECRET, port: sipd.port });
    await assert.rejects(second.start(), { code: 'PPG_E_SIP_TRANSPORT' });
    await second.stop();
  });
});
