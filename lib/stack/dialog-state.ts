import { randomInt } from 'node:crypto';
import { PpgError } from '../base/errors.ts';
import { parseCSeq } from '../codec/sip/cseq.ts';
import { SipHeaders, type SipRequest, type SipResponse } from '../codec/sip/message.ts';
import { tagOf } from '../codec/sip/name-addr.ts';
import type { HeaderField } from '../model/push.ts';
import { contactUri, type Routing, recordedRoute, routingOf } from './route-set.ts';

/** What a caller adds to a request or response within a dialog. */
export interface MessageParts {
  readonly headers?: readonly HeaderField[];
  readonly body?: Buffer;
}

/** Headers that the dialog writes itself. */
const DIALOGS_OWN = /^(?:via|v|from|f|to|t|call-id|i|cseq|route|max-forwards|content-length|l)$/i;

/** Requests whose 2xx and themselves change the remote target (RFC 3261 section 6, RFC 3311, RFC 6665 section 4.4.1). */
const TARGET_REFRESH = new Set(['INVITE', 'UPDATE', 'SUBSCRIBE', 'NOTIFY', 'REFER']);

const NO_BODY = Buffer.alloc(0);

const tagIn = (value: string | undefined): string => tagOf(value ?? '') ?? '';

/** Dialogs are told apart by Call-ID, local and remote tag (RFC 3261 section 12). */
export const dialogKey = (callId: string, localTag: string, remoteTag: string): string =>
  `${callId}\n${localTag}\n${remoteTag}`;

/** The key of the dialog that a request coming in names. Throws PPG_E_SIP_SYNTAX. */
export const keyOfInbound = ({ headers }: SipRequest): string =>
  dialogKey(headers.get('Call-ID') ?? '', tagIn(headers.get('To')), tagIn(headers.get('From')));

interface Beginning {
  readonly callId: string;
  /** From of the requests that we send, with its tag; To likewise. */
  readonly local: string;
  readonly remote: string;
  readonly target: string | undefined;
  readonly routeSet: readonly string[];
  readonly localCSeq: number;
  readonly remoteCSeq: number | undefined;
}

/** What both ends of a dialog remember (RFC 3261 section 12.1), and the requests that follow from it. No I/O. */
export class DialogState {
  readonly key: string;
  readonly callId: string;
  readonly localTag: string;
  readonly remoteTag: string;
  readonly #local: string;
  readonly #remote: string;
  #target: string;
  #routeSet: readonly string[];
  #localCSeq: number;
  #remoteCSeq: number | undefined;

  constructor({ callId, local, remote, target, routeSet, localCSeq, remoteCSeq }: Beginning) {
    if (target === undefined) throw new PpgError('PPG_E_SIP_SYNTAX', 'no Contact to make a dialog of');
    this.callId = callId;
    this.localTag = tagIn(local);
    this.remoteTag = tagIn(remote);
    this.key = dialogKey(callId, this.localTag, this.remoteTag);
    this.#local = local;
    this.#remote = remote;
    this.#target = target;
    this.#routeSet = routeSet;
    this.#localCSeq = localCSeq;
    this.#remoteCSeq = remoteCSeq;
  }

  /** RFC 3261 section 12.1.2: of a request that we sent, and a response with a To tag. Throws PPG_E_SIP_SYNTAX. */
  static asClient({ headers, uri }: SipRequest, response: SipResponse): DialogState {
    return new DialogState({
      callId: headers.get('Call-ID') ?? '',
      local: headers.get('From') ?? '',
      remote: response.headers.get('To') ?? '',
      // A provisional response may leave its Contact out, and a 2xx that does so must be acknowledged all the same.
      target: contactUri(response.headers) ?? uri,
      routeSet: recordedRoute(response.headers).reverse(),
      localCSeq: parseCSeq(headers.get('CSeq') ?? '').number,
      remoteCSeq: undefined,
    });
  }

