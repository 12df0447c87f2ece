import assert from 'node:assert/strict';
import { type ClientEvent, type ClientState, stepClient } from '../../../lib/stack/client-states.ts';
import { type ServerEvent, type ServerState, stepServer } from '../../../lib/stack/server-states.ts';

const CLIENT_STATES: ClientState[] = ['trying', 'proceeding', 'completed', 'terminated'];
const CLIENT_EVENTS: ClientEvent[] = ['provisional', 'final', 'timer-e', 'timer-f', 'timer-k', 'transport-error'];
const SERVER_STATES: ServerState[] = ['trying', 'proceeding', 'completed', 'terminated'];
const SERVER_EVENTS: ServerEvent[] = ['request', 'provisional', 'final', 'timer-j', 'timer-abandon', 'transport-error'];

describe('transaction states', () => {
  it('of the client go where figure 6 of RFC 3261 says', () => {
    const table = CLIENT_STATES.map((state) => CLIENT_EVENTS.map((event) => stepClient(state, event, false).state));
    assert.deepEqual(table, [
      ['proceeding', 'completed', 'trying', 'terminated', 'trying', 'terminated'],
      ['proceeding', 'completed', 'proceeding', 'terminated', 'proceeding', 'terminated'],
      ['completed', 'completed', 'completed', 'completed', 'terminated', 'completed'],
      ['terminated', 'terminated', 'terminated', 'terminated', 'terminated', 'terminated'],
    ]);
  });

  it('of the server go where figure 8 of RFC 3261 says', () => {
    const table = SERVER_STATES.map((state) => SERVER_EVENTS.map((event) => stepServer(state, event, false).state));
    assert.deepEqual(table, [
      ['trying', 'proceeding', 'completed', 'trying', 'terminated', 'terminated'],
      ['proceeding', 'proceeding', 'completed', 'proceeding', 'terminated', 'terminated'],
      ['completed', 'completed', 'completed', 'terminated', 'completed', 'terminated'],
      ['terminated', 'terminated', 'terminated', 'terminated', 'terminated', 'terminated'],
    ]);
  });

  it('that are left for good are forgotten exactly then', () => {
    for (const state of CLIENT_STATES.slice(0, 3))
      for (const event of CLIENT_EVENTS)
        for (const reliable of [true, false]) {
          const step = stepClient(state, event, reliable);
          assert.equal(step.actions.includes('forget'), step.state === 'terminated', `${state} ${event}`);
        }
    for (const state of SERVER_STATES.slice(0, 3))
      for (const event of SERVER_EVENTS)
        for (const reliable of [true, false]) {
          const step = stepServer(state, event, reliable);
          assert.equal(step.actions.includes('forget'), step.state === 'terminated', `${state} ${event}`);
        }
  });

  it('do nothing once terminated', () => {
    for (const event of CLIENT_EVENTS) assert.deepEqual(stepClient('terminated', event, true).actions, []);
    for (const event of SERVER_EVENTS) assert.deepEqual(stepServer('terminated', event, true).actions, []);
  });
});
