import assert from 'node:assert/strict';
import { register as globalRegistry } from 'prom-client';
import { Events } from '../../../lib/base/events.ts';
import { orderedIds, timeOfOrderedId } from '../../../lib/base/ids.ts';
import type { EngineEvents } from '../../../lib/model/engine-events.ts';
import { createHealth } from '../../../lib/ops/health.ts';
import { createMetrics } from '../../../lib/ops/metrics.ts';
import type { StoreCounts } from '../../../lib/store/store.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const COUNTS: StoreCounts = {
  pending: 3,
  sending: 1,
  awaitingConfirmation: 2,
  notifications: 5,
  deadNotifications: 1,
};

/** A gateway of which only ops knows: events, counts, ready. */
class FakeGateway {
  readonly events = new Events<EngineEvents>((error) => {
    throw error;
  });
  ready = true;
  legs = [
    { name: 'drachtio', ready: true },
    { name: 'direct', ready: true },
  ];
  inFlight = 4;
  capabilityCounts = { hits: 9, misses: 2 };
  asked = 0;
  counts = (): Promise<StoreCounts> => {
    this.asked++;
    return Promise.resolve(COUNTS);
  };
  on: Events<EngineEvents>['on'] = (name, listener) => this.events.on(name, listener);
}

const OF = { initiator: 'pi', pushId: 'p1' };