  /** RFC 3261 section 12.1.1: of a request that came in. Throws PPG_E_SIP_SYNTAX. */
  static asServer({ headers }: SipRequest, localTag: string): DialogState {
    const to = headers.get('To') ?? '';
    return new DialogState({
      callId: headers.get('Call-ID') ?? '',
      local: tagOf(to) === undefined ? `${to};tag=${localTag}` : to,
      remote: headers.get('From') ?? '',
      target: contactUri(headers),
      routeSet: recordedRoute(headers),
      localCSeq: randomInt(1, 2 ** 16), // any number below 2^31 will do (section 12.2.1.1)
      remoteCSeq: parseCSeq(headers.get('CSeq') ?? '').number,
    });
  }

  /**
   * RFC 6665 section 4.4.1: of a NOTIFY that came before the 2xx to the request it belongs to, whose CSeq had `localCSeq`.
   * The NOTIFY itself is still to be received. Throws PPG_E_SIP_SYNTAX.
   */
  static asNotified({ headers }: SipRequest, localCSeq: number): DialogState {
    return new DialogState({
      callId: headers.get('Call-ID') ?? '',
      local: headers.get('To') ?? '',
      remote: headers.get('From') ?? '',
      target: contactUri(headers),
      routeSet: recordedRoute(headers),
      localCSeq,
      remoteCSeq: undefined,
    });
  }

  get remoteTarget(): string {
    return this.#target;
  }

  get routeSet(): readonly string[] {
    return this.#routeSet;
  }

  /** RFC 3261 section 13.2.2.4: the 2xx decides the route set that a provisional response began with. */
  confirm(response: SipResponse): void {
    this.#routeSet = recordedRoute(response.headers).reverse();
    this.#target = contactUri(response.headers) ?? this.#target;
  }

  /** RFC 3261 section 12.2: the target moves, the route set never does. A response's Contact may be no SIP URI: it stays. */
  refreshTarget(method: string, headers: SipHeaders): void {
    if (!TARGET_REFRESH.has(method)) return;
    try {
      this.#target = contactUri(headers) ?? this.#target;
    } catch {
      // Who cannot be read is reached where he was.
    }
  }

  /**
   * RFC 3261 section 12.2.2: false for a request that is older than one that came before; ACK and CANCEL are not asked.
   * Throws PPG_E_SIP_SYNTAX for one whose CSeq or Contact cannot be read.
   */
  admits({ method, headers }: SipRequest): boolean {
    const { number } = parseCSeq(headers.get('CSeq') ?? '');
    if (TARGET_REFRESH.has(method)) contactUri(headers);
    if (this.#remoteCSeq !== undefined && number <= this.#remoteCSeq) return false;
    this.#remoteCSeq = number;
    return true;
  }

  get routing(): Routing {
    return routingOf(this.#target, this.#routeSet);
  }

  /** The next request of ours (RFC 3261 section 12.2.1.1). */
  request(method: string, parts: MessageParts, contact: string | undefined): SipRequest {
    return this.#request(method, ++this.#localCSeq, parts, contact);
  }

  /** RFC 3261 section 13.2.2.4: the ACK to a 2xx has the number of its INVITE. */
  ack(number: number, parts: MessageParts): SipRequest {
    return this.#request('ACK', number, parts, undefined);
  }

  #request(method: string, number: number, parts: MessageParts, contact: string | undefined): SipRequest {
    const { uri, routes } = this.routing;
    const headers = new SipHeaders([
      { name: 'Max-Forwards', value: '70' },
      ...routes,
      { name: 'From', value: this.#local },
      { name: 'To', value: this.#remote },
      { name: 'Call-ID', value: this.callId },
      { name: 'CSeq', value: `${number} ${method}` },
    ]);
    for (const field of parts.headers ?? []) if (!DIALOGS_OWN.test(field.name)) headers.fields.push(field);
    if (contact !== undefined && TARGET_REFRESH.has(method) && !headers.has('Contact'))
      headers.add('Contact', `<${contact}>`);
    return { kind: 'request', method, uri, headers, body: parts.body ?? NO_BODY };
  }
}
