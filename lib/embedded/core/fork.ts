import { splitList } from '../../codec/sip/list.ts';
import type { SipHeaders, SipRequest, SipResponse } from '../../codec/sip/message.ts';
import { respondTo } from '../../codec/sip/respond-to.ts';
import type { HeaderField } from '../../model/push.ts';
import type {
  ClientTransactionListener,
  Hop,
  InviteTransaction,
  ServerTransaction,
  SipStack,
  TransactionFailure,
} from '../../stack/types.ts';

/** One way to a device. */
export interface Way {
  /** Request URI of the copy that goes there. */
  readonly uri: string;
  readonly hop: Hop;
}

/** One device: the ways to it, in the order they are tried while none can be sent on. Not empty. */
export type Branch = readonly Way[];

export interface ForkOptions {
  readonly stack: SipStack;
  readonly transaction: ServerTransaction;
  /** Header fields of every copy, without the Via that the stack puts on top of its own. */
  readonly headers: SipHeaders;
  /** Best first, at least one. */
  readonly branches: readonly Branch[];
  /** All at once, or one after the other until one takes it. */
  readonly parallel: boolean;
  /** Clock time by which it is answered. */
  readonly deadline: number;
  readonly onDone: (fork: Fork) => void;
}

/**
 * How a final response compares: lower is better. The 6xx first, then the lowest class; within 4xx those that tell the
 * caller what to do, and a 503 last (RFC 3261 section 16.7, step 6).
 */
export function rankOf(status: number): number {
  if (status >= 600) return 0;
  const rank = Math.floor(status / 100) * 10;
  if (TELLING.has(status)) return rank;
  return status === 503 ? rank + 9 : rank + 1;
}

const TELLING = new Set([401, 407, 415, 420, 484]);

/** Reasons for a failure that no element answered; a real answer of the same class is better. */
const LOCAL = 0.5;

/**
 * The response context of RFC 3261 section 16.7. For an INVITE as well: when one device has taken it, a device has refused it
 * for all, or the caller has given up, the others are cancelled. No dialog is followed: ACK and BYE go past this proxy.
 */
export class Fork {
  readonly #options: ForkOptions;
  readonly #waiting: Branch[];
  #open = 0;
  #best: SipResponse | undefined;
  #bestRank = Infinity;
  /** WWW-Authenticate and Proxy-Authenticate of the 401 and 407 that are not the best. */
  readonly #challenges: HeaderField[] = [];
  /** INVITEs that were sent on. */
  readonly #calls: InviteTransaction[] = [];
  #finished = false;

  constructor(options: ForkOptions) {
    this.#options = options;
    this.#waiting = [...options.branches];
    options.transaction.onCancel?.(() => this.#cancel());
  }

  get deadline(): number {
    return this.#options.deadline;
  }

  start(): void {
    if (this.#options.parallel) for (const branch of this.#waiting.splice(0)) this.#send(branch, 0);
    else this.#sendNext();
  }

  /** The deadline has come: devices that have not answered count as 408. */
  expire(): void {
    this.#cancel();
    this.#open = 0;
    this.#consider(respondTo(this.#options.transaction.request, 408), rankOf(408) + LOCAL);
  }

  #sendNext(): void {
    const branch = this.#waiting.shift();
    if (branch !== undefined) this.#send(branch, 0);
  }

  #send(branch: Branch, index: number): void {
    const { stack, transaction, headers } = this.#options;
    const way = branch[index];
    if (way === undefined) return;
    this.#open++;
    const request: SipRequest = { ...transaction.request, uri: way.uri, headers };
    const listener: ClientTransactionListener = {
      onResponse: (response) => this.#answered(response),
      onFailure: (failure) => this.#failed(branch, index, failure),
    };
    if (request.method === 'INVITE') this.#calls.push(stack.invite(request, way.hop, listener));
    else stack.request(request, way.hop, listener);
  }

  /** No device is to take it any more; those that ring answer 487. */
  #cancel(): void {
    this.#waiting.length = 0;
    for (const call of this.#calls.splice(0)) call.cancel();
  }

  #answered(response: SipResponse): void {
    const { status } = response;
    if (status === 100) return;
    removeTopVia(response.headers);
    if (status < 200) {
      if (!this.#finished) this.#options.transaction.respond(response);
      return;
    }
    // Every 2xx to an INVITE goes back, repeated ones and those of several devices: the caller sees to them (step 5).
    if (status < 300 && this.#finished && this.#options.transaction.request.method === 'INVITE')
      this.#options.transaction.respond(response);
    this.#open--;
    if (status < 300) this.#finish(response);
    else this.#consider(response, rankOf(status));
  }

  /**
   * Timer F counts as 408, and a device that cannot be reached as 480: the user has a registration and no way to it.
   * (Section 16.9 has 503 for the latter, which would slow down a caller for the sake of one lost connection.)
   */
  #failed(branch: Branch, index: number, failure: TransactionFailure): void {
    this.#open--;
    if (this.#finished) return;
    if (failure === 'transport' && index + 1 < branch.length) {
      this.#send(branch, index + 1);
      return;
    }
    const status = failure === 'timeout' ? 408 : 480;
    this.#consider(respondTo(this.#options.transaction.request, status), rankOf(status) + LOCAL);
  }

  #consider(response: SipResponse, rank: number): void {
    if (this.#finished) return;
    if (rank < this.#bestRank) {
      this.#best = response;
      this.#bestRank = rank;
    }
    if (response.status === 401 || response.status === 407) this.#challenges.push(...challengesOf(response));
    if (rank > 0) this.#sendNext();
    else this.#cancel();
    if (this.#open > 0 || this.#finished) return;
    this.#finish(forwardable(this.#best ?? response, this.#challenges));
  }

  #finish(response: SipResponse): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#cancel();
    this.#options.transaction.respond(response);
    this.#options.onDone(this);
  }
}

/** Step 6: a 503 tells of the element that sent it, not of this proxy. Step 7: every challenge goes back. */
function forwardable(response: SipResponse, challenges: readonly HeaderField[]): SipResponse {
  if (response.status === 503) return { ...response, status: 500, reason: 'Server Internal Error' };
  if (response.status === 401 || response.status === 407) {
    response.headers.remove('WWW-Authenticate').remove('Proxy-Authenticate');
    for (const { name, value } of challenges) response.headers.add(name, value);
  }
  return response;
}

function challengesOf({ headers }: SipResponse): HeaderField[] {
  return ['WWW-Authenticate', 'Proxy-Authenticate'].flatMap((name) =>
    headers.all(name).map((value) => ({ name, value })),
  );
}

/** Step 3: the topmost Via was this proxy's. Several may share one field. */
export function removeTopVia(headers: SipHeaders): void {
  const top = headers.get('Via');
  if (top === undefined) return;
  if (!top.includes(',')) headers.removeFirst('Via');
  else {
    const at = headers.fields.findIndex(({ value }) => value === top);
    const field = headers.fields[at];
    if (field !== undefined) headers.fields[at] = { name: field.name, value: splitList(top).slice(1).join(', ') };
  }
}
