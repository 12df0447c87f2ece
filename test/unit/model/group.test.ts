import assert from 'node:assert/strict';
import { namedRecipients, type RecipientAddress, successors } from '../../../lib/model/address.ts';
import { byAddress, type GroupMember, groupTexts, resultOfGroup } from '../../../lib/model/group.ts';
import type { RecipientState } from '../../../lib/model/states.ts';

const at = (text: string, user: string): RecipientAddress => ({ text, aor: `sip:${user}@ims.test` });
const one = (state: RecipientState, eventTime: number, deliveredBy: GroupMember['deliveredBy'] = 'unconfirmed') => ({
  state,
  eventTime,
  deliveredBy,
});

describe('a group', () => {
  it('is more than one recipient with the same text', () => {
    const recipients = [at('a', 'x'), at('b', 'y'), at('a', 'z')].map((address) => ({ address }));
    assert.deepEqual([...groupTexts(recipients)], ['a']);
    assert.deepEqual(
      byAddress(recipients).map((group) => group.map(({ address }) => address.aor.slice(4, 5)).join('')),
      ['xz', 'y'],
    );
  });

  for (const [what, members, expected] of [
    ['as long as one is open', [one('delivered', 9), one('pending', 3), one('sending', 5)], one('sending', 5)],
    ['over', [one('expired', 1), one('undeliverable', 2), one('aborted', 3)], one('aborted', 3)],
    ['taken back, when nobody has it', [one('aborted', 8), one('cancelled', 4)], one('cancelled', 8)],
    ['perhaps at one', [one('cancelled', 8), one('timeout', 4)], one('timeout', 8)],
    [
      'proven by one',
      [one('delivered', 1), one('delivered', 2, 'confirmed'), one('delivered', 3)],
      one('delivered', 3, 'confirmed'),
    ],
    ['the last of equals', [one('expired', 2), one('expired', 7), one('expired', 5)], one('expired', 7)],
  ] as const) {
    it(`is ${what}: ${expected.state} at ${expected.eventTime}`, () => {
      const [first, ...others] = members;
      assert.deepEqual(resultOfGroup([first, ...others]), expected);
    });
  }

  it('is named by its text and as a whole; others by any spelling', () => {
    const recipients = [at('g', 'x'), at('g', 'y'), at('z', 'z')].map((address) => ({ address }));
    const named = (...wanted: RecipientAddress[]): number[] =>
      namedRecipients(recipients, wanted).found.map((recipient) => recipients.indexOf(recipient));
    assert.deepEqual(named(), [0, 1, 2]);
    assert.deepEqual(named(at('g', 'whoever')), [0, 1]);
    assert.deepEqual(named(at('X', 'x')), []);
    assert.deepEqual(named(at('Z', 'z')), [2]);
    assert.deepEqual(named(at('new', 'z'), at('new', 'y')), [], 'members of another group are not asked about either');
  });

  it('hands over from member to member, else from all to all; others by any spelling', () => {
    const places = (to: RecipientAddress[], from: RecipientAddress[]): number[] => [...successors(to, from)];
    assert.deepEqual(places([at('g', 'x'), at('g', 'y')], [at('g', 'y'), at('g', 'w')]), [1]);
    assert.deepEqual(places([at('g', 'x'), at('g', 'y')], [at('g', 'v'), at('g', 'w')]), [0, 1]);
    assert.deepEqual(places([at('g', 'x'), at('g', 'y')], [at('g', 'y')]), [1], 'an alias that became a group');
    assert.deepEqual(places([at('g', 'x')], [at('g', 'v'), at('g', 'w')]), [0], 'a group that became an alias');
    assert.deepEqual(places([at('g', 'x'), at('g', 'y')], [at('X', 'x')]), []);
    assert.deepEqual(places([at('Z', 'z'), at('a', 'a')], [at('z', 'z')]), [0]);
    assert.deepEqual(places([at('Z', 'z')], []), []);
  });
});
