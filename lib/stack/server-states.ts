/** States of a non-INVITE server transaction (RFC 3261 figure 8). */
export type ServerState = 'trying' | 'proceeding' | 'completed' | 'terminated';

export type ServerEvent =
  /** A retransmission of the request. */
  | 'request'
  /** From the transaction user. */
  | 'provisional'
  | 'final'
  | 'timer-j'
  /** Nobody answered within 64*T1: the client's timer F has fired, an answer would meet no one. */
  | 'timer-abandon'
  | 'transport-error';

export type ServerAction =
  /** The response that the event brought; it becomes the one to repeat. */
  | 'send'
  /** The last response. */
  | 'send-again'
  | 'start-j'
  | 'forget';

export interface ServerStep {
  readonly state: ServerState;
  readonly actions: readonly ServerAction[];
}

const step = (state: ServerState, ...actions: ServerAction[]): ServerStep => ({ state, actions });

const STAY_TRYING = step('trying');
const STAY_PROCEEDING = step('proceeding');
const STAY_COMPLETED = step('completed');
const STAY_TERMINATED = step('terminated');
const PROVISIONAL = step('proceeding', 'send');
const REPEAT_PROVISIONAL = step('proceeding', 'send-again');
const FINAL = step('completed', 'send', 'start-j');
// Over a reliable transport timer J is zero: completed is passed through at once.
const FINAL_RELIABLE = step('terminated', 'send', 'forget');
const REPEAT_FINAL = step('completed', 'send-again');
const DONE = step('terminated', 'forget');

/** RFC 3261 section 17.2.2, "Trying": retransmissions are discarded, there is no response to repeat yet. */
function trying(event: ServerEvent, reliable: boolean): ServerStep {
  switch (event) {
    case 'provisional':
      return PROVISIONAL;
    case 'final':
      return reliable ? FINAL_RELIABLE : FINAL;
    case 'timer-abandon':
    case 'transport-error':
      return DONE;
    default:
      return STAY_TRYING;
  }
}

/** RFC 3261 section 17.2.2, "Proceeding": a retransmission gets the last provisional response. */
function proceeding(event: ServerEvent, reliable: boolean): ServerStep {
  switch (event) {
    case 'request':
      return REPEAT_PROVISIONAL;
    case 'provisional':
      return PROVISIONAL;
    case 'final':
      return reliable ? FINAL_RELIABLE : FINAL;
    case 'timer-abandon':
    case 'transport-error':
      return DONE;
    default:
      return STAY_PROCEEDING;
  }
}

/** RFC 3261 section 17.2.2, "Completed": a retransmission gets the final response; others from the user are discarded. */
function completed(event: ServerEvent): ServerStep {
  switch (event) {
    case 'request':
      return REPEAT_FINAL;
    case 'timer-j':
    case 'transport-error':
      return DONE;
    default:
      return STAY_COMPLETED;
  }
}

/** What follows from `event` in `state`; pure. */
export function stepServer(state: ServerState, event: ServerEvent, reliable: boolean): ServerStep {
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
