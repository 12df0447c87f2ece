/** States of an INVITE server transaction (RFC 3261 figure 7 as RFC 6026 section 7.1 changes it). */
export type InviteServerState = 'proceeding' | 'accepted' | 'completed' | 'confirmed' | 'terminated';

export type InviteServerEvent =
  /** A retransmission of the INVITE. */
  | 'request'
  /** From the transaction user. */
  | 'provisional'
  /** 2xx */
  | 'success'
  /** 300 to 699 */
  | 'failure'
  | 'ack'
  /** The user has not answered within 200 ms. */
  | 'timer-trying'
  /** The user has said nothing for so long that he never will. */
  | 'timer-abandon'
  | 'timer-g'
  | 'timer-h'
  | 'timer-i'
  | 'timer-l'
  /** The stack stops. */
  | 'stop';

export type InviteServerAction =
  /** The response that the event brought; it becomes the one to repeat. */
  | 'send'
  /** The last response. */
  | 'send-again'
  | 'send-trying'
  /** 500 in the user's stead. */
  | 'send-abandoned'
  | 'restart-abandon'
  | 'start-g'
  /** Timer G again, at twice its interval but no more than T2. */
  | 'restart-g-doubled'
  | 'start-h'
  | 'start-i'
  | 'start-l'
  | 'stop-timers'
  | 'forget';

export interface InviteServerStep {
  readonly state: InviteServerState;
  readonly actions: readonly InviteServerAction[];
}

const step = (state: InviteServerState, ...actions: InviteServerAction[]): InviteServerStep => ({ state, actions });

const STAY_PROCEEDING = step('proceeding');
const REPEAT_PROVISIONAL = step('proceeding', 'send-again');
const PROVISIONAL = step('proceeding', 'send', 'restart-abandon');
const TRYING = step('proceeding', 'send-trying');
const SUCCESS = step('accepted', 'stop-timers', 'send', 'start-l');
const FAILURE = step('completed', 'stop-timers', 'send', 'start-g', 'start-h');
// Over a reliable transport nothing is repeated, and the ACK is awaited all the same.
const FAILURE_RELIABLE = step('completed', 'stop-timers', 'send', 'start-h');
const ABANDONED = step('completed', 'stop-timers', 'send-abandoned', 'start-g', 'start-h');
const ABANDONED_RELIABLE = step('completed', 'stop-timers', 'send-abandoned', 'start-h');
const STAY_COMPLETED = step('completed');
const REPEAT_FINAL = step('completed', 'send-again');
const REPEAT_BY_TIMER = step('completed', 'send-again', 'restart-g-doubled');
const CONFIRMED = step('confirmed', 'stop-timers', 'start-i');
const STAY_CONFIRMED = step('confirmed');
const STAY_ACCEPTED = step('accepted');
const SUCCESS_AGAIN = step('accepted', 'send');
const DONE = step('terminated', 'stop-timers', 'forget');
const STAY_TERMINATED = step('terminated');

/** RFC 3261 section 17.2.1, "Proceeding": a retransmission gets the last provisional response. */
function proceeding(event: InviteServerEvent, reliable: boolean): InviteServerStep {
  switch (event) {
    case 'request':
      return REPEAT_PROVISIONAL;
    case 'provisional':
      return PROVISIONAL;
    case 'success':
      return SUCCESS;
    case 'failure':
      return reliable ? FAILURE_RELIABLE : FAILURE;
    case 'timer-trying':
      return TRYING;
    case 'timer-abandon':
      return reliable ? ABANDONED_RELIABLE : ABANDONED;
    case 'stop':
      return DONE;
    default:
      return STAY_PROCEEDING;
  }
}

/** RFC 3261 section 17.2.1, "Completed": the response is repeated until its ACK comes. */
function completed(event: InviteServerEvent, reliable: boolean): InviteServerStep {
  switch (event) {
    case 'request':
      return REPEAT_FINAL;
    case 'timer-g':
      return REPEAT_BY_TIMER;
    case 'ack':
      // Timer I is zero over a reliable transport.
      return reliable ? DONE : CONFIRMED;
    case 'timer-h':
    case 'stop':
      return DONE;
    default:
      return STAY_COMPLETED;
  }
}

/** RFC 3261 section 17.2.1, "Confirmed": absorbs repeated ACKs until timer I. */
function confirmed(event: InviteServerEvent): InviteServerStep {
  return event === 'timer-i' || event === 'stop' ? DONE : STAY_CONFIRMED;
}

/** RFC 6026 section 8.7, "Accepted": absorbs the INVITE; repeating the 2xx is the user's business. */
function accepted(event: InviteServerEvent): InviteServerStep {
  switch (event) {
    case 'success':
      return SUCCESS_AGAIN;
    case 'timer-l':
    case 'stop':
      return DONE;
    default:
      return STAY_ACCEPTED;
  }
}

/** What follows from `event` in `state`; pure. */
export function stepInviteServer(
  state: InviteServerState,
  event: InviteServerEvent,
  reliable: boolean,
): InviteServerStep {
  switch (state) {
    case 'proceeding':
      return proceeding(event, reliable);
    case 'completed':
      return completed(event, reliable);
    case 'confirmed':
      return confirmed(event);
    case 'accepted':
      return accepted(event);
    case 'terminated':
      return STAY_TERMINATED;
  }
}
