import assert from 'node:assert/strict';
import type { Bearer, DeliveryAttempt, DeliveryTarget } from '../../../lib/bearer/bearer.ts';
import { createTransforming, seenByMsrp } from '../../../lib/bearer/transforming.ts';
import type { Device } from '../../../lib/model/device.ts';
import type { DeviceCapabilities } from '../../../lib/model/device-capabilities.ts';
import type { Push } from '../../../lib/model/push.ts';

const deviceOf = (...types: string[]): DeliveryTarget => {
  const device: Device = {
    id: 'd',
    contact: 'sip:d@192.0.2.1',
    features: {},
    ...(types.length > 0 && { capabilities: { until: 1, types } }),
    expiresAt: 1,
  };
  return { kind: 'device', device };
};

const BINARY = deviceOf('application/vnd.wap.slc');

const push = (body = '<sl href="http://www.a.org/"/>', cacheControl = 'no-cache'): Push =>
  ({
    key: 'k',
    content: {
      type: 'text/vnd.wap.sl',
      headers: [{ name: 'Cache-Control', value: cacheControl }],
      body: Buffer.from(body),
    },
  }) as unknown as Push;

/** A bearer that takes anything and remembers what it got. */
function recorder(): Bearer & { readonly seen: Push[] } {
  const seen: Push[] = [];
  return {
    seen,
    name: 'recorder',
    offers: (given) => {
      seen.push(given);
      return { offer: 'yes' };
    },
    deliver: async ({ push: given }) => {
      seen.push(given);
      return { kind: 'delivered', proof: 'device', cause: 'ok' };
    },
  };
}

const attempt = (given: Push, target: DeliveryTarget): DeliveryAttempt =>
  ({ push: given, target, callId: 'c' }) as unknown as DeliveryAttempt;

describe('transformations before a bearer', () => {
  it('what needs none goes through untouched, the very push', async () => {
    const inner = recorder();
    const bearer = createTransforming()(inner);
    const given = push();
    for (const target of [{ kind: 'aor' } as const, deviceOf(), deviceOf('text/vnd.wap.sl'), deviceOf('image/png')]) {
      assert.deepEqual(bearer.offers(given, target), { offer: 'yes' });
      await bearer.deliver(attempt(given, target));
    }
    assert.ok(inner.seen.every((each) => each === given));
  });

  it('by MSRP the types of its session description count, and none of its MESSAGEs', async () => {
    const inner = recorder();
    const bearer = createTransforming()(inner, 'carries', seenByMsrp);
    const device = (capabilities: Partial<DeviceCapabilities>): DeliveryTarget => {
      const one = deviceOf();
      if (one.kind !== 'device') throw new Error('no device');
      return { kind: 'device', device: { ...one.device, capabilities: { until: 1, ...capabilities } } };
    };
    const given = push();
    const takes = (types: readonly string[]): Partial<DeviceCapabilities> => ({ msrp: { types } });
    for (const told of [{}, { types: ['application/vnd.wap.slc'] }, takes(['*']), takes(['text/*']), { msrp: {} }]) {
      assert.deepEqual(bearer.offers(given, device(told)), { offer: 'yes' });
      assert.equal(inner.seen.at(-1), given);
    }
    const binary = device({ types: ['text/vnd.wap.sl'], ...takes(['application/*']) });
    assert.equal(bearer.offers(given, binary).offer, 'transform');
    await bearer.deliver(attempt(given, binary));
    assert.equal(inner.seen.at(-1)?.content?.type, 'application/vnd.wap.slc');
  });

  it('the bearer sees the push as the device takes it, made once', async () => {
    const inner = recorder();
    const told: string[] = [];
    const bearer = createTransforming({
      onTransformed: (_, name, { how, change }) => told.push(`${name}: ${how} (${change})`),
    })(inner);
    const given = push();
    assert.deepEqual(bearer.offers(given, BINARY), {
      offer: 'transform',
      how: 'text/vnd.wap.sl to application/vnd.wap.slc',
    });
    assert.deepEqual(told, [], 'an offer is none');
    assert.equal((await bearer.deliver(attempt(given, BINARY))).kind, 'delivered');
    assert.deepEqual(told, ['recorder: text/vnd.wap.sl to application/vnd.wap.slc (compiled)']);
    const [offered, delivered] = inner.seen;
    assert.equal(offered?.content?.type, 'application/vnd.wap.slc');
    assert.equal(offered?.key, 'k');
    assert.equal(delivered?.content, offered?.content, 'one transformation for all that need it');
  });

  it('what may not be changed, or cannot be, is no offer and 3006', async () => {
    const inner = recorder();
    const bearer = createTransforming()(inner);
    for (const given of [push(undefined, 'no-transform'), push('<sl href=')]) {
      const offer = bearer.offers(given, BINARY);
      assert.equal(offer.offer === 'no' && offer.code, 3006);
      const result = await bearer.deliver(attempt(given, BINARY));
      assert.equal(result.kind === 'failed' && result.code, 3006);
    }
    assert.deepEqual(inner.seen, []);
  });

  it('a bearer that only refers to the content does not promise another form of it', () => {
    const inner = recorder();
    const bearer = createTransforming()(inner, 'refers');
    const offer = bearer.offers(push(), BINARY);
    assert.equal(offer.offer === 'no' && offer.code, 3006);
    assert.deepEqual(bearer.offers(push(), deviceOf('text/*')), { offer: 'yes' });
  });

  it('name and proof are those of the bearer', () => {
    const wrap = createTransforming();
    assert.equal(wrap(recorder()).name, 'recorder');
    assert.equal('confirms' in wrap(recorder()), false);
    assert.equal(wrap({ ...recorder(), confirms: false }).confirms, false);
  });
});
