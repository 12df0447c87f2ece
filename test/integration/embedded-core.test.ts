import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { systemClock } from '../../lib/base/clock.ts';
import { randomToken } from '../../lib/base/ids.ts';
import { type Logger, silentLogger } from '../../lib/base/log.ts';
import { SipHeaders, type SipRequest, type SipResponse } from '../../lib/codec/sip/message.ts';
import { parseNameAddr } from '../../lib/codec/sip/name-addr.ts';
import { paramOf } from '../../lib/codec/sip/params.ts';
import { parseSip } from '../../lib/codec/sip/parse.ts';
import { respondTo } from '../../lib/codec/sip/respond-to.ts';
import { type Core, createCore } from '../../lib/embedded/core/core.ts';
import type { CoreOptions } from '../../lib/embedded/core/options.ts';
import { createPhone, type Phone, type PhoneOptions } from '../../lib/embedded/phone/phone.ts';
import type { ReceivedPush } from '../../lib/embedded/phone/push-log.ts';
import { createSipStack } from '../../lib/stack/stack.ts';
import type { Hop, ListenPoint, Protocol, ServerTransaction, SipStack } from '../../lib/stack/types.ts';
import type { BindingRecord } from '../../lib/store/bindings.ts';
import { createMemoryBindings } from '../../lib/store/memory-bindings.ts';
import { freePorts } from '../support/ports.ts';

const LOCAL = '127.0.0.1';
const udp: ListenPoint = { protocol: 'udp', host: LOCAL, port: 0 };
const tcp: ListenPoint = { protocol: 'tcp', host: LOCAL, port: 0 };

/** Everything a test starts, stopped after it. */
const running: { stop(): Promise<void> }[] = [];

function portOf(stack: SipStack, protocol: Protocol = 'udp'): number {
  const point = stack.listening.find((candidate) => candidate.protocol === protocol);
  assert.ok(point);
  return point.port;
}

/** A SIP element that is only a stack: the gateway's side of these tests. */
class Element {
  readonly stack: SipStack;
  readonly requests: ServerTransaction[] = [];
  readonly #waiting: (() => void)[] = [];
  answer: (transaction: ServerTransaction) => void = (transaction) =>
    transaction.respond(respondTo(transaction.request, 200));

