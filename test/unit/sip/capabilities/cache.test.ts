import assert from 'node:assert/strict';
import type { Device, Registration } from '../../../../lib/model/device.ts';
import { type Asked, CapabilityCache, type CapabilityPolicy } from '../../../../lib/sip/capabilities/cache.ts';
import type { QueryAnswer } from '../../../../lib/sip/capabilities/query.ts';
import { deferred } from '../../../support/engine.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { device, registration } from '../../../support/model.ts';

const AOR = 'sip:alice@ims.test';
const TOLD: QueryAnswer = { result: 'told', told: { types: ['text/plain'] } };
const POLICY: CapabilityPolicy = { ask: 'auto', ttl: 60_000, negativeTtl: 10_000, inFlight: 2, wait: 2000 };

class Bench {
  readonly clock = new FakeClock();
  readonly questions: { id: string; answer: (answer: QueryAnswer) => void }[] = [];
  readonly asked: Asked[] = [];
  readonly cache: CapabilityCache;

  constructor(policy: Partial<CapabilityPolicy> = {}, size?: number) {
    this.cache = new CapabilityCache({
      query: (_, { id }) => {
        const { promise, resolve } = deferred<QueryAnswer>();
        this.questions.push({ id, answer: resolve });
        return promise;
      },
      clock: this.clock,
      policy: { ...POLICY, ...policy },
      ...(size !== undefined && { size }),
      onAsked: (asked) => this.asked.push(asked),
    });
  }

  ask(...devices: Device[]): Promise<void> | undefined {
    const known = this.cache.over(registration(devices));
    return this.cache.ask(AOR, known.devices);
  }

  /** Asks and answers. */
  async tell(one: Device, answer: QueryAnswer = TOLD): Promise<void> {
    const waiting = this.ask(one);
    this.questions.at(-1)?.answer(answer);
    await waiting;
  }

  capabilities(one: Device, of: Partial<Registration> = {}): Device['capabilities'] {
    return this.cache.over(registration([one], of)).devices[0]?.capabilities;
  }
}

