/** States of an INVITE client transaction (RFC 3261 figure 5 as RFC 6026 section 7.2 changes it). */
export type InviteClientState = 'calling' | 'proceeding' | 'accepted' | 'completed' | 'terminated';

export type InviteClientEvent =
  | 'provisional'
  /** 2xx */
  | 'success'
  /** 300 to 699 */
  | 'failure'
  | 'timer-a'
  | 'timer-b'
  | 'timer-d'
  | 'timer-m'
  /** No final response within 64*T1 of the CANCEL (RFC 3261 section 9.1). */
  | 'timer-cancelled'
  | 'transport-error';

export type InviteClientAction =
  | 'send'
  /** Timer A again, at twice its interval, without a bound (RFC 3261 section 17.1.1.2). */
  | 'restart-a-doubled'
  | 'stop-timers'
  /** Nothing more is repeated and no failure awaited: the peer has shown itself. */
  | 'stop-a-and-b'
  | 'start-d'
  | 'start-m'
  /** The ACK to a response other than 2xx (RFC 3261 section 17.1.1.3). */
  | 'send-ack'
  | 'pass-to-user'
  | 'fail-timeout'
  | 'fail-transport'
  | 'forget';

export interface InviteClientStep {
  readonly state: InviteClientState;
  readonly actions: readonly InviteClientAction[];
}

const step = (state: InviteClientState, ...actions: InviteClientAction[]): InviteClientStep => ({ state, actions });

const STAY_CALLING = step('calling');
const RETRY = step('calling', 'send', 'restart-a-doubled');
const PROVISIONAL = step('proceeding', 'stop-a-and-b', 'pass-to-user');
const STAY_PROCEEDING = step('proceeding');
const MORE_PROVISIONAL = step('proceeding', 'pass-to-user');
const SUCCESS = step('accepted', 'stop-timers', 'start-m', 'pass-to-user');
const FAILURE = step('completed', 'stop-timers', 'send-ack', 'start-d', 'pass-to-user');
// Over a reliable transport timer D is zero: completed is passed through at once.
const FAILURE_RELIABLE = step('terminated', 'stop-timers', 'send-ack', 'forget', 'pass-to-user');
const TIMED_OUT = step('terminated', 'stop-timers', 'forget', 'fail-timeout');
const TRANSPORT_FAILED = step('terminated', 'stop-timers', 'forget', 'fail-transport');
const STAY_COMPLETED = step('completed');
const ACK_AGAIN = step('completed', 'send-ack');
const STAY_ACCEPTED = step('accepted');
const ANOTHER_SUCCESS = step('accepted', 'pass-to-user');
const DONE = step('terminated', 'stop-timers', 'forget');
const STAY_TERMINATED = step('terminated');

/** RFC 3261 section 17.1.1.2, "Calling". */
function calling(event: InviteClientEvent, reliable: boolean): InviteClientStep {
  switch (event) {
    case 'timer-a':
      return RETRY;
    case 'timer-b':
      return TIMED_OUT;
    case 'transport-error':
      return TRANSPORT_FAILED;
    case 'provisional':
      return PROVISIONAL;
    case 'success':
      return SUCCESS;
    case 'failure':
      return reliable ? FAILURE_RELIABLE : FAILURE;
    default:
      return STAY_CALLING;
  }
}

/** RFC 3261 section 17.1.1.2, "Proceeding": as long as the user wants; only a CANCEL puts an end to the wait. */
function proceeding(event: InviteClientEvent, reliable: boolean): InviteClientStep {
  switch (event) {
    case 'provisional':
      return MORE_PROVISIONAL;
    case 'success':
      return SUCCESS;
    case 'failure':
      return reliable ? FAILURE_RELIABLE : FAILURE;
    case 'timer-cancelled':
      return TIMED_OUT;
    case 'transport-error':
      return TRANSPORT_FAILED;
    default:
      return STAY_PROCEEDING;
  }
}

/** RFC 3261 section 17.1.1.2, "Completed": a repeated response gets its ACK again. */
function completed(event: InviteClientEvent): InviteClientStep {
  switch (event) {
    case 'failure':
      return ACK_AGAIN;
    case 'timer-d':
    case 'transport-error':
      return DONE;
    default:
      return STAY_COMPLETED;
  }
}

/** RFC 6026 section 8.4, "Accepted": every 2xx, repeated or of another branch of a fork, goes to the user. */
function accepted(event: InviteClientEvent): InviteClientStep {
  switch (event) {
    case 'success':
      return ANOTHER_SUCCESS;
    case 'timer-m':
      return DONE;
    default:
      return STAY_ACCEPTED;
  }
}

/** What follows from `event` in `state`; pure. */
export function stepInviteClient(
  state: InviteClientState,
  event: InviteClientEvent,
  reliable: boolean,
): InviteClientStep {
  switch (state) {
    case 'calling':
      return calling(event, reliable);
    case 'proceeding':
      return proceeding(event, reliable);
    case 'completed':
      return completed(event);
    case 'accepted':
      return accepted(event);
    case 'terminated':
      return STAY_TERMINATED;
  }
}
