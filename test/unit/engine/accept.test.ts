import assert from 'node:assert/strict';
import { Events } from '../../../lib/base/events.ts';
import { silentLogger } from '../../../lib/base/log.ts';
import { accept } from '../../../lib/engine/accept.ts';
import { DEFAULT_LIMITS } from '../../../lib/engine/limits.ts';
import type { Submission } from '../../../lib/model/push.ts';
import { encodeAcceptance } from '../../../lib/store/sqlite/encode.ts';
import type { Acceptance } from '../../../lib/store/store.ts';
import { FakeClock } from '../../support/fake-clock.ts';

/** Required: a property that a submission gets one day has to stand here too. */
const FULL: Required<Submission> = {
  initiator: 'pi',
  pushId: '1@pi.example.com',
  recipients: [{ text: 'WAPPUSH=ann/TYPE=USER@ims.example.com', aor: 'sip:ann@ims.example.com' }],
  qos: { priority: 'high', deliveryMethod: 'unconfirmed', networkRequired: false, bearerRequired: false },
  deliverBefore: 4_000_000_000_000,
  deliverAfter: 3_000_000_000_000,
  sourceReference: 'ref',
  notifyUrl: 'http://pi.example.com/result',
  progressNotes: true,
  replaces: { pushId: '0@pi.example.com', method: 'all' },
  capabilities: {},
  papVersion: '2.0',
  content: { type: 'text/plain', headers: [{ name: 'X-Wap-Application-Id', value: 'mms.ua' }], body: Buffer.from('x') },
};

async function accepted(submission: Submission): Promise<Acceptance> {
  let told: Acceptance | undefined;
  const unused = (): never => assert.fail('nobody should be asked');
  await accept(submission, {
    store: {
      accept: async (acceptance) => {
        told = acceptance;
        return { accepted: false, reason: 'duplicate' };
      },
    },
    scheduler: { reserve: unused, release: unused, run: unused, dueAt: unused } as never,
    notifier: { kick: unused },
    subscribers: { find: () => undefined, covers: true } as never,
    bearers: [],
    clock: new FakeClock(),
    log: silentLogger,
    events: new Events(unused),
    limits: DEFAULT_LIMITS,
    newKey: () => 'key',
  });
  assert.ok(told !== undefined);
  return told;
}

describe('what is accepted', () => {
  it('is all that was submitted', async () => {
    const { recipients, ...rest } = FULL;
    const told = await accepted(FULL);
    const { key, acceptedAt, expiresAt, applicationId, ...push } = told.push;
    assert.deepEqual(push, rest);
    assert.deepEqual(
      { key, expiresAt, applicationId },
      { key: 'key', expiresAt: FULL.deliverBefore, applicationId: 'mms.ua' },
    );
    assert.equal(typeof acceptedAt, 'number');
    assert.deepEqual(told.recipients, recipients);
  });

  it('has nothing that was not', async () => {
    const { initiator, pushId, recipients, progressNotes, papVersion, content } = FULL;
    const { push } = await accepted({
      initiator,
      pushId,
      recipients,
      progressNotes,
      papVersion,
      content,
      deliverAfter: FULL.deliverAfter,
    });
    assert.deepEqual(Object.keys(push).sort(), [
      'acceptedAt',
      'applicationId',
      'content',
      'deliverAfter',
      'expiresAt',
      'initiator',
      'key',
      'papVersion',
      'progressNotes',
      'pushId',
    ]);
  });

  it('is written down with all that has no column of its own', async () => {
    const { push, recipients, due } = await accepted(FULL);
    const { key, initiator, pushId, acceptedAt, expiresAt, content, ...rest } = push;
    const operation = encodeAcceptance({ push, recipients, due });
    const [json] = operation.filter((value) => typeof value === 'string' && value.startsWith('{'));
    assert.deepEqual(JSON.parse(String(json)), rest);
    assert.deepEqual(
      [key, initiator, pushId, acceptedAt, expiresAt].filter((column) => !operation.includes(column)),
      [],
    );
    assert.ok(content !== undefined);
  });
});