describe('capability cache', () => {
  const phone = device('phone', undefined, { features: { audio: '' } });

  it('asks once, and knows from then on without a promise', async () => {
    const bench = new Bench();
    await bench.tell(phone);
    assert.deepEqual(bench.capabilities(phone), { types: ['text/plain'], until: bench.clock.now() + 60_000 });
    assert.equal(bench.ask(phone), undefined);
    assert.equal(bench.questions.length, 1);
    assert.deepEqual(bench.cache.counts, { hits: 1, misses: 1 });
  });

  it('gives the same object for the same registration', async () => {
    const bench = new Bench();
    await bench.tell(phone);
    const known = registration([phone]);
    assert.equal(bench.cache.over(known), bench.cache.over(known));
  });

  it('asks one question at a time for a device, whoever wants to know', async () => {
    const bench = new Bench();
    const waiting = [bench.ask(phone), bench.ask(phone)];
    assert.equal(bench.questions.length, 1);
    bench.questions[0]?.answer(TOLD);
    await Promise.all(waiting);
    assert.ok(bench.capabilities(phone));
  });

  it('keeps what it knows over a plain refresh, and asks again when contact, features or applications changed', async () => {
    const bench = new Bench();
    await bench.tell(phone);
    const refreshed = { ...phone, features: { ...phone.features }, expiresAt: phone.expiresAt - 1 };
    assert.equal(bench.ask(refreshed), undefined);
    for (const changed of [
      { ...phone, contact: 'sip:elsewhere@10.0.0.1' },
      { ...phone, features: { video: '' } },
      { ...phone, applications: ['mms.ua'] },
    ]) {
      const asked = bench.questions.length;
      await bench.tell(changed);
      assert.equal(bench.questions.length, asked + 1);
    }
  });

  it('a refresh of another flow is a plain refresh', async () => {
    const bench = new Bench();
    await bench.tell(phone);
    const other = { id: '2', contact: 'sip:flow2@10.0.0.2', expiresAt: phone.expiresAt + 1 };
    const flows = [other, { id: '1', contact: phone.contact, expiresAt: phone.expiresAt }];
    assert.equal(bench.ask({ ...phone, contact: other.contact, flows }), undefined);
    assert.equal(bench.questions.length, 1);
  });

  it('asks again when its time is over', async () => {
    const bench = new Bench();
    await bench.tell(phone);
    await bench.clock.advance(60_000);
    assert.equal(bench.capabilities(phone), undefined);
    assert.ok(bench.ask(phone));
  });

  for (const result of ['refused', 'absent', 'silent'] as const) {
    it(`leaves a device alone for a shorter time after ${result}, knowing nothing of it`, async () => {
      const bench = new Bench();
      await bench.tell(phone, { result, told: {} });
      assert.deepEqual(bench.capabilities(phone), { until: bench.clock.now() + 10_000 });
      assert.equal(bench.ask(phone), undefined);
      await bench.clock.advance(10_000);
      assert.ok(bench.ask(phone));
    });
  }

  it('remembers nothing of a question that did not leave', async () => {
    const bench = new Bench();
    await bench.tell(phone, { result: 'failed', told: {} });
    assert.equal(bench.capabilities(phone), undefined);
  });

  it('holds a push no longer than it may, and the next one not at all; the late answer counts', async () => {
    const bench = new Bench();
    const waiting = bench.ask(phone);
    await bench.clock.advance(2000);
    await waiting;
    assert.equal(bench.ask(phone), undefined);
    bench.questions[0]?.answer(TOLD);
    await new Promise(setImmediate);
    assert.ok(bench.capabilities(phone));
    assert.equal(bench.questions.length, 1);
  });

  it('asks no more devices at once than it may, and lets pushes to the others go on', () => {
    const bench = new Bench();
    const others = [device('a'), device('b'), device('c')];
    bench.ask(...others);
    assert.equal(bench.questions.length, 2);
    assert.equal(bench.asked.at(-1)?.result, 'shed');
  });

  it('never asks a device that has no name, told enough when it registered, or when it is not to ask', () => {
    const bench = new Bench();
    const { instance: _, ...nameless } = device('n');
    assert.equal(bench.ask(nameless), undefined);
    assert.equal(
      bench.ask(device('t', undefined, { features: { methods: 'MESSAGE', type: 'text/plain' } })),
      undefined,
    );
    assert.ok(bench.ask(device('m', undefined, { features: { methods: 'MESSAGE' } })));
    assert.equal(new Bench({ ask: 'never' }).ask(phone), undefined);
  });

  it('learns from refusals, with or without having asked', async () => {
    const refusal = { status: 415, get: () => undefined, method: 'MESSAGE', type: 'text/html', bytes: 9 };
    const bench = new Bench();
    bench.cache.learnRefusal(AOR, phone, refusal);
    assert.deepEqual(bench.capabilities(phone)?.refusedTypes, ['text/html']);
    assert.ok(bench.ask(phone), 'what a refusal taught is no answer to OPTIONS');
    bench.questions[0]?.answer(TOLD);
    await new Promise(setImmediate);
    bench.cache.learnRefusal(AOR, phone, refusal);
    const { types, refusedTypes } = bench.capabilities(phone) ?? {};
    assert.deepEqual({ types, refusedTypes }, { types: ['text/plain'], refusedTypes: ['text/html'] });
    assert.equal(bench.ask(phone), undefined);
  });

  it('forgets whom nobody pushes to first, and whom it is told to forget', async () => {
    const bench = new Bench({}, 2);
    const user = (name: string): Registration => registration([phone], { aor: `sip:${name}@ims.test` });
    const known = (name: string): boolean => bench.cache.over(user(name)).devices[0]?.capabilities !== undefined;
    const tell = async (name: string): Promise<void> => {
      const waiting = bench.cache.ask(user(name).aor, [phone]);
      bench.questions.at(-1)?.answer(TOLD);
      await waiting;
    };
    await tell('alice');
    await tell('bob');
    assert.ok(known('alice'));
    await tell('carol');
    assert.deepEqual([known('alice'), known('bob'), known('carol')], [true, false, true]);
    await tell('dave');
    assert.equal([known('alice'), known('carol'), known('dave')].filter(Boolean).length, 2);
    bench.cache.forget('sip:dave@ims.test');
    assert.equal(known('dave'), false);
  });
});
