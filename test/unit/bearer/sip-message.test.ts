import assert from 'node:assert/strict';
import { silentLogger } from '../../../lib/base/log.ts';
import type { Bearer } from '../../../lib/bearer/bearer.ts';
import { createSipMessageBearer, type SipMessageBearerOptions } from '../../../lib/bearer/sip-message.ts';
import type { HeaderField } from '../../../lib/model/push.ts';
import { iscHeaders } from '../../../lib/sip/isc-headers.ts';
import type { OutboundRequest } from '../../../lib/sip/leg.ts';
import { createSipSender } from '../../../lib/sip/sender.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { ACCEPTED_AT, fakeAttempt, fakeDevice, fakePush } from '../../support/fake-push.ts';
import { FakeLeg, fakeAnswer } from '../../support/fake-sip.ts';

const INSTANCE = 'urn:uuid:00000000-0000-1000-8000-aabbccddeeff';
const GRUU = `sip:alice@example.com;gr=${INSTANCE}`;
const APPLICATION = '*;+g.oma.pusheventapp="mms.ua";require;explicit';
const ONLY_INSTANCE = `*;+sip.instance="<${INSTANCE}>";require;explicit`;

const all = (request: OutboundRequest, name: string): string[] =>
  request.headers.filter((field) => field.name.toLowerCase() === name.toLowerCase()).map(({ value }) => value);

