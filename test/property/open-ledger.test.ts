import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Events } from '../../lib/base/events.ts';
import type { EngineEvents } from '../../lib/model/engine-events.ts';
import { type OpenCounts, OpenLedger } from '../../lib/security/ledger.ts';
import { settle } from '../support/fake-clock.ts';

const NAMES = ['a', 'b', 'c'];
const of = { pushId: 'p', push: 'k', at: 0 };

/**
 * A store that does what it is asked for in that order, some of it in one turn of the event loop, as those of the gateway
 * do; and an engine that tells of it so many promises later.
 */
class Simulation {
  readonly truth = new Map<string, number>();
  readonly ledger: OpenLedger;
  readonly #events = new Events<EngineEvents>((error) => {
    throw error;
  });
  readonly #asked: (() => void)[] = [];
  /** What has been told of, and nobody has begun to end. */
  readonly #open = new Map<string, number>();

  constructor() {
    this.ledger = new OpenLedger(this.#events);
  }

  start(counts: OpenCounts): void {
    for (const [name, count] of counts) {
      this.truth.set(name, count);
      this.#open.set(name, count);
    }
  }

  accept(initiator: string, recipients: number, later: number): void {
    this.#ask(
      () => this.#add(this.truth, initiator, recipients),
      later,
      () => {
        this.#add(this.#open, initiator, recipients);
        this.#events.emit('accepted', { ...of, initiator, recipients, expiresAt: 0 });
      },
    );
  }

  end(initiator: string, later: number): void {
    if ((this.#open.get(initiator) ?? 0) === 0) return;
    this.#add(this.#open, initiator, -1);
    this.#ask(
      () => this.#add(this.truth, initiator, -1),
      later,
      () =>
        this.#events.emit('state', {
          ...of,
          initiator,
          index: 0,
          address: '',
          state: 'delivered',
          code: 1000,
          cause: '',
        }),
    );
  }

  compare(): Promise<void> {
    return this.ledger.compare(() => new Promise((done) => this.#asked.push(() => done(new Map(this.truth)))));
  }

  /** The store does so much in one turn. */
  async turn(operations: number): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    for (const operation of this.#asked.splice(0, operations)) operation();
  }

  async rest(): Promise<void> {
    while (this.#asked.length > 0) await this.turn(5);
    await settle();
  }

  /** Where ledger and store differ. */
  differences(): object[] {
    const names = NAMES.map((name) => ({ name, ledger: this.ledger.of(name), store: this.truth.get(name) ?? 0 }));
    const total = { name: 'total', ledger: this.ledger.total, store: names.reduce((sum, { store }) => sum + store, 0) };
    return [...names, total].filter(({ ledger, store }) => ledger !== store);
  }

  #ask(operation: () => void, later: number, tell: () => void): void {
    const done = new Promise<void>((resolve) => {
      this.#asked.push(() => {
        operation();
        resolve();
      });
    });
    void (async () => {
      await done;
      for (let i = 0; i < later; i++) await undefined;
      tell();
    })();
  }

  #add(counts: Map<string, number>, name: string, change: number): void {
    counts.set(name, (counts.get(name) ?? 0) + change);
  }
}

const name = fc.constantFrom(...NAMES);
const later = fc.integer({ min: 0, max: 8 });
const step = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.constant('accept' as const), name, later) },
  { weight: 4, arbitrary: fc.tuple(fc.constant('end' as const), name, later) },
  { weight: 3, arbitrary: fc.tuple(fc.constant('turn' as const), fc.integer({ min: 1, max: 9 })) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('compare' as const)) },
);
const steps = fc.array(step, { maxLength: 60 });
const counts = fc.dictionary(name, fc.integer({ min: 0, max: 20 })).map((one) => new Map(Object.entries(one)));

const run = async (
  simulation: Simulation,
  plan: readonly (typeof step extends fc.Arbitrary<infer T> ? T : never)[],
) => {
  const compared: Promise<void>[] = [];
  for (const one of plan) {
    if (one[0] === 'accept') simulation.accept(one[1], 1 + (one[2] % 3), one[2]);
    else if (one[0] === 'end') simulation.end(one[1], one[2]);
    else if (one[0] === 'turn') await simulation.turn(one[1]);
    else compared.push(simulation.compare());
  }
  await simulation.rest();
  await Promise.all(compared);
};

describe('the count of what is open', () => {
  it('stays exact however a comparison with the store falls between the events', async () => {
    await fc.assert(
      fc.asyncProperty(counts, steps, async (open, plan) => {
        const simulation = new Simulation();
        simulation.start(open);
        simulation.ledger.set(open);
        await run(simulation, plan);
        assert.deepEqual(simulation.differences(), []);
      }),
      { numRuns: 150 },
    );
  });

  it('that had gone wrong is right after a comparison in quiet, whatever came before', async () => {
    await fc.assert(
      fc.asyncProperty(counts, counts, steps, async (open, wrong, plan) => {
        const simulation = new Simulation();
        simulation.start(open);
        simulation.ledger.set(wrong);
        await run(simulation, plan);
        const compared = simulation.compare();
        await simulation.rest();
        await compared;
        assert.deepEqual(simulation.differences(), []);
      }),
      { numRuns: 100 },
    );
  });

  it('that had gone wrong is right at once for those of whom nothing happens meanwhile', async () => {
    const simulation = new Simulation();
    simulation.start(
      new Map([
        ['a', 3],
        ['b', 5],
      ]),
    );
    simulation.ledger.set(
      new Map([
        ['a', 9],
        ['c', 4],
      ]),
    );
    const compared = simulation.compare();
    simulation.accept('b', 1, 0);
    await simulation.rest();
    await compared;
    assert.deepEqual([simulation.ledger.of('a'), simulation.ledger.of('c')], [3, 0]);
    assert.ok([5, 6].includes(simulation.ledger.of('b')));
  });

  it('goes on as it was when the store cannot be counted', async () => {
    const simulation = new Simulation();
    simulation.ledger.set(new Map([['a', 2]]));
    await assert.rejects(
      simulation.ledger.compare(() => Promise.reject(new Error('busy'))),
      /busy/,
    );
    assert.deepEqual([simulation.ledger.of('a'), simulation.ledger.total], [2, 2]);
  });
});
