import assert from 'node:assert/strict';
import type { MessageParts } from '../../../lib/stack/dialog-state.ts';
import { Notifier, type NotifierOptions } from '../../../lib/stack/notifier.ts';
import { FakeClock } from '../../support/fake-clock.ts';

type Verdict = 'taken' | 'failed';

describe('a subscription of a peer (RFC 6665 section 4.2)', () => {
  let clock: FakeClock;
  /** NOTIFYs as they left, by their Subscription-State and body. */
  let sent: string[];
  let answers: ((verdict: Verdict) => void)[];
  let closed: number;
  let errors: unknown[];

  beforeEach(() => {
    clock = new FakeClock();
    [sent, answers, closed, errors] = [[], [], 0, []];
  });

  function begin(options: NotifierOptions, event = 'oma-push'): Notifier<Verdict | 'refused', string> {
    const notifier = new Notifier<Verdict | 'refused', string>(
      {
        ...{ clock, callId: 'c' },
        send: ({ headers = [], body }: MessageParts) => {
          const state = headers.find(({ name }) => name === 'Subscription-State')?.value;
          sent.push(`${state} ${body ?? ''}`.trim());
          return new Promise((resolve) => answers.push(resolve));
        },
        verdict: (answer) => (answer === 'failed' ? 'failed' : 'taken'),
        refuse: () => 'refused',
        close: () => void closed++,
        onUserError: (error) => errors.push(error),
      },
      event,
      options,
    );
    notifier.begin();
    return notifier;
  }

  /** The NOTIFY that is under way is answered. */
  async function answered(verdict: Verdict = 'taken'): Promise<void> {
    await flushed();
    answers.shift()?.(verdict);
    await flushed();
  }

  const flushed = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  function asked(notifier: Notifier<unknown, string>, expires?: string, event = 'oma-push'): string {
    let answer = '';
    notifier.onSubscribe('again', { event, expires }, (status, headers) => {
      answer = [status, ...headers.map(({ name, value }) => `${name}: ${value}`)].join(' ');
    });
    return answer;
  }

  it('expires when nobody refreshes it, and says so by a last NOTIFY', async () => {
    const notifier = begin({ expires: 300 });
    const ends: string[] = [];
    notifier.on('end', (reason) => ends.push(reason));
    await answered();
    clock.tick(299_999);
    assert.deepEqual([notifier.ended, notifier.expires], [false, 1]);
    clock.tick(1);
    assert.deepEqual([ends, notifier.ended, closed], [['expired'], true, 0]);
    assert.equal(asked(notifier, '100'), '481');
    await answered();
    assert.deepEqual([sent, closed, clock.pending], [['active;expires=300', 'terminated;reason=timeout'], 1, 0]);
    notifier.on('end', (reason) => ends.push(reason));
    assert.deepEqual(ends, ['expired', 'expired']);
  });

  it('lives on from each refresh, for no longer than was granted at first', async () => {
    const notifier = begin({ expires: 300 });
    await answered();
    clock.tick(200_000);
    assert.equal(asked(notifier, '86400'), '200 Expires: 300');
    await answered();
    clock.tick(200_000);
    assert.equal(notifier.ended, false);
    assert.equal(asked(notifier), '200 Expires: 300', 'without Expires what was granted at first');
    await answered();
    clock.tick(300_000);
    assert.equal(notifier.ended, true);
  });

  for (const [what, expires, event, answer] of [
    ['too short', '10', 'oma-push', '423 Min-Expires: 60'],
    ['no number', 'soon', 'oma-push', '400'],
    ['of another package', '100', 'reg', '489'],
    ['of another subscription', '100', 'oma-push;id=2', '489'],
    ['of a package that cannot be read', '100', 'oma-push;id="', '489'],
  ] as const)
    it(`refuses a refresh that is ${what}, and changes nothing`, async () => {
      const notifier = begin({ expires: 300, minExpires: 60 });
      await answered();
      assert.equal(asked(notifier, expires, event), answer);
      assert.deepEqual([notifier.ended, sent.length], [false, 1]);
      notifier.lost('test');
    });

  it('ends when its NOTIFY fails, and sends nothing that waited behind', async () => {
    const notifier = begin({ expires: 300 });
    await answered();
    const waiting = [notifier.notify(Buffer.from('a')), notifier.notify(Buffer.from('b'))];
    await answered('failed');
    assert.deepEqual(await Promise.all(waiting), ['failed', 'refused']);
    assert.deepEqual([sent.length, notifier.ended, closed, clock.pending], [2, true, 1, 0]);
    await notifier.end();
    assert.equal(sent.length, 2);
  });

  it('ends with a reason and a time to come again, behind what waits', async () => {
    const notifier = begin({ expires: 300 });
    void notifier.notify(Buffer.from('a'));
    const ended = notifier.end('probation', { retryAfter: 9 });
    for (let i = 0; i < 3; i++) await answered();
    await ended;
    assert.deepEqual(sent, ['active;expires=300', 'active;expires=300 a', 'terminated;reason=probation;retry-after=9']);
  });

  it('holds no more than a hundred NOTIFYs', async () => {
    const notifier = begin({ expires: 300 });
    const many = Array.from({ length: 200 }, () => notifier.notify());
    await flushed();
    assert.equal(await many[199], 'refused');
    assert.equal(sent.length, 1);
    notifier.lost('test');
    await answered();
    assert.ok((await Promise.all(many)).every((answer) => answer === 'refused'));
  });

  it('outlives what its user throws', async () => {
    const broken = (): never => {
      throw new Error('bug');
    };
    const notifier = begin({ expires: 300, current: broken });
    notifier.on('refresh', broken).on('end', broken);
    await answered();
    assert.equal(asked(notifier, '300'), '200 Expires: 300');
    await answered();
    clock.tick(300_000);
    await answered();
    assert.deepEqual([sent.length, errors.length, closed], [3, 4, 1]);
  });

  it('waits no longer than a timer can', () => {
    const notifier = begin({ expires: 4_294_967_295 });
    assert.equal(notifier.expires, 2_000_000);
    notifier.lost('test');
    assert.equal(clock.pending, 0);
  });
});