describe('a push as MESSAGE', () => {
  let clock: FakeClock;
  let drachtio: FakeLeg;
  let direct: FakeLeg;

  const make = (
    options: SipMessageBearerOptions['options'] = {},
    legs = [drachtio, direct],
    more: Partial<SipMessageBearerOptions> = {},
  ): Bearer =>
    createSipMessageBearer({
      sender: createSipSender({ legs, force: 'auto', log: silentLogger }),
      clock,
      log: silentLogger,
      identity: 'sip:push@ppg.example.com',
      domain: 'ppg.example.com',
      options,
      ...more,
    });

  /** Delivers and answers the one MESSAGE that left. */
  async function sent(attempt: Parameters<Bearer['deliver']>[0], bearer = make()): Promise<OutboundRequest> {
    await bearer.deliver(attempt);
    const requests = [...drachtio.sent, ...direct.sent];
    assert.equal(requests.length, 1);
    return requests[0] as OutboundRequest;
  }

  beforeEach(() => {
    clock = new FakeClock(ACCEPTED_AT);
    drachtio = new FakeLeg('drachtio');
    direct = new FakeLeg('direct');
  });

  it('has the form of docs/bearers.md', async () => {
    const request = await sent(fakeAttempt());
    assert.equal(request.method, 'MESSAGE');
    assert.equal(request.uri, 'sip:alice@example.com');
    assert.equal(request.body?.toString(), 'hello');
    const [charging] = all(request, 'P-Charging-Vector');
    assert.match(
      charging ?? '',
      /^icid-value=[0-9a-z]+;icid-generated-at=ppg\.example\.com;orig-ioi=ppg\.example\.com$/,
    );
    assert.deepEqual(
      request.headers.filter(({ name }) => name !== 'P-Charging-Vector').map(({ name, value }) => `${name}: ${value}`),
      [
        'From: <sip:push@ppg.example.com>;tag=tag-1',
        'To: <sip:alice@example.com>',
        'Call-ID: call-1',
        'CSeq: 1 MESSAGE',
        'P-Asserted-Identity: <sip:push@ppg.example.com>',
        `Accept-Contact: ${APPLICATION}`,
        'Request-Disposition: fork, parallel',
        'Date: Mon, 21 Sep 2026 14:00:00 GMT',
        'Expires: 3600',
        'X-Wap-Push-Id: 01abcdefghjkmnpqrstvwx',
        'Content-Type: text/plain',
      ],
    );
  });

  it('a retry keeps Call-ID, From tag and push identity, with a higher CSeq and a new charging identity', async () => {
    const bearer = make();
    await bearer.deliver(fakeAttempt());
    clock.tick(90_500);
    await bearer.deliver(fakeAttempt({ attempt: 2 }));
    const [first, second] = drachtio.sent as [OutboundRequest, OutboundRequest];
    for (const name of ['Call-ID', 'From', 'X-Wap-Push-Id']) assert.deepEqual(all(second, name), all(first, name));
    assert.deepEqual(all(second, 'CSeq'), ['101 MESSAGE']);
    assert.notDeepEqual(all(second, 'P-Charging-Vector'), all(first, 'P-Charging-Vector'));
    assert.deepEqual(all(second, 'Date'), ['Mon, 21 Sep 2026 14:01:30 GMT']);
    assert.deepEqual(all(second, 'Expires'), ['3510']);
  });

  it('Expires is never below a second', async () => {
    assert.deepEqual(all(await sent(fakeAttempt({ expiresAt: ACCEPTED_AT - 5 })), 'Expires'), ['1']);
  });

  const told = { applications: ['mms.ua'] };
  const addressed: [what: string, attempt: Parameters<typeof fakeAttempt>[0], uri: string, preferences: string[]][] = [
    [
      'a device with a GRUU by its GRUU',
      { target: { kind: 'device', device: fakeDevice({ ...told, gruu: GRUU, instance: INSTANCE }) } },
      GRUU,
      [APPLICATION],
    ],
    [
      'a device with an instance by its instance, to nobody else',
      { target: { kind: 'device', device: fakeDevice({ ...told, instance: INSTANCE }) } },
      'sip:alice@example.com',
      [ONLY_INSTANCE, APPLICATION, 'no-fork'],
    ],
    [
      'a device that told no applications without asking for one',
      { target: { kind: 'device', device: fakeDevice({ instance: INSTANCE }) } },
      'sip:alice@example.com',
      [ONLY_INSTANCE, 'no-fork'],
    ],
    [
      'a device with neither through the core, to one contact',
      { target: { kind: 'device', device: fakeDevice(told) } },
      'sip:alice@example.com',
      [APPLICATION, 'no-fork'],
    ],
    [
      'an unknown device that the address names by GRUU',
      { address: { text: GRUU, aor: 'sip:alice@example.com', gruu: GRUU } },
      GRUU,
      [APPLICATION],
    ],
    [
      'an unknown device that the address names by instance',
      { address: { text: 'x', aor: 'sip:alice@example.com', instance: INSTANCE } },
      'sip:alice@example.com',
      [ONLY_INSTANCE, APPLICATION, 'no-fork'],
    ],
    [
      'a telephone number as such',
      { address: { text: '+15550100', aor: 'sip:+15550100@example.com' } },
      'sip:+15550100@example.com;user=phone',
      [APPLICATION, 'fork, parallel'],
    ],
    [
      'an application that is no token by its string form',
      { push: fakePush({ applicationId: 'x-oma-docomo:open.ctl' }) },
      'sip:alice@example.com',
      ['*;+g.oma.pusheventapp="<x-oma-docomo:open.ctl>";require;explicit', 'fork, parallel'],
    ],
  ];
  for (const [what, attempt, uri, preferences] of addressed) {
    it(`reaches ${what}`, async () => {
      const request = await sent(fakeAttempt(attempt));
      assert.equal(request.uri, uri);
      assert.deepEqual([...all(request, 'Accept-Contact'), ...all(request, 'Request-Disposition')], preferences);
      assert.deepEqual(all(request, 'To'), [`<${fakeAttempt(attempt).address.aor}>`]);
    });
  }

  it('push headers go under their own names, those with another meaning in SIP behind the prefix', async () => {
    const headers: HeaderField[] = [
      { name: 'X-Wap-Application-Id', value: 'x-wap-application:mms.ua' },
      { name: 'X-Wap-Content-URI', value: 'http://pi.example.com/1' },
      { name: 'x-wap-initiator-uri', value: 'http://pi.example.com/' },
      { name: 'Content-Language', value: 'de' },
      { name: 'Content-Transfer-Encoding', value: 'base64' },
      { name: 'Date', value: 'Mon, 21 Sep 2026 13:00:00 GMT' },
      { name: 'Expires', value: 'Tue, 22 Sep 2026 13:00:00 GMT' },
      { name: 'ETag', value: '"1"' },
      { name: 'Cache-Control', value: 'no-transform' },
      { name: 'Content-Location', value: 'http://pi.example.com/1' },
    ];
    const request = await sent(fakeAttempt({ push: fakePush({ content: { headers } }) }));
    const own = request.headers.slice(request.headers.findIndex(({ name }) => name === 'Content-Type') + 1);
    assert.deepEqual(own, [
      ...headers.slice(0, 5),
      ...headers.slice(5).map(({ name, value }) => ({ name: `X-Push-Entity-${name}`, value })),
    ]);
    assert.deepEqual(all(request, 'Date'), ['Mon, 21 Sep 2026 14:00:00 GMT']);
  });

  it('a Push Initiator cannot make headers that SIP acts on', async () => {
    const names =
      'Route Via From To Contact Call-ID CSeq Max-Forwards Require Record-Route P-Asserted-Identity Privacy'.split(' ');
    names.push('v', 'i', 'f', 'Accept-Contact', 'a', 'Authorization', 'P-Charging-Vector', 'X-Wap-Push-Id', 'Subject');
    const plain = await sent(fakeAttempt());
    drachtio.sent.length = 0;
    const headers = names.map((name) => ({ name, value: 'evil' }));
    const request = await sent(fakeAttempt({ push: fakePush({ content: { headers } }) }));
    for (const name of names) assert.deepEqual(all(request, name).includes('evil'), false, name);
    assert.equal(request.headers.length, plain.headers.length + names.length, 'nothing is lost');
  });

  it("headers of the hop and marks that are the gateway's are not passed", async () => {
    const names =
      'Content-Length Transfer-Encoding Connection Keep-Alive TE X-Wap-Push-Info Push-Flag Content-Type'.split(' ');
    const headers = names.map((name) => ({ name, value: 'evil' }));
    const request = await sent(fakeAttempt({ push: fakePush({ content: { headers } }) }));
    assert.deepEqual(
      request.headers.filter(({ value }) => value === 'evil'),
      [],
    );
  });

  it('what would break out of its header is not sent at all', async () => {
    const bearer = make();
    for (const content of [
      { headers: [{ name: 'X-A', value: 'a\r\nRoute: <sip:evil>' }] },
      { headers: [{ name: 'X-A', value: 'a\nb' }] },
      { headers: [{ name: 'X-A', value: 'a\0' }] },
      { headers: [{ name: 'X-A: b\r\nRoute', value: 'x' }] },
      { headers: [{ name: '', value: 'x' }] },
      { type: 'text/plain\r\nRoute: <sip:evil>' },
      { type: '' },
    ]) {
      const push = fakePush({ content });
      assert.deepEqual(bearer.offers(push, { kind: 'aor' }).offer, 'no');
      const result = await bearer.deliver(fakeAttempt({ push }));
      assert.deepEqual(result.kind === 'failed' && [result.state, result.code], ['undeliverable', 3006]);
    }
    for (const aor of ['sip:a@b> SIP/2.0\r\nX: y', 'sip:a b@c']) {
      const result = await bearer.deliver(fakeAttempt({ address: { text: 'x', aor } }));
      assert.deepEqual(result.kind === 'failed' && result.code, 2002);
    }
    assert.deepEqual([drachtio.sent, direct.sent], [[], []]);
  });

  it('a binary push leaves by the leg that carries it, octet for octet', async () => {
    const body = Buffer.from([0x8c, 0x82, 0x00, 0xff]);
    const result = await make().deliver(fakeAttempt({ push: fakePush({ content: { body } }) }));
    assert.equal(result.leg, 'direct');
    assert.deepEqual(direct.sent[0]?.body, body);
  });

  it('offers what some leg can carry, ready or not', () => {
    const offer = (bearer: Bearer, body: Buffer) => bearer.offers(fakePush({ content: { body } }), { kind: 'aor' });
    const binary = Buffer.from([0, 1]);
    direct.ready = false;
    assert.deepEqual(offer(make(), binary), { offer: 'yes' });
    const no = offer(make({}, [drachtio]), binary);
    assert.equal(no.offer === 'no' && no.code, 3006);
    assert.deepEqual(offer(make({}, [drachtio]), Buffer.alloc(2000, 'a')), { offer: 'yes' });
    assert.equal(offer(make({}, [drachtio]), Buffer.alloc(3800, 'a')).offer, 'no');
    assert.equal(offer(make({ maxBytes: 100 }), Buffer.alloc(101, 'a')).offer, 'no');
    assert.equal(offer(make({ maxBytes: 100 }), Buffer.alloc(100, 'a')).offer, 'yes');
  });

  it('says what the answer means and which leg carried it', async () => {
    drachtio.answer = () => fakeAnswer(404);
    const finally404 = await make({ readings: { 404: 'no-such-user' } }).deliver(fakeAttempt());
    assert.deepEqual([finally404.kind, finally404.leg], ['failed', 'drachtio']);
    const retry = await make().deliver(fakeAttempt());
    assert.equal(retry.kind === 'retry' && retry.scope, 'recipient');
    drachtio.answer = () => fakeAnswer(202);
    assert.equal((await make().deliver(fakeAttempt())).kind, 'accepted');
    assert.equal((await make().deliver(fakeAttempt({ confirmed: false }))).kind, 'delivered');
    drachtio.ready = false;
    direct.ready = false;
    const down = await make().deliver(fakeAttempt());
    assert.deepEqual([down.kind, 'leg' in down], ['retry', false]);
  });

  it('follows a redirection where it may, and says where it went', async () => {
    direct.answer = ({ uri }) =>
      uri === 'sip:alice@pc.example.com' ? fakeAnswer(202) : fakeAnswer(302, { Contact: '<sip:alice@pc.example.com>' });
    const alone = [direct];
    const left = await make({}, alone).deliver(fakeAttempt());
    assert.deepEqual([left.kind, direct.sent.length], ['failed', 1]);
    const redirects = { follow: true, domain: 'example.com' };
    const followed = await make({}, alone, { redirects }).deliver(fakeAttempt());
    assert.equal(followed.kind, 'accepted');
    // the cause is logged, and where it went may be a subscriber's own address
    assert.equal(followed.cause, 'sip 202 Accepted, redirected');
    assert.deepEqual(followed.followed, ['sip:alice@pc.example.com']);
  });

  it('knows what configured headers of the core take of the room', () => {
    const isc = iscHeaders({
      identity: 'sip:push@ppg.example.com',
      domain: 'ppg.example.com',
      iari: ['urn:a'.padEnd(250, 'b')],
    });
    const push = fakePush({ content: { body: Buffer.alloc(2600, 'a') } });
    assert.equal(make({}, [drachtio]).offers(push, { kind: 'aor' }).offer, 'yes');
    assert.equal(make({}, [drachtio], { isc }).offers(push, { kind: 'aor' }).offer, 'no');
  });

  it('a push whose content is gone fails', async () => {
    const { content: _, ...push } = fakePush();
    assert.equal((await make().deliver(fakeAttempt({ push }))).kind, 'failed');
  });

  it('what it offered as fitting does fit: the estimate of its own headers holds', async () => {
    const long = 'a'.repeat(120);
    const device = fakeDevice({ instance: INSTANCE, applications: ['mms.ua'] });
    const body = Buffer.alloc(2400, 'a');
    const tight = make({}, [drachtio]);
    const push = fakePush({ content: { body } });
    assert.equal(tight.offers(push, { kind: 'device', device }).offer, 'yes');
    const address = { text: 'x', aor: `sip:${long}@example.com` };
    const result = await tight.deliver(
      fakeAttempt({ push, address, target: { kind: 'device', device }, callId: long }),
    );
    assert.equal(result.kind, 'delivered');
  });
});