  constructor(listen: readonly ListenPoint[]) {
    this.stack = createSipStack({ clock: systemClock, listen });
    this.stack.onRequest((transaction) => {
      this.requests.push(transaction);
      this.answer(transaction);
      for (const wake of this.#waiting.splice(0)) wake();
    });
  }

  /** Resolves once `count` requests have come. */
  async got(count: number): Promise<ServerTransaction[]> {
    while (this.requests.length < count) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.requests;
  }

  /** Sends a request and answers its final response, or the failure. */
  send(parts: {
    uri: string;
    hop: Hop;
    method?: string;
    headers?: Record<string, string>;
    body?: Buffer;
  }): Promise<SipResponse> {
    const { method = 'MESSAGE', headers = {}, body = Buffer.alloc(0) } = parts;
    const fields = new SipHeaders([
      { name: 'Max-Forwards', value: '70' },
      { name: 'From', value: '<sip:push@ppg.example.com>;tag=ppg' },
      { name: 'To', value: `<${parts.uri}>` },
      { name: 'Call-ID', value: randomToken() },
      { name: 'CSeq', value: `1 ${method}` },
    ]);
    for (const [name, value] of Object.entries(headers)) fields.set(name, value);
    const request: SipRequest = { kind: 'request', method, uri: parts.uri, headers: fields, body };
    return new Promise((resolve, reject) => {
      this.stack.request(request, parts.hop, {
        onResponse: (response) => {
          if (response.status >= 200) resolve(response);
        },
        onFailure: (failure, cause) => reject(new Error(failure, { cause })),
      });
    });
  }
}

async function element(listen: readonly ListenPoint[] = [udp]): Promise<Element> {
  const made = new Element(listen);
  await made.stack.start();
  running.push(made.stack);
  return made;
}

interface RunningCore {
  readonly core: Core;
  readonly stack: SipStack;
  readonly hop: Hop;
  readonly records: Map<string, BindingRecord>;
}

async function startCore(
  options: Partial<CoreOptions> & { port?: number; records?: Map<string, BindingRecord> } = {},
): Promise<RunningCore> {
  const { port = 0, records = new Map(), ...rest } = options;
  const stack = createSipStack({
    clock: systemClock,
    listen: [
      { ...udp, port },
      { ...tcp, port },
    ],
  });
  const core = createCore({
    clock: systemClock,
    log: silentLogger,
    stack,
    domain: 'example.com',
    applicationServers: [],
    bindings: createMemoryBindings(records),
    ...rest,
  });
  await core.start();
  running.push(core);
  return { core, stack, hop: { protocol: 'udp', host: LOCAL, port: portOf(stack) }, records };
}

/** A registered phone, and the pushes it got. */
async function phone(
  { stack }: RunningCore,
  user: string,
  options: Partial<PhoneOptions> = {},
): Promise<Phone & { pushes: ReceivedPush[] }> {
  const transport = options.transport ?? 'udp';
  const made = createPhone({
    clock: systemClock,
    log: silentLogger,
    server: { host: LOCAL, port: portOf(stack, transport) },
    user: `${user}@example.com`,
    applications: ['mms.ua'],
    ...options,
  });
  const pushes: ReceivedPush[] = [];
  made.on('push', (push) => pushes.push(push));
  running.push(made);
  await made.start();
  return Object.assign(made, { pushes });
}

const accepting = (application: string) => ({
  'Accept-Contact': `*;+g.oma.pusheventapp="${application}";require;explicit`,
});

afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

describe('embedded core', () => {
  describe('as a proxy', () => {
    it('a MESSAGE to the user forks to every device and comes back with one 200', async () => {
      const core = await startCore();
      const gateway = await element();
      const phones = [await phone(core, 'alice'), await phone(core, 'alice')];
      const body = Buffer.from('hello');
      const response = await gateway.send({
        uri: 'sip:alice@example.com',
        hop: core.hop,
        headers: { 'Content-Type': 'text/plain' },
        body,
      });
      assert.equal(response.status, 200);
      assert.deepEqual(
        phones.map(({ pushes }) => pushes.map((push) => push.body.toString())),
        [['hello'], ['hello']],
      );
    });

    it('a body with NULs and octets that are no UTF-8 arrives octet for octet, and unknown headers as they were', async () => {
      const core = await startCore();
      const gateway = await element();
      const alice = await phone(core, 'alice');
      const body = Buffer.from([...Array(256).keys(), 0, 0, 13, 10, 13, 10, 0]);
      const response = await gateway.send({
        uri: 'sip:alice@example.com',
        hop: core.hop,
        headers: { 'Content-Type': 'application/vnd.wap.mms-message', 'X-Wap-Push-Info': 'Ä "x", y;z' },
        body,
      });
      assert.equal(response.status, 200);
      assert.equal(Buffer.compare(alice.pushes[0]?.body ?? Buffer.alloc(0), body), 0);
      assert.equal(alice.pushes[0]?.headers.get('X-Wap-Push-Info'), 'Ä "x", y;z');
      assert.equal(alice.pushes[0]?.headers.get('Max-Forwards'), '69');
    });

    it('Accept-Contact picks the device that runs the application', async () => {
      const core = await startCore();
      const gateway = await element();
      const mms = await phone(core, 'alice', { applications: ['mms.ua'] });
      const supl = await phone(core, 'alice', { applications: ['ulp.ua', 'x-oma-docomo:open.ctl'] });
      const uri = 'sip:alice@example.com';
      for (const application of ['ulp.ua', '<x-oma-docomo:open.ctl>', 'mms.ua']) {
        const response = await gateway.send({ uri, hop: core.hop, headers: accepting(application) });
        assert.equal(response.status, 200, application);
      }
      assert.deepEqual([mms.pushes.length, supl.pushes.length], [1, 2]);
      const nobody = await gateway.send({ uri, hop: core.hop, headers: accepting('wml.ua') });
      assert.equal(nobody.status, 480);
    });

    it('a GRUU names one device, and so does its instance with no-fork', async () => {
      const core = await startCore();
      const gateway = await element();
      const first = await phone(core, 'alice');
      const second = await phone(core, 'alice');
      assert.match(second.gruu ?? '', /^sip:alice@example\.com;gr=urn:uuid:/);
      await gateway.send({ uri: second.gruu ?? '', hop: core.hop });
      assert.deepEqual([first.pushes.length, second.pushes.length], [0, 1]);
      const headers = {
        'Accept-Contact': `*;+sip.instance="<${first.instance}>";require;explicit`,
        'Request-Disposition': 'no-fork',
      };
      await gateway.send({ uri: 'sip:alice@example.com', hop: core.hop, headers });
      assert.deepEqual([first.pushes.length, second.pushes.length], [1, 1]);
      const unknown = await gateway.send({ uri: 'sip:alice@example.com;gr=urn:uuid:none', hop: core.hop });
      assert.equal(unknown.status, 480);
    });

    it('a registered contact can be named by its own URI, as in a dialog', async () => {
      const core = await startCore();
      const gateway = await element();
      const alice = await phone(core, 'alice');
      const other = await phone(core, 'alice');
      const notify = { method: 'NOTIFY', uri: alice.contact, hop: core.hop };
      assert.equal((await gateway.send(notify)).status, 200);
      assert.deepEqual([alice.pushes[0]?.method, other.pushes.length], ['NOTIFY', 0]);
      await alice.deregister();
      assert.equal((await gateway.send(notify)).status, 403);
    });

    it('no-fork reaches one device, and one only', async () => {
      const core = await startCore();
      const gateway = await element();
      const phones = [await phone(core, 'alice'), await phone(core, 'alice')];
      const headers = { 'Request-Disposition': 'no-fork' };
      await gateway.send({ uri: 'sip:alice@example.com', hop: core.hop, headers });
      assert.equal(phones.flatMap(({ pushes }) => pushes).length, 1);
    });

    it('sequential tries one device after the other until one takes it', async () => {
      const core = await startCore();
      const gateway = await element();
      const phones = [
        await phone(core, 'alice', { answers: '486' }),
        await phone(core, 'alice', { answers: '200' }),
        await phone(core, 'alice', { answers: '200' }),
      ];
      const headers = { 'Request-Disposition': 'sequential' };
      const response = await gateway.send({ uri: 'sip:alice@example.com', hop: core.hop, headers });
      assert.equal(response.status, 200);
      assert.deepEqual(
        phones.map(({ pushes }) => pushes.length),
        [1, 1, 0],
      );
    });

    const best: [answers: string[], status: number, retryAfter?: string][] = [
      [['503:7'], 500, '7'],
      [['486', '503:7'], 486],
      [['500', '404'], 404],
      [['404', '415'], 415],
      [['486', '603'], 603],
      [['603', '200'], 200],
      [['302', '404'], 302],
      [['480', '202'], 202],
    ];
    for (const [answers, status, retryAfter] of best) {
      it(`devices that answer ${answers.join(' and ')} come back as ${status}`, async () => {
        const core = await startCore();
        const gateway = await element();
        for (const script of answers) await phone(core, 'alice', { answers: script });
        const response = await gateway.send({ uri: 'sip:alice@example.com', hop: core.hop });
        assert.equal(response.status, status);
        assert.equal(response.headers.get('Retry-After'), retryAfter);
        assert.equal(response.headers.all('Via').length, 1);
      });
    }

    it('a 401 brings the challenges of every device', async () => {
      const core = await startCore();
      const gateway = await element();
      for (const realm of ['one', 'two']) {
        const device = await element();
        device.answer = (transaction) =>
          transaction.respond(
            respondTo(transaction.request, 401, {
              headers: [{ name: 'WWW-Authenticate', value: `Digest realm="${realm}", nonce="n"` }],
            }),
          );
        const contact = `<sip:alice@${LOCAL}:${portOf(device.stack)}>`;
        await device.send({
          method: 'REGISTER',
          uri: 'sip:example.com',
          hop: core.hop,
          headers: { To: '<sip:alice@example.com>', Contact: contact },
        });
      }
      const response = await gateway.send({ uri: 'sip:alice@example.com', hop: core.hop });
      assert.equal(response.status, 401);
      assert.deepEqual(
        response.headers
          .all('WWW-Authenticate')
          .map((value) => /realm="(\w+)"/.exec(value)?.[1])
          .sort(),
        ['one', 'two'],
      );
    });

    it('devices that all stay silent come back as 408', async () => {
      const core = await startCore({ answerTimeout: 50 });
      const gateway = await element();
      await phone(core, 'alice', { answers: 'silent' });
      await phone(core, 'alice', { answers: 'silent' });
      const response = await gateway.send({ uri: 'sip:alice@example.com', hop: core.hop });
      assert.equal(response.status, 408);
    });

    it('nobody registered is 480, another domain 403, an unknown method 501', async () => {
      const core = await startCore();
      const gateway = await element();
      const statuses: number[] = [];
      for (const [uri, method] of [
        ['sip:nobody@example.com', 'MESSAGE'],
        ['sip:alice@elsewhere.example', 'MESSAGE'],
        ['sip:alice@example.com', 'REFER'],
        ['sip:example.com', 'OPTIONS'],
        ['mailto:alice@example.com', 'MESSAGE'],
        ['sip:@@', 'MESSAGE'],
      ] as const)
        statuses.push(
          (await gateway.send({ uri, method, hop: core.hop, headers: { To: '<sip:a@example.com>' } })).status,
        );
      assert.deepEqual(statuses, [480, 403, 501, 200, 416, 400]);
    });

    it('a request that has gone too far ends here', async () => {
      const core = await startCore();
      const gateway = await element();
      await phone(core, 'alice');
      const uri = 'sip:alice@example.com';
      const spent = await gateway.send({ uri, hop: core.hop, headers: { 'Max-Forwards': '0' } });
      assert.equal(spent.status, 483);
      const vias = Array.from({ length: 30 }, (_, i) => `SIP/2.0/UDP h${i};branch=z9hG4bK${i}`).join(', ');
      const looping = await gateway.send({ uri, hop: core.hop, headers: { Via: vias } });
      assert.equal(looping.status, 483);
      const demanding = await gateway.send({ uri, hop: core.hop, headers: { 'Proxy-Require': 'foo' } });
      assert.deepEqual([demanding.status, demanding.headers.get('Unsupported')], [420, 'foo']);
    });

    it('a Route to the core is taken off, one that leads elsewhere refused', async () => {
      const core = await startCore();
      const gateway = await element();
      const alice = await phone(core, 'alice');
      const uri = 'sip:alice@example.com';
      const own = { Route: `<sip:${LOCAL}:${core.hop.port};lr>` };
      assert.equal((await gateway.send({ uri, hop: core.hop, headers: own })).status, 200);
      assert.equal(alice.pushes[0]?.headers.has('Route'), false);
      const other = { Route: '<sip:192.0.2.1;lr>' };
      assert.equal((await gateway.send({ uri, hop: core.hop, headers: other })).status, 403);
    });

    it('a service identity and the address of its application server lead there', async () => {
      const gateway = await element();
      const server = `sip:${LOCAL}:${portOf(gateway.stack)}`;
      const core = await startCore({ services: { push: server } });
      const device = await element();
      for (const uri of ['sip:push@example.com', `sip:push@${LOCAL}:${portOf(gateway.stack)}`])
        assert.equal((await device.send({ uri, hop: core.hop })).status, 200);
      assert.deepEqual(
        gateway.requests.map(({ request }) => request.uri),
        ['sip:push@example.com', `sip:push@${LOCAL}:${portOf(gateway.stack)}`],
      );
    });
  });

  describe('over TCP', () => {
    it('a phone gets its pushes over the connection it registered on, however large', async () => {
      const core = await startCore();
      const gateway = await element([tcp]);
      const alice = await phone(core, 'alice', { transport: 'tcp' });
      const body = Buffer.alloc(100_000, '\0\r\n\xff', 'latin1');
      const before = core.stack.counters.connections;
      const hop: Hop = { protocol: 'tcp', host: LOCAL, port: portOf(core.stack, 'tcp') };
      const headers = { 'Content-Type': 'application/octet-stream' };
      const response = await gateway.send({ uri: 'sip:alice@example.com', hop, headers, body });
      assert.equal(response.status, 200);
      assert.equal(Buffer.compare(alice.pushes[0]?.body ?? Buffer.alloc(0), body), 0);
      // One more than before: the gateway's.
      assert.equal(core.stack.counters.connections, before + 1);
    });

    it('a phone that vanished without a word is 480 once its connection is gone', async () => {
      const core = await startCore();
      const gateway = await element();
      const alice = await phone(core, 'alice', { transport: 'tcp' });
      await alice.vanish();
      assert.equal((await gateway.send({ uri: 'sip:alice@example.com', hop: core.hop })).status, 480);
    });
  });

  describe('as a registrar', () => {
    it('answers with every contact, its parameters as they came and the time it has left', async () => {
      const core = await startCore();
      const device = await element();
      const parameters = ';+g.oma.pusheventapp="mms.ua,ulp.ua";+sip.instance="<urn:uuid:1>";X-Odd="a\\"b";q=0.5';
      const response = await device.send({
        method: 'REGISTER',
        uri: 'sip:example.com',
        hop: core.hop,
        headers: {
          To: '<sip:alice@example.com>',
          Contact: `<sip:alice@192.0.2.7;ob>${parameters};expires=120, <sip:alice@192.0.2.8>`,
          Expires: '90',
        },
      });
      assert.equal(response.status, 200);
      assert.deepEqual(response.headers.all('Contact'), [
        `<sip:alice@192.0.2.7;ob>${parameters};expires=120`,
        '<sip:alice@192.0.2.8>;expires=90',
      ]);
    });

    it('a phone that leaves is gone', async () => {
      const core = await startCore();
      const gateway = await element();
      const alice = await phone(core, 'alice');
      assert.equal(core.core.registered('sip:alice@example.com')[0]?.contact, alice.contact);
      await alice.stop();
      assert.deepEqual(core.core.registered('sip:alice@example.com'), []);
      assert.equal((await gateway.send({ uri: 'sip:alice@example.com', hop: core.hop })).status, 480);
    });

    it('a phone that asks for too short a time learns the shortest and takes it', async () => {
      const core = await startCore({ minExpires: 120 });
      await phone(core, 'alice', { expires: 30 });
      const left = (core.core.registered('sip:alice@example.com')[0]?.expiresAt ?? 0) - systemClock.now();
      assert.ok(left > 110_000 && left <= 120_000, String(left));
    });

    it('with digest, a phone that knows its password registers, and renews', async () => {
      const core = await startCore({ digest: { users: { alice: 'secret' } } });
      const alice = await phone(core, 'alice', { password: 'secret' });
      await alice.register();
      assert.equal(core.core.registered('sip:alice@example.com').length, 1);
      await assert.rejects(phone(core, 'alice', { password: 'guess' }), { code: 'PPG_E_FORBIDDEN', sipStatus: 401 });
      await assert.rejects(phone(core, 'alice'), { sipStatus: 401 });
    });

    it('registrations survive a restart', async () => {
      const records = new Map<string, BindingRecord>();
      const [port = 0] = await freePorts(1);
      const first = await startCore({ records, port });
      const gateway = await element();
      const alice = await phone(first, 'alice');
      await first.core.stop();
      const second = await startCore({ records, port });
      assert.equal(second.core.registered('sip:alice@example.com').length, 1);
      const response = await gateway.send({
        uri: alice.gruu ?? '',
        hop: second.hop,
        headers: accepting('mms.ua'),
      });
      assert.deepEqual([response.status, alice.pushes.length], [200, 1]);
    });
  });

  describe('third-party registration', () => {
    it('tells every application server at once, with the REGISTER octet for octet', async () => {
      const servers = [await element(), await element()];
      const uris = servers.map(({ stack }) => `sip:as@${LOCAL}:${portOf(stack)}`);
      const core = await startCore({ applicationServers: uris });
      const register = Buffer.from(
        [
          'REGISTER sip:example.com SIP/2.0',
          'v: SIP/2.0/UDP 127.0.0.1:PORT;branch=z9hG4bKodd;rport',
          'f:  "Ä\\"lice" <sip:alice@example.com>;tag=1',
          't: <sip:alice@example.com>',
          'i: odd',
          'CSeq: 7   REGISTER',
          'm: <sip:alice@127.0.0.1:PORT>;+g.oma.pusheventapp="mms.ua"',
          'Expires: 600',
          'l: 0',
          '',
          '',
        ].join('\r\n'),
      );
      const socket = createSocket('udp4');
      await new Promise<void>((resolve) => socket.bind(0, LOCAL, resolve));
      const octets = Buffer.from(register.toString('latin1').replaceAll('PORT', `${socket.address().port}`), 'latin1');
      assert.equal((await exchange(socket, octets, core.hop)).startsWith('SIP/2.0 200 '), true);
      socket.close();
      for (const [at, server] of servers.entries()) {
        const [notice] = await server.got(1);
        assert.ok(notice);
        const { method, uri, headers, body } = notice.request;
        assert.deepEqual([method, uri], ['REGISTER', uris[at]]);
        assert.equal(headers.get('To'), '<sip:alice@example.com>');
        assert.equal(headers.get('Event'), 'registration');
        assert.equal(headers.get('Expires'), '600');
        assert.equal(headers.get('Content-Type'), 'message/sip');
        const core = parseNameAddr(headers.get('Contact') ?? '').uri;
        assert.equal(parseNameAddr(headers.get('From') ?? '').uri, core);
        assert.equal(Buffer.compare(body, octets), 0);
      }
    });

    it('adds the 200 when that has a GRUU, and tells of a de-registration with Expires 0', async () => {
      const server = await element();
      const core = await startCore({ applicationServers: [`sip:${LOCAL}:${portOf(server.stack)}`] });
      const alice = await phone(core, 'alice');
      const [arrival] = await server.got(1);
      const type = arrival?.request.headers.get('Content-Type') ?? '';
      const [register, ok] = messagesIn(type, arrival?.request.body ?? Buffer.alloc(0));
      assert.equal(register?.kind === 'request' && register.method, 'REGISTER');
      assert.equal(ok?.kind === 'response' && ok.status, 200);
      const contact = parseNameAddr(ok?.headers.get('Contact') ?? '');
      assert.equal(paramOf(contact.params, 'pub-gruu'), alice.gruu);
      await alice.deregister();
      const [, leaving] = await server.got(2);
      assert.equal(leaving?.request.headers.get('Expires'), '0');
      assert.equal(leaving?.request.headers.get('Call-ID'), arrival?.request.headers.get('Call-ID'));
    });

    it('an application server that was away learns the state when it is back', async () => {
      const [port = 0] = await freePorts(1);
      const core = await startCore({ applicationServers: [`sip:${LOCAL}:${port};transport=tcp`] });
      await phone(core, 'alice');
      await phone(core, 'bob');
      const back = await element([{ ...tcp, port }]);
      const users = (await back.got(2)).map(({ request }) => request.headers.get('To')).sort();
      assert.deepEqual(users, ['<sip:alice@example.com>', '<sip:bob@example.com>']);
    });

    it('a core that starts tells of everyone who is registered', async () => {
      const records = new Map<string, BindingRecord>();
      const first = await startCore({ records });
      const phones = [await phone(first, 'alice'), await phone(first, 'bob', { transport: 'tcp' })];
      await first.core.stop();
      for (const one of phones) await one.vanish();
      const server = await element();
      await startCore({ records, applicationServers: [`sip:${LOCAL}:${portOf(server.stack)}`] });
      const told = await server.got(2);
      assert.deepEqual(told.map(({ request }) => request.headers.get('To')).sort(), [
        '<sip:alice@example.com>',
        '<sip:bob@example.com>',
      ]);
      const [register] = messagesIn(
        told[0]?.request.headers.get('Content-Type') ?? '',
        told[0]?.request.body ?? Buffer.alloc(0),
      );
      assert.equal(register?.kind, 'request');
    });
  });
});

describe('phone', () => {
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

/** Sends a datagram and answers the next one that comes back. */
async function exchange(socket: Socket, octets: Buffer, hop: Hop): Promise<string> {
  const answer = once(socket, 'message');
  socket.send(octets, hop.port, hop.host);
  const [datagram] = (await answer) as [Buffer];
  return datagram.toString();
}

/** The messages in a message/sip or multipart/mixed body. */
function messagesIn(type: string, body: Buffer) {
  const boundary = /boundary="([^"]+)"/.exec(type)?.[1];
  if (boundary === undefined) return [parseSip(body)];
  return body
    .toString('latin1')
    .split(`--${boundary}`)
    .slice(1, -1)
    .map((part) => parseSip(Buffer.from(part.slice(part.indexOf('\r\n\r\n') + 4, -2), 'latin1')));
}
