import assert from 'node:assert/strict';
import { statusAnswer } from '../../../lib/engine/queries.ts';
import type { Recipient } from '../../../lib/model/push.ts';
import type { PushStatus } from '../../../lib/store/store.ts';

const T0 = Date.parse('2026-09-21T14:00:00Z');

const delivered = (user: string, eventTime: number): Recipient => ({
  push: 'k',
  index: 0,
  address: { text: user, aor: `sip:${user}@ims.test` },
  state: 'delivered',
  code: 1000,
  desc: 'OK',
  attempted: 'no',
  attempt: 1,
  offlineTries: 0,
  eventTime,
  deliveredBy: 'confirmed',
  attempts: [],
});

describe('the answer to a status query', () => {
  it('has one result for outcomes that PAP tells alike: its times have no fractions of a second', () => {
    const recipients = [delivered('alice', T0), delivered('bob', T0 + 999), delivered('carol', T0 + 1000)];
    const { results } = statusAnswer({ push: {}, recipients } as unknown as PushStatus, []);
    assert.deepEqual(
      results.map(({ addresses }) => addresses),
      [['alice', 'bob'], ['carol']],
    );
  });
});
