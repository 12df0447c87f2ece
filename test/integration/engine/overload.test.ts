import assert from 'node:assert/strict';
import type { DeliveryResult } from '../../../lib/model/delivery.ts';
import { DELIVERED, EngineBench } from '../../support/engine.ts';
import { settle } from '../../support/fake-clock.ts';
import { address, submission } from '../../support/model.ts';

/** A 503 from the network, as the bearer reads it. */
const busy = (after?: number): DeliveryResult => ({
  kind: 'retry',
  why: 'overload',
  scope: 'recipient',
  code: 4001,
  cause: 'sip 503',
  ...(after !== undefined && { after }),
});

describe('a core that is overloaded', () => {
  let bench: EngineBench;
  beforeEach(async () => {
    bench = new EngineBench();
    await bench.engine.start();
  });
  afterEach(() => bench.engine.stop());

  const push = async (user: string): Promise<void> => {
    await bench.engine.submit(submission({ pushId: user, recipients: [address(user)] }));
    await settle();
  };

  it('is left alone by the one recipient it speaks of, for as long as it asks; others go on', async () => {
    bench.bearer.answer = ({ push: { pushId } }) => (pushId === 'alice' ? busy(30_000) : DELIVERED);
    await push('alice');
    await push('bob');
    await bench.clock.advance(29_000);
    assert.deepEqual(bench.bearer.sent, ['alice', 'bob']);
    bench.bearer.answer = () => DELIVERED;
    await bench.clock.advance(2000);
    assert.deepEqual(bench.bearer.sent, ['alice', 'bob', 'alice']);
  });

  it('is left alone by everybody once it says so of several; nothing that was accepted meanwhile is lost', async () => {
    const users = ['a', 'b', 'c', 'd', 'e'];
    bench.bearer.answer = () => busy(10_000);
    for (const user of users) await push(user);
    bench.bearer.answer = () => DELIVERED;
    await push('later');
    await bench.clock.advance(9000);
    assert.deepEqual(bench.bearer.sent, users);
    await bench.clock.advance(3000);
    assert.deepEqual(bench.bearer.sent.slice(5).sort(), [...users, 'later']);
  });
});
