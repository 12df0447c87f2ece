import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { silentLogger } from '../../../lib/base/log.ts';
import type { Bearer, DeliveryTarget } from '../../../lib/bearer/bearer.ts';
import { createIndirectionBearer } from '../../../lib/bearer/indirection.ts';
import { parseMediaType } from '../../../lib/codec/mime/content-type.ts';
import type { DeviceCapabilities } from '../../../lib/model/device-capabilities.ts';
import { readToken, tokenSecret } from '../../../lib/security/token-secret.ts';
import type { OutboundRequest } from '../../../lib/sip/leg.ts';
import { createSipSender } from '../../../lib/sip/sender.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { ACCEPTED_AT, fakeAttempt, fakeDevice, fakePush } from '../../support/fake-push.ts';
import { FakeLeg, fakeAnswer } from '../../support/fake-sip.ts';

const secret = tokenSecret(undefined);
const BODY = Buffer.from([0, 1, 2, 255]);
const push = fakePush({
  content: {
    type: 'application/vnd.wap.mms-message',
    headers: [
      { name: 'X-Wap-Application-Id', value: 'x-wap-application:mms.ua' },
      { name: 'Expires', value: 'Wed, 30 Jun 2099 00:00:00 GMT' },
      { name: 'X-Wap-Push-Info', value: 'trusted' },
    ],
    body: BODY,
  },
});
const device = (told?: Partial<DeviceCapabilities>): DeliveryTarget => ({
  kind: 'device',
  device: fakeDevice(told === undefined ? {} : { capabilities: { until: 0, ...told } }),
});

describe('a push as a reference', () => {
  let leg: FakeLeg;
  let bearer: Bearer;
  beforeEach(() => {
    leg = new FakeLeg('drachtio');
    bearer = createIndirectionBearer({
      sender: createSipSender({ legs: [leg], force: 'auto', log: silentLogger }),
      clock: new FakeClock(ACCEPTED_AT),
      log: silentLogger,
      identity: 'sip:push@ppg.example.com',
      domain: 'ppg.example.com',
      url: 'https://ppg.example.com/content',
      secret,
      wait: 60_000,
    });
  });

  const header = (request: OutboundRequest | undefined, name: string): string =>
    request?.headers.find((field) => field.name === name)?.value ?? '';

  it('has the form of docs/bearers.md', async () => {
    await bearer.deliver(fakeAttempt({ push, index: 3, target: device() }));
    const [request] = leg.sent;
    assert.equal(header(request, 'Call-ID'), 'ref-call-1');
    assert.equal(header(request, 'X-Wap-Push-Id'), push.key);
    assert.equal(header(request, 'X-Wap-Application-Id'), 'x-wap-application:mms.ua');
    assert.equal(
      request?.body?.toString(),
      'Content-Type: application/vnd.wap.mms-message\r\n' +
        'X-Wap-Application-Id: x-wap-application:mms.ua\r\n' +
        'Expires: Wed, 30 Jun 2099 00:00:00 GMT\r\n' +
        `Content-ID: <${push.key}@ppg.example.com>\r\n\r\n`,
    );
    const media = parseMediaType(header(request, 'Content-Type'));
    assert.equal(media?.type, 'message/external-body');
    const { url = '', ...rest } = Object.fromEntries(media?.parameters ?? []);
    assert.deepEqual(rest, {
      'access-type': 'URL',
      expiration: 'Mon, 21 Sep 2026 14:01:00 GMT',
      size: '4',
      hash: createHash('sha1').update(BODY).digest('hex').toUpperCase(),
    });
    const token = url.replace('https://ppg.example.com/content/', '');
    assert.deepEqual(readToken(secret, 'content', token, ACCEPTED_AT), { push: push.key, index: 3, device: 'd1' });
    assert.equal(readToken(secret, 'content', token, ACCEPTED_AT + 61_000), undefined);
  });

  it('keeps a Content-ID that the content has', async () => {
    const headers = [{ name: 'content-id', value: '<own@pi>' }];
    await bearer.deliver(fakeAttempt({ push: fakePush({ content: { headers } }) }));
    assert.equal(leg.sent[0]?.body?.toString(), 'Content-Type: text/plain\r\ncontent-id: <own@pi>\r\n\r\n');
  });

  it('a 200 or 202 is no delivery, whether a proof is wanted or not; other answers are read as ever', async () => {
    for (const confirmed of [true, false]) {
      for (const status of [200, 202, 204]) {
        leg.answer = () => fakeAnswer(status);
        const result = await bearer.deliver(fakeAttempt({ push, confirmed }));
        assert.deepEqual([result.kind, 'proofComes' in result && result.proofComes], ['accepted', true], `${status}`);
      }
      leg.answer = () => fakeAnswer(480);
      assert.equal((await bearer.deliver(fakeAttempt({ push, confirmed }))).kind, 'retry');
      leg.answer = () => fakeAnswer(415);
      assert.equal((await bearer.deliver(fakeAttempt({ push, confirmed }))).kind, 'failed');
    }
  });

  it('is offered as another form, to who may take it', () => {
    const offer = (target: DeliveryTarget): string => bearer.offers(push, target).offer;
    assert.equal(offer({ kind: 'aor' }), 'transform');
    assert.equal(offer(device()), 'transform');
    assert.equal(offer(device({})), 'transform');
    assert.equal(offer(device({ types: ['text/plain', 'message/external-body'] })), 'transform');
    assert.equal(offer(device({ types: ['message/*'] })), 'transform');
    assert.equal(offer(device({ types: ['*/*'] })), 'transform');
    assert.equal(offer(device({ types: ['text/plain'] })), 'no');
    assert.equal(offer(device({ refusedTypes: ['message/external-body'] })), 'no');
  });

  it('is not offered, nor sent, where headers cannot stand in it, are too many, or the content is gone', async () => {
    const { content: _gone, ...empty } = push;
    const bad = fakePush({ content: { headers: [{ name: 'X-A', value: 'b\nRoute: <sip:x>' }] } });
    const long = fakePush({ content: { headers: [{ name: 'X-A', value: 'b'.repeat(4000) }] } });
    for (const one of [empty, bad, long]) {
      const offer = bearer.offers(one, device());
      assert.ok(offer.offer === 'no' && offer.code === 3006);
    }
    assert.equal((await bearer.deliver(fakeAttempt({ push: bad }))).kind, 'failed');
    assert.equal((await bearer.deliver(fakeAttempt({ push: empty }))).kind, 'failed');
    assert.equal(leg.sent.length, 0);
  });
});