describe('metrics', () => {
  const clock = new FakeClock();
  const lines = async (text: Promise<string>): Promise<string[]> =>
    (await text).split('\n').filter((line) => line !== '' && !line.startsWith('#'));

  it('counts questions to devices by how they ended, and how often none was needed', async () => {
    const gateway = new FakeGateway();
    const metrics = createMetrics(gateway, { clock });
    const asked = { at: 1, aor: 'sip:a@ims.test', device: 'd', ms: 3 };
    gateway.events.emit('capabilities', { ...asked, result: 'told' });
    gateway.events.emit('capabilities', { ...asked, result: 'shed' });
    const text = await lines(metrics.text());
    for (const line of [
      'ppg_capability_queries_total{result="told"} 1',
      'ppg_capability_queries_total{result="shed"} 1',
      'ppg_capability_queries_total{result="silent"} 0',
      'ppg_capability_cache_hits_total 9',
      'ppg_capability_cache_misses_total 2',
    ])
      assert.ok(text.includes(line), line);
    metrics.close();
  });

  it('tells of the relay for MSRP where there is one, and nothing of none', async () => {
    const counters = { sessions: 1, connections: 1, bytesReceived: 0, bytesSent: 0 };
    const gateway = Object.assign(new FakeGateway(), {
      msrp: { ...counters } as typeof counters & { relayReady?: boolean },
    });
    const metrics = createMetrics(gateway, { clock });
    const told = async (): Promise<string[]> =>
      (await lines(metrics.text())).filter((line) => line.startsWith('ppg_msrp_relay_ready'));
    assert.deepEqual(await told(), []);
    for (const ready of [false, true]) {
      gateway.msrp.relayReady = ready;
      assert.deepEqual(await told(), [`ppg_msrp_relay_ready ${ready ? 1 : 0}`]);
    }
    metrics.close();
  });

  it('counts what the gateway tells of, by state and code', async () => {
    const gateway = new FakeGateway();
    const metrics = createMetrics(gateway, { clock });
    const push = orderedIds(() => clock.now())();
    const at = clock.now() + 30;
    gateway.events.emit('accepted', { ...OF, push, at, recipients: 2, expiresAt: at + 1 });
    gateway.events.emit('refused', { ...OF, at, code: 2007 });
    gateway.events.emit('attempt', { ...OF, push, at, index: 0, attempt: 1, aor: 'sip:a@b', devices: 1 });
    const state = { ...OF, push, at, index: 0, address: 'a', cause: 'sip' };
    gateway.events.emit('state', { ...state, state: 'pending', code: 4001, due: at });
    gateway.events.emit('state', { ...state, state: 'awaiting-confirmation', code: 1000 });
    gateway.events.emit('state', { ...state, state: 'delivered', code: 1000 });
    gateway.events.emit('state', { ...state, index: 1, state: 'cancelled', code: 1000 });
    gateway.events.emit('notification', { ...OF, push, at, index: 0, result: 'done', tries: 1, cause: '' });
    gateway.events.emit('hop', { at, pausedUntil: clock.now() + 1000 });
    const found = await lines(metrics.text());
    for (const line of [
      'ppg_pushes_accepted_total 1',
      'ppg_recipients_accepted_total 2',
      'ppg_pushes_refused_total{code="2007"} 1',
      'ppg_attempts_total 1',
      'ppg_attempts_retried_total{code="4001"} 1',
      'ppg_recipients_final_total{state="delivered",code="1000"} 1',
      'ppg_recipients_final_total{state="cancelled",code="1000"} 1',
      'ppg_delivery_seconds_sum{state="delivered"} 0.03',
      'ppg_delivery_seconds_count{state="delivered"} 1',
      'ppg_notifications_total{result="done"} 1',
      'ppg_notifications_total{result="dead"} 0',
      'ppg_hop_pauses_total 1',
      'ppg_hop_paused 1',
      'ppg_ready 1',
      'ppg_in_flight 4',
      'ppg_recipients{state="awaiting-confirmation"} 2',
      'ppg_notifications{state="owed"} 5',
    ]) {
      assert.ok(found.includes(line), `${line} is missing from\n${found.join('\n')}`);
    }
    clock.tick(1000);
    assert.ok((await lines(metrics.text())).includes('ppg_hop_paused 0'));
  });

  it('has no metric that never moves', async () => {
    const gateway = Object.assign(new FakeGateway(), {
      wakesWaiting: 2,
      regEvents: { subscriptions: 1, refused: 1, subscribes: { accepted: 1 }, notifies: { taken: 1 } },
      omaPush: { subscriptions: 1, subscribes: { accepted: 1 }, notifies: { taken: 1 } },
      msrp: { sessions: 1, connections: 1, bytesReceived: 1, bytesSent: 1, relayReady: true },
      sipCounters: {
        ...{ clientTransactions: 1, serverTransactions: 1, connections: 1 },
        ...{ malformed: 1, retransmissionsSent: 1, retransmissionsAbsorbed: 1 },
      },
    });
    const { registry, close } = createMetrics(gateway as unknown as Parameters<typeof createMetrics>[0], { clock });
    const push = orderedIds(() => clock.now())();
    const at = clock.now() + 1000;
    const of = { ...OF, push, at, index: 0 };
    const state = { ...of, address: 'a', cause: 'sip' };
    gateway.events.emit('accepted', { ...of, recipients: 1, expiresAt: at });
    gateway.events.emit('refused', { ...OF, at, code: 2001, rule: 'allow.rate' });
    gateway.events.emit('denied', { at, source: '192.0.2.1', reason: 'plaintext' });
    gateway.events.emit('attempt', { ...of, attempt: 1, aor: 'sip:a@b', devices: 1 });
    gateway.events.emit('state', { ...state, state: 'pending', code: 4001, due: at });
    gateway.events.emit('state', { ...state, state: 'delivered', code: 1000 });
    gateway.events.emit('notification', { ...of, result: 'done', tries: 1, cause: '' });
    gateway.events.emit('transformed', { ...of, bearer: 'sip-message', change: 'charset', how: '' });
    const proof = { kind: 'delivered', result: 'applied', cause: '' } as const;
    gateway.events.emit('proof', { push, index: 0, at, source: 'imdn', ...proof });
    gateway.events.emit('download', { at, status: 200, result: 'complete', bytes: 5 });
    gateway.events.emit('capabilities', { at, aor: 'sip:a@b', device: 'd', result: 'told', ms: 1 });
    gateway.events.emit('hop', { at, pausedUntil: at });
    const still = (await registry.getMetricsAsJSON()).filter(({ values }) => !values.some(({ value }) => value > 0));
    assert.deepEqual(
      still.map(({ name }) => name),
      [],
    );
    close();
  });

  it('asks the store once for all gauges, and not again while the answer is fresh', async () => {
    const gateway = new FakeGateway();
    const metrics = createMetrics(gateway, { clock });
    await metrics.text();
    await metrics.text();
    assert.equal(gateway.asked, 1);
    clock.tick(2001);
    await metrics.text();
    assert.equal(gateway.asked, 2);
  });

  it('answers without the store when the store fails', async () => {
    const gateway = new FakeGateway();
    gateway.counts = () => Promise.reject(new Error('disk gone'));
    const found = await lines(createMetrics(gateway, { clock }).text());
    assert.ok(found.includes('ppg_ready 1'));
    assert.ok(!found.some((line) => line.startsWith('ppg_recipients{')));
  });

  it('leaves the global registry alone, and two gateways do not meet', async () => {
    const [one, other] = [new FakeGateway(), new FakeGateway()];
    const first = createMetrics(one, { clock });
    const second = createMetrics(other, { clock });
    one.events.emit('refused', { ...OF, at: 0, code: 2000 });
    assert.ok((await first.text()).includes('ppg_pushes_refused_total{code="2000"} 1'));
    assert.ok(!(await second.text()).includes('ppg_pushes_refused_total{code="2000"}'));
    assert.equal(globalRegistry.getMetricsAsArray().length, 0);
  });

  it('stops counting when closed', async () => {
    const gateway = new FakeGateway();
    const metrics = createMetrics(gateway, { clock });
    metrics.close();
    gateway.events.emit('refused', { ...OF, at: 0, code: 2000 });
    assert.ok(!(await metrics.text()).includes('code="2000"'));
  });

  it('the key of a push tells when it was made', () => {
    assert.equal(timeOfOrderedId(orderedIds(() => 1_700_000_000_123)()), 1_700_000_000_123);
    assert.equal(timeOfOrderedId('short'), undefined);
    assert.equal(timeOfOrderedId('not a key!'), undefined);
  });
});

