import assert from 'node:assert/strict';
import { silentLogger } from '../../../lib/base/log.ts';
import type { DeliveryAttempt } from '../../../lib/bearer/bearer.ts';
import { createMsrpBearer, type MsrpBearer } from '../../../lib/bearer/msrp-session.ts';
import { writeMessageSdp } from '../../../lib/codec/sdp/message-media.ts';
import type { DeliveryResult } from '../../../lib/model/delivery.ts';
import { MsrpEndpoint } from '../../../lib/msrp/endpoint.ts';
import type { Refusal } from '../../../lib/sip/capabilities/refusal.ts';
import type { SipDialog } from '../../../lib/sip/leg.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { address, push } from '../../support/model.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** A device that takes the call, and whose connection never comes; each has its session. */
const ANSWER = writeMessageSdp({
  host: '192.0.2.7',
  sessionId: '1',
  port: 9,
  secure: false,
  path: 'msrp://192.0.2.7:9/abcd1234;tcp',
  setup: 'active',
  acceptTypes: ['*'],
  maxSize: undefined,
  direction: 'recvonly',
});

describe('an attempt by MSRP', () => {
  let clock: FakeClock;
  let endpoint: MsrpEndpoint;
  let bearer: MsrpBearer;
  let refusals: [string, Refusal][];
  let status: number;

  beforeEach(() => {
    clock = new FakeClock();
    refusals = [];
    status = 200;
    // Neither waiting for the device nor silence ends it here, so that only the bearer's own bound is left.
    const limits = { transactionTime: 24 * HOUR, bindTime: 24 * HOUR };
    endpoint = new MsrpEndpoint({ clock, log: silentLogger, limits });
    const dialog = { remoteBody: ANSWER, on: () => undefined, end: async () => undefined } as unknown as SipDialog;
    bearer = createMsrpBearer({
      clock,
      log: silentLogger,
      identity: 'sip:push@ims.test',
      domain: 'ims.test',
      endpoint,
      options: { setup: 'passive' },
      sender: {
        fits: () => true,
        invite: async () => ({
          leg: 'direct',
          answer:
            status === 200
              ? { kind: 'dialog', dialog }
              : { kind: 'response', status, reason: '', local: false, get: () => undefined, body: Buffer.alloc(0) },
        }),
      } as unknown as Parameters<typeof createMsrpBearer>[0]['sender'],
      onRefused: (aor, _device, refusal) => refusals.push([aor, refusal]),
    });
  });

  afterEach(async () => {
    await bearer.stop();
    await endpoint.stop();
    assert.equal(clock.pending, 0);
  });

  function deliver(bytes: number, more: Partial<DeliveryAttempt> = {}): { result: () => DeliveryResult | undefined } {
    let result: DeliveryResult | undefined;
    const content = { type: 'application/octet-stream', headers: [], body: Buffer.alloc(bytes) };
    const device = { id: 'd', contact: 'sip:d@192.0.2.7', features: {}, expiresAt: clock.now() + 24 * HOUR };
    const attempt: DeliveryAttempt = {
      push: push({ content }),
      index: 0,
      address: address('alice'),
      target: { kind: 'device', device },
      attempt: 1,
      callId: 'call-1',
      fromTag: 'tag-1',
      confirmed: true,
      expiresAt: clock.now() + 24 * HOUR,
      ...more,
    };
    void bearer.deliver(attempt).then((ended) => (result = ended));
    return { result: () => result };
  }

  it('takes two minutes and what 1,000 octets a second need, and no more', async () => {
    const { result } = deliver(600_000);
    await clock.advance(12 * MINUTE - 1);
    assert.equal(result(), undefined);
    await clock.advance(1);
    assert.deepEqual([result()?.kind, result()?.cause], ['retry', 'msrp not done in time']);
  });

  it('ends when the push expires', async () => {
    const { result } = deliver(600_000, { expiresAt: clock.now() + MINUTE });
    await clock.advance(MINUTE - 1);
    assert.equal(result(), undefined);
    await clock.advance(1);
    assert.equal(result()?.kind, 'retry');
  });

  it('ends when another attempt has taken over', async () => {
    const lost = new AbortController();
    const { result } = deliver(600_000, { abandoned: () => lost.signal });
    await clock.advance(5 * MINUTE);
    assert.equal(result(), undefined);
    lost.abort('another attempt has taken over');
    await settle();
    assert.equal(result()?.cause, 'msrp another attempt has taken over');
  });

  it('tells what a device answered to the offer, as an answer to an offer', async () => {
    status = 488;
    const { result } = deliver(600_000);
    await settle();
    assert.equal(result()?.kind, 'failed');
    assert.deepEqual(
      refusals.map(([aor, { status: code, method, offeredMsrp }]) => [aor, code, method, offeredMsrp]),
      [['sip:alice@ims.test', 488, 'INVITE', true]],
    );
  });
});
