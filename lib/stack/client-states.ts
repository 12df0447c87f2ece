/** States of a non-INVITE client transaction (RFC 3261 figure 6). */
export type ClientState = 'trying' | 'proceeding' | 'completed' | 'terminated';

export type ClientEvent = 'provisional' | 'final' | 'timer-e' | 'timer-f' | 'timer-k' | 'transport-error';

export type ClientAction =
  | 'send'
  /** Timer E again, at twice its interval but no more than T2. */
  | 'restart-e-doubled'
  /** Timer E again, at T2. */
  | 'restart-e-at-t2'
  | 'stop-e-and-f'
  | 'start-k'
  | 'pass-to-user'
  | 'fail-timeout'
  | 'fail-transport'
  | 'forget';

export interface ClientStep {
  readonly state: ClientState;
  readonly actions: readonly ClientAction[];
}

const step = (state: ClientState, ...actions: ClientAction[]): ClientStep => ({ state, actions });

// Steps are made once: a transition allocates nothing. The user is told last, so that his error leaves nothing undone.
const STAY_TRYING = step('trying');
const RETRY_IN_TRYING = step('trying', 'send', 'restart-e-doubled');
const PROVISIONAL = step('proceeding', 'pass-to-user');
const STAY_PROCEEDING = step('proceeding');
const RETRY_IN_PROCEEDING = step('proceeding', 'send', 'restart-e-at-t2');
const FINAL = step('completed', 'stop-e-and-f', 'start-k', 'pass-to-user');
// Over a reliable transport timer K is zero: completed is passed through at once.
const FINAL_RELIABLE = step('terminated', 'stop-e-and-f', 'forget', 'pass-to-user');
const TIMED_OUT = step('terminated', 'stop-e-and-f', 'forget', 'fail-timeout');
const TRANSPORT_FAILED = step('terminated', 'stop-e-and-f', 'forget', 'fail-transport');
const STAY_COMPLETED = step('completed');
const DONE = step('terminated', 'forget');
const STAY_TERMINATED = step('terminated');

/** RFC 3261 section 17.1.2.2, "Trying". */
function trying(event: ClientEvent, reliable: boolean): ClientStep {
  switch (event) {
    case 'timer-e':
      return RETRY_IN_TRYING;
    case 'timer-f':
      return TIMED_OUT;
    case 'transport-error':
      return TRANSPORT_FAILED;
    case 'provisional':
      return PROVISIONAL;
    case 'final':
      return reliable ? FINAL_RELIABLE : FINAL;
    default:
      return STAY_TRYING;
  }
}

/** RFC 3261 section 17.1.2.2, "Proceeding": timer E goes on, always at T2. */
function proceeding(event: ClientEvent, reliable: boolean): ClientStep {
  switch (event) {
    case 'timer-e':
      return RETRY_IN_PROCEEDING;
    case 'timer-f':
      return TIMED_OUT;
    case 'transport-error':
      return TRANSPORT_FAILED;
    case 'provisional':
      return PROVISIONAL;
    case 'final':
      return reliable ? FINAL_RELIABLE : FINAL;
    default:
      return STAY_PROCEEDING;
  }
}

/** RFC 3261 section 17.1.2.2, "Completed": holds the transaction to absorb repeated responses until timer K. */
function completed(event: ClientEvent): ClientStep {
  return event === 'timer-k' ? DONE : STAY_COMPLETED;
}

/** What follows from `event` in `state`; pure. */
export function stepClient(state: ClientState, event: ClientEvent, reliable: boolean): ClientStep {
  switch (state) {
    case 'trying':
      return trying(event, reliable);
    case 'proceeding':
      return proceeding(event, reliable);
    case 'completed':
      return completed(event);
    case 'terminated':
      return STAY_TERMINATED;
  }
}