describe('readiness', () => {
  it('is given when a leg has a way out and the store answers', async () => {
    const readiness = await createHealth(new FakeGateway(), new FakeClock()).readiness();
    const checks = { sip: 'ok', legs: { drachtio: 'ok', direct: 'ok' }, store: 'ok', process: 'running' };
    assert.deepEqual(readiness, { ready: true, checks });
  });

  it('names a leg that is down while another goes on', async () => {
    const gateway = new FakeGateway();
    gateway.legs = [
      { name: 'drachtio', ready: false },
      { name: 'direct', ready: true },
    ];
    const { ready, checks } = await createHealth(gateway, new FakeClock()).readiness();
    assert.deepEqual([ready, checks.legs], [true, { drachtio: 'down', direct: 'ok' }]);
    const metrics = createMetrics(gateway, { clock: new FakeClock() });
    const text = await metrics.text();
    for (const line of ['ppg_leg_ready{leg="drachtio"} 0', 'ppg_leg_ready{leg="direct"} 1'])
      assert.ok(text.includes(line), line);
    metrics.close();
  });

  it('says what is missing', async () => {
    const gateway = new FakeGateway();
    gateway.ready = false;
    gateway.counts = () => Promise.reject(new Error('disk gone'));
    const { ready, checks } = await createHealth(gateway, new FakeClock()).readiness();
    assert.equal(ready, false);
    assert.match(checks.sip, /no SIP leg/);
    assert.equal(checks.store, 'disk gone');
  });

  it('ends with the word that the gateway is stopping', async () => {
    const health = createHealth(new FakeGateway(), new FakeClock());
    health.stopping();
    assert.equal((await health.readiness()).ready, false);
  });

  it('does not wait for a store that hangs, and asks it only once', async () => {
    const clock = new FakeClock();
    const gateway = new FakeGateway();
    gateway.counts = () => {
      gateway.asked++;
      return new Promise(() => undefined);
    };
    const health = createHealth(gateway, clock);
    const answers = [health.readiness(), health.readiness()];
    clock.tick(2000);
    for (const { checks } of await Promise.all(answers)) assert.match(checks.store, /did not answer within 2000 ms/);
    const later = health.readiness();
    clock.tick(2000);
    await later;
    assert.equal(gateway.asked, 1);
  });
});
