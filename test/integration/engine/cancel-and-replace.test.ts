import assert from 'node:assert/strict';
import type { RecipientAddress } from '../../../lib/model/address.ts';
import { createMemoryStore } from '../../../lib/store/memory.ts';
import { BUSY, DELIVERED, deferred, EngineBench, OFFLINE, SILENT } from '../../support/engine.ts';
import { settle } from '../../support/fake-clock.ts';
import { address, device, qos, registration, submission } from '../../support/model.ts';
import { assertCodes } from '../../support/pap-codes.ts';

const HOUR = 3_600_000;
const NOTIFY = { notifyUrl: 'http://pi.test/notify' };
const ALICE = address('alice');
const BOB = address('bob');

describe('cancelling a push', () => {
  let bench: EngineBench;

  beforeEach(async () => {
    bench = new EngineBench();
    await bench.engine.start();
  });
  afterEach(() => bench.engine.stop());

  const cancel = async (to: readonly RecipientAddress[] = [], pushId = '1@pi.test'): Promise<string[] | undefined> =>
    (await bench.engine.cancel('mmsc', pushId, to))?.results.map(
      ({ code, desc, addresses }) => `${code} ${desc}: ${addresses.join(' ')}`,
    );
  const states = async (pushId = '1@pi.test'): Promise<string[] | undefined> =>
    (await bench.engine.find('mmsc', pushId))?.recipients.map(({ state, code }) => `${state} ${code}`);

  it('that waits ends it, reports it, and it is never sent', async () => {
    bench.registrations.set(ALICE.aor, registration([], { registered: false }));
    await bench.engine.submit(submission(NOTIFY));
    await settle();
    assert.deepEqual(await cancel(), [`1000 OK: ${ALICE.text}`]);
    await bench.clock.advance(5);
    assert.deepEqual(
      bench.posted.map(({ pushId, state, code }) => `${pushId} ${state} ${code}`),
      ['1@pi.test cancelled 1000'],
    );
    assert.deepEqual(
      bench.states.slice(-1).map(({ state, code, address: of, cause }) => [state, code, of, cause]),
      [['cancelled', 1000, ALICE.text, 'cancelled by the initiator']],
    );
    bench.registrations.set(ALICE.aor, registration([device('phone', ['wml.ua'])]));
    bench.engine.wake(ALICE.aor);
    await bench.clock.advance(24 * HOUR);
    assert.deepEqual(bench.bearer.sent, []);
  });

  it('groups recipients by what became of them', async () => {
    const open = deferred<typeof DELIVERED>();
    bench.bearer.answer = ({ address: { aor } }) => {
      if (aor === ALICE.aor) return open.promise;
      return aor === BOB.aor ? DELIVERED : OFFLINE;
    };
    const carol = address('carol');
    const dave = address('dave');
    await bench.engine.submit(submission({ recipients: [ALICE, BOB, carol, dave] }));
    await settle();
    assert.deepEqual(await cancel([ALICE, BOB, carol, address('eve')]), [
      `2008 Cancellation not possible: ${ALICE.text} ${BOB.text}`,
      `1000 OK: ${carol.text}`,
      `2003 Address not found: ${address('eve').text}`,
    ]);
    assert.match((await states())?.join() ?? '', /^sending \d+,delivered 1000,cancelled 1000,pending 4001$/);
    open.resolve(DELIVERED);
    await settle();
  });

  it('is refused for what the device may have: in flight, unanswered, unproven', async () => {
    bench.bearer.answer = () => SILENT;
    await bench.engine.submit(submission({ qos: qos('confirmed') }));
    await settle();
    assert.match((await states())?.[0] ?? '', /^pending/);
    assert.deepEqual(await cancel(), [`2008 Cancellation not possible: ${ALICE.text}`]);
    bench.bearer.answer = () => ({ kind: 'accepted', cause: 'sip 202' });
    await bench.engine.submit(submission({ pushId: '2@pi.test', recipients: [BOB], qos: qos('confirmed') }));
    await settle();
    assert.deepEqual(await cancel([], '2@pi.test'), [`2008 Cancellation not possible: ${BOB.text}`]);
  });

  it('that was refused by the device for now is possible', async () => {
    bench.bearer.answer = () => BUSY;
    await bench.engine.submit(submission());
    await settle();
    assert.deepEqual(await cancel(), [`1000 OK: ${ALICE.text}`]);
    await bench.clock.advance(HOUR);
    assert.equal(bench.bearer.attempts.length, 1);
  });

  it('of what is over in another way is not possible: 3003', async () => {
    await bench.engine.submit(submission({ deliverBefore: bench.clock.now() - 1 }));
    await bench.clock.advance(5);
    assert.deepEqual(await states(), ['expired 4001']);
    assert.deepEqual(await cancel(), [`3003 Not possible: ${ALICE.text}`]);
    await bench.engine.submit(submission({ pushId: '2@pi.test', deliverAfter: bench.clock.now() + HOUR }));
    assert.deepEqual(await cancel([], '2@pi.test'), [`1000 OK: ${ALICE.text}`]);
    assert.deepEqual(await cancel([], '2@pi.test'), [`3003 Not possible: ${ALICE.text}`]);
  });

  it('of another initiator’s push finds nothing', async () => {
    await bench.engine.submit(submission({ initiator: 'other', deliverAfter: bench.clock.now() + HOUR }));
    assert.equal(await cancel(), undefined);
  });

  it('lets whoever waited behind it go', async () => {
    bench.gate.set(false);
    await bench.engine.submit(submission());
    await bench.engine.submit(submission({ pushId: '2@pi.test' }));
    await cancel();
    bench.gate.set(true);
    await settle();
    assert.deepEqual(bench.bearer.sent, ['2@pi.test']);
  });

  it('races against the attempt and ends in one state', async () => {
    const results = new Set<string>();
    for (const first of ['cancel', 'wake']) {
      const pushId = `${first}@pi.test`;
      bench.registrations.set(ALICE.aor, registration([], { registered: false }));
      await bench.engine.submit(submission({ pushId, ...NOTIFY }));
      await settle();
      bench.registrations.set(ALICE.aor, registration([device('phone', ['wml.ua'])]));
      if (first === 'wake') bench.engine.wake(ALICE.aor);
      const answer = cancel([], pushId);
      if (first === 'cancel') bench.engine.wake(ALICE.aor);
      results.add(`${first} ${(await answer)?.[0]?.slice(0, 4)}`);
      await bench.clock.advance(5);
    }
    assert.deepEqual([...results], ['cancel 1000', 'wake 2008']);
    assert.deepEqual(
      bench.posted.map(({ pushId, state }) => `${pushId} ${state}`),
      ['cancel@pi.test cancelled', 'wake@pi.test delivered'],
    );
  });
});

