import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { MsrpScript } from '../../../lib/embedded/phone/msrp.ts';
import { tlsPair } from '../../support/tls-fixtures.ts';
import { type Ending, MsrpScene, nextPush } from './scene.ts';

const TIMES = { listen: { host: '127.0.0.1', port: 0 }, above: 0, transactionTime: 1500, reportTime: 1000 };

const summary = ({ state, code, attempts }: Ending): unknown => [
  state,
  code,
  attempts.map(({ bearer, result, code: of }) => [bearer, result, of]),
];

describe('pushes by MSRP to a device that', function () {
  this.timeout(60_000);
  let scene: MsrpScene;

  beforeEach(async () => {
    scene = await new MsrpScene('direct').start({ msrp: TIMES });
  });

  afterEach(async () => {
    await scene.stop();
    assert.deepEqual([scene.ppg.msrp?.sessions, scene.ppg.msrp?.connections], [0, 0]);
  });

  async function push(script: MsrpScript, size = 300_000): Promise<Ending> {
    await scene.phone('alice', { script });
    return scene.push('alice', randomBytes(size));
  }

  it('reports more octets than there are: unknown, to be tried again', async () => {
    assert.deepEqual(summary(await push({ report: 'beyond' })), ['pending', 4001, [['msrp-session', 'unknown', 4001]]]);
  });

  it('never reports, but has answered every chunk: delivered', async () => {
    const ending = await push({ report: 'none' });
    assert.deepEqual(summary(ending), ['delivered', 1000, [['msrp-session', 'delivered', 1000]]]);
    assert.equal(ending.attempts[0]?.cause, 'msrp 200 of the device to every chunk');
  });

  it('reports a failure: as its status says', async () => {
    assert.deepEqual(summary(await push({ report: 403 })), ['aborted', 5235, [['msrp-session', 'failed', 5235]]]);
  });

  it('reports 408: unknown, since every octet has left', async () => {
    assert.deepEqual(summary(await push({ report: 408 })), ['pending', 4001, [['msrp-session', 'unknown', 4001]]]);
  });

  it('closes the connection half way: to be tried again, from the first octet', async () => {
    const phone = await scene.phone('alice', { script: { closeAfter: 5_000_000 } });
    const body = randomBytes(10_000_000);
    assert.deepEqual(summary(await scene.push('alice', body)), ['pending', 4001, [['msrp-session', 'error', 4001]]]);
    phone.misbehave({});
    const pushed = nextPush(phone);
    const { pushId } = await scene.ppg.submit({ to: 'sip:alice@example.com', type: 'text/plain', body: 'next' });
    assert.ok(pushId);
    assert.ok((await pushed).body.equals(body));
  });

  it('closes it behind the last octet: unknown', async () => {
    assert.deepEqual(summary(await push({ closeAfter: 10_000 }, 10_000)), [
      'pending',
      4001,
      [['msrp-session', 'unknown', 4001]],
    ]);
  });

  it('stops reading: given up after the time of a transaction', async () => {
    const ending = await push({ stallAfter: 100_000 }, 10_000_000);
    assert.deepEqual(summary(ending), ['pending', 4001, [['msrp-session', 'error', 4001]]]);
    assert.match(ending.attempts[0]?.cause ?? '', /no answer for/);
  });

  it('answers 413: no more is sent, and a MESSAGE is no better', async () => {
    const ending = await push({ refuse: { status: 413, comment: 'Too much' } }, 3_000_000);
    assert.deepEqual(ending.attempts[0]?.code, 5237);
    assert.match(ending.attempts[0]?.cause ?? '', /^msrp 413, "Too much/);
    const sent = scene.ppg.msrp?.bytesSent ?? 0;
    assert.ok(sent < 2_000_000, `${sent} octets were sent`);
  });

  for (const [status, code, result] of [
    [415, 5238, 'failed'],
    [403, 5235, 'failed'],
    [400, 4000, 'failed'],
    [481, 4001, 'error'],
    [506, 4001, 'error'],
  ] as const) {
    it(`answers ${status}: ${code}`, async () => {
      const { attempts } = await push({ refuse: { status, comment: 'Scripted' } }, 2_000);
      assert.deepEqual([attempts[0]?.bearer, attempts[0]?.result, attempts[0]?.code], ['msrp-session', result, code]);
    });
  }

  it('answers the INVITE without a path: another bearer, and the session is ended', async () => {
    const ending = await push({ path: false }, 2_000);
    assert.deepEqual(summary(ending), [
      'delivered',
      1000,
      [
        ['msrp-session', 'failed', 2005],
        ['sip-message', 'delivered', 1000],
      ],
    ]);
  });

  it('takes smaller messages only, or other types: another bearer', async () => {
    await scene.phone('bob', { maxSize: 1_000 });
    assert.deepEqual(
      (await scene.push('bob', randomBytes(2_000))).attempts.map(({ bearer }) => bearer),
      ['sip-message'],
    );
    await scene.phone('carol', { acceptTypes: ['text/plain', 'image/*'] });
    assert.deepEqual(
      (await scene.push('carol', randomBytes(2_000))).attempts.map(({ bearer }) => bearer),
      ['sip-message'],
    );
    assert.deepEqual(
      (await scene.push('carol', randomBytes(2_000), { type: 'image/png' })).attempts.map(({ bearer }) => bearer),
      ['msrp-session'],
    );
  });

  it('rings and takes nothing: busy, and the call is cancelled', async () => {
    await scene.stop();
    scene = await new MsrpScene('direct').start({ msrp: { ...TIMES, ringTime: 200 } });
    await scene.phone('alice', {}, { answers: 'silent' });
    assert.deepEqual(summary(await scene.push('alice', randomBytes(2_000))), [
      'pending',
      4001,
      [['msrp-session', 'busy', 4001]],
    ]);
  });

  it('is busy: tried again as for a MESSAGE', async () => {
    await scene.phone('alice', {}, { answers: '486' });
    assert.deepEqual(summary(await scene.push('alice', randomBytes(2_000))), [
      'pending',
      4001,
      [['msrp-session', 'busy', 4001]],
    ]);
  });
});

describe('pushes by MSRP over TLS', function () {
  this.timeout(60_000);
  let scene: MsrpScene;

  beforeEach(async () => {
    const tls = { ...tlsPair('client'), port: 0 };
    scene = await new MsrpScene('direct').start({ msrp: { ...TIMES, tls } });
  });

  afterEach(() => scene.stop());

  for (const setup of ['active', 'passive'] as const) {
    it(`reach a device that is ${setup}`, async () => {
      const phone = await scene.phone('alice', { tls: tlsPair('server'), setup });
      const body = randomBytes(100_000);
      const pushed = nextPush(phone);
      assert.equal((await scene.push('alice', body)).state, 'delivered');
      assert.ok((await pushed).body.equals(body));
    });
  }

  it('do not go in the clear to a device that has no TLS', async () => {
    await scene.phone('alice');
    const { attempts } = await scene.push('alice', randomBytes(2_000));
    assert.deepEqual(
      attempts.map(({ bearer, code }) => [bearer, code]),
      [
        ['msrp-session', 2005],
        ['sip-message', 1000],
      ],
    );
    // It refused the offer by 488, and is not called for the next.
    const next = await scene.push('alice', randomBytes(2_000));
    assert.deepEqual(
      next.attempts.map(({ bearer }) => bearer),
      ['sip-message'],
    );
    assert.equal(scene.methods.filter((method) => method === 'INVITE').length, 1);
  });
});
