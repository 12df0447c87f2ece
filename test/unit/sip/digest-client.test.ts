import assert from 'node:assert/strict';
import { silentLogger } from '../../../lib/base/log.ts';
import { type DigestCredentials, digestResponse, parseCredentials } from '../../../lib/codec/sip/digest.ts';
import { CSEQS_PER_ATTEMPT, createDigestClient, type SipCredentials } from '../../../lib/sip/digest-client.ts';
import type { OutboundRequest, SipAnswer } from '../../../lib/sip/leg.ts';
import { createSipSender } from '../../../lib/sip/sender.ts';
import { FakeLeg, fakeAnswer } from '../../support/fake-sip.ts';

const CORE: SipCredentials = { realm: 'core', username: 'push', password: 'secret' };

const request = (more: Partial<OutboundRequest> = {}): OutboundRequest => ({
  method: 'MESSAGE',
  uri: 'sip:alice@example.com',
  headers: [
    { name: 'From', value: '<sip:push@example.com>;tag=t' },
    { name: 'Call-ID', value: 'c' },
    { name: 'CSeq', value: '9 MESSAGE' },
  ],
  body: Buffer.from('hello'),
  nextHop: 'sip:192.0.2.9',
  ...more,
});

const all = ({ headers }: OutboundRequest, name: string): string[] =>
  headers.filter((field) => field.name === name).map(({ value }) => value);

const credentialsIn = (sent: OutboundRequest | undefined, name = 'Proxy-Authorization'): DigestCredentials[] =>
  (sent === undefined ? [] : all(sent, name)).map((value) => parseCredentials(value) ?? assert.fail(value));

const challenge = (nonce: string, more = '', realm = 'core'): string =>
  `Digest realm="${realm}", nonce="${nonce}", qop="auth"${more}`;

const asked = (nonce: string, more = ''): SipAnswer =>
  fakeAnswer(407, { 'Proxy-Authenticate': challenge(nonce, more) });

const withAll = (status: number, name: string, values: string[]): SipAnswer => ({
  ...(fakeAnswer(status) as SipAnswer & { kind: 'response' }),
  get: () => values[0],
  all: (one) => (one === name ? values : []),
});