describe('replacing a push', () => {
  let bench: EngineBench;

  beforeEach(async () => {
    bench = new EngineBench();
    await bench.engine.start();
  });
  afterEach(() => bench.engine.stop());

  const waiting = async (users = [ALICE]): Promise<void> => {
    for (const { aor } of [ALICE, BOB]) bench.registrations.set(aor, registration([], { registered: false }));
    await bench.engine.submit(submission({ ...NOTIFY, recipients: users }));
    await settle();
  };
  const replace = async (
    method: 'all' | 'pending-only',
    recipients = [ALICE],
    more: object = NOTIFY,
  ): Promise<number> => {
    const replaces = { pushId: '1@pi.test', method };
    const answer = await bench.engine.submit(submission({ pushId: '2@pi.test', recipients, replaces, ...more }));
    await bench.clock.advance(5);
    return answer.code;
  };
  const posted = (): string[] => bench.posted.map(({ pushId, state, code }) => `${pushId} ${state} ${code}`);

  for (const method of ['all', 'pending-only'] as const) {
    it(`${method}: the old one is reported cancelled under its own push-id and the new one is delivered`, async () => {
      await waiting();
      assert.equal(await replace(method), 1001);
      assert.deepEqual(posted(), ['1@pi.test cancelled 1000']);
      assert.deepEqual(bench.states.at(-2)?.cause ?? '', 'replaced by 2@pi.test');
      bench.registrations.set(ALICE.aor, registration([device('phone', ['wml.ua'])]));
      bench.engine.wake(ALICE.aor);
      await bench.clock.advance(5);
      assert.deepEqual(bench.bearer.sent, ['2@pi.test']);
      assert.deepEqual(posted(), ['1@pi.test cancelled 1000', '2@pi.test delivered 1000']);
    });
  }

  it('that has gone: all goes too, pending-only is 2008 and changes nothing', async () => {
    await bench.engine.submit(submission());
    await settle();
    assert.equal(await replace('pending-only'), 2008);
    assert.equal(await bench.engine.find('mmsc', '2@pi.test'), undefined);
    assert.equal(await replace('all'), 1001);
    assert.deepEqual(bench.bearer.sent, ['1@pi.test', '2@pi.test']);
  });

  it('that is not known: all goes as a new one, pending-only is 2004', async () => {
    assert.equal(await replace('pending-only'), 2004);
    assert.equal(await replace('all'), 1001);
    assert.deepEqual(bench.bearer.sent, ['2@pi.test']);
  });

  it('pending-only ends with 2008 for those whose old one had gone, and says so', async () => {
    await bench.engine.submit(submission({ ...NOTIFY, recipients: [ALICE, BOB], qos: qos('confirmed') }));
    await settle();
    bench.posted.length = 0;
    const carol = address('carol');
    bench.registrations.set(carol.aor, registration([], { registered: false }));
    await bench.engine.submit(submission({ ...NOTIFY, pushId: '3@pi.test', recipients: [BOB, carol] }));
    await settle();
    bench.posted.length = 0;
    const replaces = { pushId: '3@pi.test', method: 'pending-only' } as const;
    const recipients = [BOB, carol];
    const { code } = await bench.engine.submit(submission({ ...NOTIFY, pushId: '4@pi.test', recipients, replaces }));
    await bench.clock.advance(5);
    assert.equal(code, 1001);
    assert.deepEqual(posted().sort(), ['3@pi.test cancelled 1000', '4@pi.test undeliverable 2008']);
    for (const { pushId, state, code: told, address: to } of bench.posted) {
      assertCodes({
        message: 'resultnotification-message',
        papVersion: '2.0',
        pushId,
        state,
        code: told,
        address: to.text,
      });
    }
    const status = await bench.engine.status('mmsc', '4@pi.test', [BOB]);
    assert.deepEqual(
      status?.results.map(({ state, code: of }) => [state, of]),
      [['undeliverable', 2008]],
    );
  });

  it('a duplicate push-id is 2007 and cancels nothing', async () => {
    await waiting();
    const replaces = { pushId: '1@pi.test', method: 'all' } as const;
    assert.equal((await bench.engine.submit(submission({ replaces }))).code, 2007);
    assert.deepEqual(posted(), []);
  });

  it('is kept or lost as a whole when the store fails', async () => {
    const store = createMemoryStore();
    const broken = new EngineBench({ store });
    await broken.engine.start();
    broken.registrations.set(ALICE.aor, registration([], { registered: false }));
    await broken.engine.submit(submission());
    await settle();
    const { accept } = store;
    store.accept = () => Promise.reject(new Error('disk'));
    const replaces = { pushId: '1@pi.test', method: 'all' } as const;
    await assert.rejects(broken.engine.submit(submission({ pushId: '2@pi.test', replaces })));
    store.accept = accept;
    assert.match((await broken.engine.find('mmsc', '1@pi.test'))?.recipients[0]?.state ?? '', /pending/);
    await broken.engine.stop();
  });
});
