import type { Clock, TimerHandle } from '../../base/clock.ts';
import { PpgError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { canonicalName, type SipRequest } from '../../codec/sip/message.ts';
import { tagOf } from '../../codec/sip/name-addr.ts';
import { respondTo } from '../../codec/sip/respond-to.ts';
import { parseRequestUri } from '../../codec/sip/uri.ts';
import type { HeaderField } from '../../model/push.ts';
import type { ServerTransaction } from '../../stack/types.ts';
import type { Next, RequestLike, ResponseLike, SipHandler } from '../leg.ts';
import { guardedHandler } from '../safe-handler.ts';

/** A handler that has not answered by then never will; later the peer would not listen (timer F, 32 s). Milliseconds. */
const ANSWER_WITHIN = 25_000;

/** Methods that handlers may take outside dialogs. Calls are only made, never taken. */
const ALLOW = ['MESSAGE', 'OPTIONS', 'REGISTER', 'SUBSCRIBE', 'NOTIFY'];
const ALLOW_HEADER: HeaderField = { name: 'Allow', value: ALLOW.join(', ') };

/** Requests that only make sense within a dialog or transaction that is not here. */
const NEEDS_DIALOG = new Set(['BYE', 'CANCEL', 'PRACK', 'UPDATE', 'INFO']);

/** Known methods that are not done here: 405, while an unknown one is 501 (RFC 3261 sections 8.2.1 and 21.5.2). */
const NOT_HERE = new Set(['INVITE', 'REFER', 'PUBLISH']);

/** Made from the request, so that a handler's own cannot break the answer (RFC 3261 section 8.2.6.2). */
const COPIED = new Set(['via', 'from', 'to', 'call-id', 'cseq', 'content-length']);

/** Gives a request to a handler in drachtio's form and sees to it that it is answered. Never throws. */
export function receive(
  transaction: ServerTransaction,
  handler: SipHandler | undefined,
  toTag: string,
  clock: Clock,
  log: Logger,
): void {
  // An ACK here belongs to an INVITE that was refused; nobody waits for it.
  if (transaction.request.method === 'ACK') return;
  const response = new DirectResponse(transaction, toTag, clock);
  const next: Next = (error) => {
    if (response.finalResponseSent) return;
    if (error === undefined) response.refuse();
    else {
      log.error({ err: error, method: transaction.request.method }, 'a handler of a SIP request failed');
      response.send(500);
    }
  };
  const refusal = refusalOf(transaction.request);
  if (refusal !== undefined) response.send(refusal.status, { headers: refusal.headers });
  else if (handler !== undefined) guardedHandler(handler, log)(new DirectRequest(transaction), response, next);
  else if (tagOf(transaction.request.headers.get('To') ?? '') === undefined) response.send(500);
  else response.refuse();
}

interface Refusal {
  readonly status: number;
  readonly headers: Record<string, string>;
}

/** What a UAS refuses before it looks at what is wanted of it (RFC 3261 section 8.2.2); a CANCEL has no say of its own. */
function refusalOf({ method, uri, headers }: SipRequest): Refusal | undefined {
  try {
    parseRequestUri(uri);
  } catch (error) {
    return { status: error instanceof PpgError ? (error.sipStatus ?? 400) : 400, headers: {} };
  }
  if (method === 'CANCEL') return undefined;
  const within = tagOf(headers.get('To') ?? '') !== undefined;
  const unknown = optionsIn(headers.all('Require')).filter((option) => !within || !IN_DIALOG.has(option.toLowerCase()));
  return unknown.length === 0 ? undefined : { status: 420, headers: { Unsupported: unknown.join(', ') } };
}

/** Extensions that a request within a call may insist on; outside of one the gateway has none (RFC 4028, RFC 3262). */
const IN_DIALOG: ReadonlySet<string> = new Set(['timer', '100rel']);

const optionsIn = (values: readonly string[]): string[] =>
  values.flatMap((value) => value.split(',').flatMap((one) => (one.trim() === '' ? [] : [one.trim()])));

export class DirectRequest implements RequestLike {
  readonly method: string;
  readonly uri: string;
  readonly source_address: string;
  readonly source_port: number;
  readonly protocol: string;
  readonly rawBody: Buffer;
  readonly #transaction: ServerTransaction;

  constructor(transaction: ServerTransaction) {
    const { request, flow } = transaction;
    this.method = request.method;
    this.uri = request.uri;
    this.source_address = flow.host;
    this.source_port = flow.port;
    this.protocol = flow.protocol;
    this.rawBody = request.body;
    this.#transaction = transaction;
  }

  get body(): string {
    return this.rawBody.toString('latin1');
  }

  get(name: string): string | undefined {
    return this.#transaction.request.headers.get(name);
  }

  all(name: string): string[] {
    return [...this.#transaction.request.headers.all(name)];
  }

  has(name: string): boolean {
    return this.#transaction.request.headers.has(name);
  }
}

/** Its answer; the gateway makes dialogs of SUBSCRIBEs by the user agent below. */
export class DirectResponse implements ResponseLike {
  finalResponseSent = false;
  readonly #transaction: ServerTransaction;
  readonly #toTag: string;
  readonly #clock: Clock;
  readonly #timer: TimerHandle;
  readonly #listeners: ((result: { status: number }) => void)[] = [];

  constructor(transaction: ServerTransaction, toTag: string, clock: Clock) {
    this.#transaction = transaction;
    this.#toTag = toTag;
    this.#clock = clock;
    this.#timer = clock.setTimeout(() => this.send(500), ANSWER_WITHIN);
  }

  send(status: number, options: { headers?: Record<string, string>; body?: string } = {}): void {
    if (this.finalResponseSent) return;
    const headers = fieldsOf(options.headers);
    const body = options.body === undefined ? {} : { body: Buffer.from(options.body, 'utf8') };
    this.#transaction.respond(respondTo(this.#transaction.request, status, { toTag: this.#toTag, headers, ...body }));
    if (status >= 200) this.answeredElsewhere(status);
  }

  /** The final response has left by the transaction itself. */
  answeredElsewhere(status: number): void {
    this.finalResponseSent = true;
    this.#clock.clearTimeout(this.#timer);
    for (const listener of this.#listeners) listener({ status });
  }

  once(_event: 'end', listener: (result: { status: number }) => void): void {
    this.#listeners.push(listener);
  }

  /** No handler wanted the request. */
  refuse(): void {
    const { method, headers } = this.#transaction.request;
    const allow = { headers: { [ALLOW_HEADER.name]: ALLOW_HEADER.value } };
    if (NOT_HERE.has(method)) this.send(405, allow);
    else if (NEEDS_DIALOG.has(method) || tagOf(headers.get('To') ?? '') !== undefined) this.send(481);
    else if (ALLOW.includes(method)) this.send(404);
    else this.send(501, allow);
  }
}

function fieldsOf(headers: Record<string, string> | undefined): HeaderField[] {
  if (headers === undefined) return [];
  return Object.entries(headers)
    .filter(([name]) => !COPIED.has(canonicalName(name)))
    .map(([name, value]) => ({ name, value: String(value) }));
}