describe('a challenge to the gateway', () => {
  let sent: OutboundRequest[];
  let answers: SipAnswer[];

  beforeEach(() => {
    sent = [];
    answers = [];
  });

  const send = async (one: OutboundRequest): Promise<{ answer: SipAnswer }> => {
    sent.push(one);
    return { answer: answers.shift() ?? fakeAnswer(200) };
  };

  async function statusOf(client: ReturnType<typeof createDigestClient>, one = request()): Promise<number | string> {
    const { answer } = await client.exchange(one, send);
    return answer.kind === 'response' ? answer.status : answer.kind;
  }

  it('is answered once: same Call-ID and From, the next CSeq, right digest', async () => {
    answers = [asked('n1', ', algorithm=SHA-256, opaque="o"')];
    assert.equal(await statusOf(createDigestClient([CORE])), 200);
    const [first, second] = sent as [OutboundRequest, OutboundRequest];
    assert.deepEqual([all(first, 'CSeq'), all(second, 'CSeq')], [['9 MESSAGE'], ['10 MESSAGE']]);
    for (const name of ['Call-ID', 'From']) assert.deepEqual(all(second, name), all(first, name));
    assert.deepEqual(second.body, first.body);
    const [given] = credentialsIn(second);
    assert.ok(given !== undefined);
    assert.deepEqual(
      [given.username, given.realm, given.uri, given.opaque, given.protection?.nc, given.algorithm],
      ['push', 'core', 'sip:alice@example.com', 'o', '00000001', 'SHA-256'],
    );
    assert.equal(given.response, digestResponse({ ...given, password: 'secret', method: 'MESSAGE' }));
  });

  it('is answered by the strongest hash that is offered', async () => {
    answers = [
      withAll(407, 'Proxy-Authenticate', [
        challenge('n1'),
        challenge('n2', ', algorithm=SHA-512-256'),
        challenge('n3', ', algorithm=SHA-256'),
      ]),
    ];
    await statusOf(createDigestClient([CORE]));
    assert.deepEqual(
      credentialsIn(sent[1]).map(({ nonce }) => nonce),
      ['n2'],
    );
  });

  it('by auth-int covers the body', async () => {
    answers = [fakeAnswer(401, { 'WWW-Authenticate': 'Digest realm="core", nonce="n", qop="auth-int"' })];
    await statusOf(createDigestClient([CORE]));
    const [given] = credentialsIn(sent[1], 'Authorization');
    assert.ok(given !== undefined);
    const input = { ...given, password: 'secret', method: 'MESSAGE' };
    assert.equal(given.response, digestResponse({ ...input, body: Buffer.from('hello') }));
  });

  it('that comes again is the answer, and is not believed to be worth another try', async () => {
    answers = [asked('n1'), asked('n2'), fakeAnswer(200)];
    const client = createDigestClient([CORE]);
    assert.equal(await statusOf(client), 407);
    assert.equal(sent.length, 2);
    // a password that was refused is not shown again before somebody asks
    assert.equal(await statusOf(client), 200);
    assert.deepEqual(credentialsIn(sent[2]), []);
  });

  it('whose nonce was stale is answered once more, and no more than that', async () => {
    const client = createDigestClient([CORE]);
    answers = [asked('n1'), asked('n2', ', stale=true')];
    assert.equal(await statusOf(client), 200);
    assert.deepEqual(
      sent.map((one) => [all(one, 'CSeq')[0], credentialsIn(one)[0]?.nonce]),
      [
        ['9 MESSAGE', undefined],
        ['10 MESSAGE', 'n1'],
        ['11 MESSAGE', 'n2'],
      ],
    );
    sent = [];
    answers = ['n3', 'n4', 'n5', 'n6'].map((nonce) => asked(nonce, ', stale=true'));
    assert.equal(await statusOf(client), 407);
    assert.equal(sent.length, 3);
  });

  it('spares the next request its own: credentials go along at once, their count rises', async () => {
    const client = createDigestClient([CORE]);
    answers = [asked('n1')];
    await statusOf(client);
    for (let i = 0; i < 3; i++) assert.equal(await statusOf(client), 200);
    assert.deepEqual(
      sent.slice(1).map((one) => credentialsIn(one)[0]?.protection?.nc),
      ['00000001', '00000002', '00000003', '00000004'],
    );
    assert.deepEqual(all(sent[4] as OutboundRequest, 'CSeq'), ['9 MESSAGE']);
    // somewhere else nobody has asked
    await statusOf(client, request({ nextHop: 'sip:192.0.2.10' }));
    assert.deepEqual(credentialsIn(sent[5]), []);
  });

  it('to credentials that went along is answered, however old they were', async () => {
    const client = createDigestClient([CORE]);
    answers = [asked('n1'), fakeAnswer(200), asked('n2')];
    await statusOf(client);
    assert.equal(await statusOf(client), 200);
    assert.deepEqual(
      credentialsIn(sent[3]).map(({ nonce, protection }) => [nonce, protection?.nc]),
      [['n2', '00000001']],
    );
  });

  it('is spared by the next nonce that a server names', async () => {
    const client = createDigestClient([CORE]);
    answers = [asked('n1'), fakeAnswer(200, { 'Proxy-Authentication-Info': 'nextnonce="n2"' })];
    await statusOf(client);
    await statusOf(client);
    assert.deepEqual(
      credentialsIn(sent[2]).map(({ nonce, protection }) => [nonce, protection?.nc]),
      [['n2', '00000001']],
    );
  });

  it('of a proxy and one of the server behind it are both answered', async () => {
    answers = [asked('n1'), fakeAnswer(401, { 'WWW-Authenticate': challenge('n2', '', 'uas') })];
    const client = createDigestClient([CORE, { username: 'any', password: 'p' }]);
    assert.equal(await statusOf(client), 200);
    const [third] = sent.slice(2);
    assert.deepEqual(
      [credentialsIn(third)[0]?.username, credentialsIn(third, 'Authorization')[0]?.username],
      ['push', 'any'],
    );
    assert.deepEqual(credentialsIn(third)[0]?.protection?.nc, '00000002');
  });

  it('of a realm without credentials, or that cannot be read, is the answer', async () => {
    for (const value of [challenge('n', '', 'other'), 'Digest realm="core', 'Basic realm="core"', '']) {
      sent = [];
      answers = [fakeAnswer(401, { 'WWW-Authenticate': value })];
      assert.equal(await statusOf(createDigestClient([CORE])), 401);
      assert.equal(sent.length, 1);
    }
  });

  it('never uses up more CSeq numbers than lie between two attempts', async () => {
    const realms = Array.from({ length: 20 }, (_, i) => `r${i}`);
    const client = createDigestClient([{ username: 'a', password: 'b' }]);
    answers = realms.map((realm) => fakeAnswer(401, { 'WWW-Authenticate': challenge('n', '', realm) }));
    assert.equal(await statusOf(client), 401);
    assert.equal(sent.length, CSEQS_PER_ATTEMPT);
    assert.deepEqual(all(sent.at(-1) as OutboundRequest, 'CSeq'), [`${9 + CSEQS_PER_ATTEMPT - 1} MESSAGE`]);
  });

  it('many requests at once each answer their own', async () => {
    const client = createDigestClient([CORE]);
    let nonce = 0;
    const strict = async (one: OutboundRequest): Promise<{ answer: SipAnswer }> => {
      await new Promise((resolve) => setImmediate(resolve));
      return { answer: credentialsIn(one).length === 0 ? asked(`n${nonce++}`) : fakeAnswer(200) };
    };
    const results = await Promise.all(Array.from({ length: 50 }, () => client.exchange(request(), strict)));
    assert.ok(results.every(({ answer }) => answer.kind === 'response' && answer.status === 200));
    assert.equal(nonce, 50);
  });
});

describe('a challenge through the sender', () => {
  const answering = ({ headers }: OutboundRequest): SipAnswer =>
    headers.some(({ name }) => name === 'Proxy-Authorization') ? fakeAnswer(200) : asked('n1');

  it('goes by another leg when credentials make the request too large for the first', async () => {
    const [drachtio, direct] = [new FakeLeg('drachtio'), new FakeLeg('direct')];
    drachtio.answer = direct.answer = answering;
    const sender = createSipSender({
      legs: [drachtio, direct],
      force: 'auto',
      log: silentLogger,
      credentials: [CORE],
      nextHop: 'sip:192.0.2.9',
    });
    const { answer, leg } = await sender.request(request({ body: Buffer.alloc(3_300, 'a') }));
    assert.deepEqual([answer.kind === 'response' && answer.status, leg], [200, 'direct']);
    assert.deepEqual(all(direct.sent[0] as OutboundRequest, 'CSeq'), ['10 MESSAGE']);
  });

  it('is the answer where the gateway has no credentials', async () => {
    const leg = new FakeLeg('direct');
    leg.answer = answering;
    const { answer } = await createSipSender({ legs: [leg], force: 'auto', log: silentLogger }).request(request());
    assert.equal(answer.kind === 'response' && answer.status, 407);
    assert.equal(leg.sent.length, 1);
  });
});
