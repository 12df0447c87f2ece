import assert from 'node:assert/strict';
import {
  type InviteClientEvent,
  type InviteClientState,
  stepInviteClient,
} from '../../../lib/stack/invite-client-states.ts';
import {
  type InviteServerEvent,
  type InviteServerState,
  stepInviteServer,
} from '../../../lib/stack/invite-server-states.ts';

const CLIENT_STATES: InviteClientState[] = ['calling', 'proceeding', 'completed', 'accepted', 'terminated'];
const CLIENT_EVENTS: InviteClientEvent[] = [
  ...(['provisional', 'success', 'failure'] as const),
  ...(['timer-a', 'timer-b', 'timer-d', 'timer-m', 'timer-cancelled', 'transport-error'] as const),
];
const SERVER_STATES: InviteServerState[] = ['proceeding', 'completed', 'confirmed', 'accepted', 'terminated'];
const SERVER_EVENTS: InviteServerEvent[] = [
  ...(['request', 'provisional', 'success', 'failure', 'ack'] as const),
  ...(['timer-trying', 'timer-abandon', 'timer-g', 'timer-h', 'timer-i', 'timer-l', 'stop'] as const),
];

const LETTER = { calling: 'c', proceeding: 'p', completed: 'C', confirmed: 'f', accepted: 'A', terminated: '-' };

/** One letter for each event: the state that follows. */
const clientRow = (state: InviteClientState, reliable: boolean): string =>
  CLIENT_EVENTS.map((event) => LETTER[stepInviteClient(state, event, reliable).state]).join('');
const serverRow = (state: InviteServerState, reliable: boolean): string =>
  SERVER_EVENTS.map((event) => LETTER[stepInviteServer(state, event, reliable).state]).join('');

describe('INVITE transaction states', () => {
  it('of the client go where figure 5 of RFC 3261 with RFC 6026 says', () => {
    //                                                                    psf abdmct
    assert.deepEqual(
      CLIENT_STATES.map((state) => clientRow(state, false)),
      ['pACc-ccc-', 'pACpppp--', 'CCCCC-CC-', 'AAAAAA-AA', '---------'],
    );
    assert.deepEqual(
      CLIENT_STATES.map((state) => clientRow(state, true)),
      ['pA-c-ccc-', 'pA-pppp--', 'CCCCC-CC-', 'AAAAAA-AA', '---------'],
    );
  });

  it('of the server go where figure 7 of RFC 3261 with RFC 6026 says', () => {
    assert.deepEqual(
      SERVER_STATES.map((state) => serverRow(state, false)),
      ['ppACppCpppp-', 'CCCCfCCC-CC-', 'fffffffff-f-', 'AAAAAAAAAA--', '------------'],
    );
    assert.deepEqual(
      SERVER_STATES.map((state) => serverRow(state, true)),
      ['ppACppCpppp-', 'CCCC-CCC-CC-', 'fffffffff-f-', 'AAAAAAAAAA--', '------------'],
    );
  });

  it('that are left for good are forgotten exactly then, and nothing is done afterwards', () => {
    for (const reliable of [true, false]) {
      for (const state of CLIENT_STATES)
        for (const event of CLIENT_EVENTS) {
          const step = stepInviteClient(state, event, reliable);
          const forgets = step.state === 'terminated' && state !== 'terminated';
          assert.equal(step.actions.includes('forget'), forgets, `${state} ${event}`);
          if (state === 'terminated') assert.deepEqual(step.actions, []);
        }
      for (const state of SERVER_STATES)
        for (const event of SERVER_EVENTS) {
          const step = stepInviteServer(state, event, reliable);
          const forgets = step.state === 'terminated' && state !== 'terminated';
          assert.equal(step.actions.includes('forget'), forgets, `${state} ${event}`);
          if (state === 'terminated') assert.deepEqual(step.actions, []);
        }
    }
  });

  it('answer only a refusal with an ACK, and every 2xx goes to the user', () => {
    for (const state of CLIENT_STATES.slice(0, 4)) {
      assert.equal(stepInviteClient(state, 'success', false).actions.includes('send-ack'), false);
      assert.equal(stepInviteClient(state, 'success', false).actions.includes('pass-to-user'), state !== 'completed');
      assert.equal(stepInviteClient(state, 'failure', false).actions.includes('send-ack'), state !== 'accepted');
    }
  });
});
