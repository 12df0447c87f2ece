import { type CSeq, parseCSeq } from '../codec/sip/cseq.ts';
import { splitList } from '../codec/sip/list.ts';
import type { SipHeaders, SipRequest } from '../codec/sip/message.ts';
import { parseNameAddr } from '../codec/sip/name-addr.ts';
import { paramOf } from '../codec/sip/params.ts';
import { syntaxError } from '../codec/sip/syntax.ts';
import { formatVia, parseVia, type Via } from '../codec/sip/via.ts';
import type { Origin } from './transport.ts';
import type { Flow, Protocol } from './types.ts';

/** RFC 3261 section 19.1.2. */
export const DEFAULT_SIP_PORT = 5060;
export const DEFAULT_SIPS_PORT = 5061;

/** RFC 3261 section 18.1.1, RFC 7118 section 5.1. */
const DEFAULT_PORTS: Readonly<Record<Protocol, number>> = {
  udp: DEFAULT_SIP_PORT,
  tcp: DEFAULT_SIP_PORT,
  tls: DEFAULT_SIPS_PORT,
  ws: 80,
  wss: 443,
};

/** The port of an address that names none. */
export const defaultPort = (protocol: Protocol): number => DEFAULT_PORTS[protocol];

/** Headers that a request has exactly once (RFC 3261 section 8.1.1); Max-Forwards may be missing (RFC 2543). */
const ONCE = ['From', 'To', 'Call-ID', 'CSeq'];

/** The topmost Via, and where a response to it goes. */
export interface TopVia {
  /** As the peer wrote it. */
  readonly via: Via;
  /**
   * The peer's port: its source port if it asked by rport over UDP (RFC 3581 section 4), else that of sent-by. A stream
   * needs it only when it is gone, and then the source port with it (RFC 3261 section 18.2.2).
   */
  readonly port: number;
}

/** The topmost Via element; throws PPG_E_SIP_SYNTAX. */
export function topViaOf(headers: SipHeaders): Via {
  const value = headers.get('Via');
  if (value === undefined) throw syntaxError('no Via');
  return parseVia(value.includes(',') ? (splitList(value)[0] ?? '') : value);
}

/**
 * Notes in the topmost Via where the request really came from (RFC 3261 section 18.2.1, RFC 3581 section 4). What the
 * peer wrote into received or rport himself is not believed. Throws PPG_E_SIP_SYNTAX.
 */
export function stampTopVia(headers: SipHeaders, flow: Flow): TopVia {
  const via = topViaOf(headers);
  const rport = paramOf(via.params, 'rport') !== undefined;
  const port = rport && flow.protocol === 'udp' ? flow.port : (via.port ?? defaultPort(flow.protocol));
  if (!rport && via.host === flow.host && paramOf(via.params, 'received') === undefined) return { via, port };
  const params = via.params.filter(({ name }) => !/^(?:rport|received)$/i.test(name));
  params.push({ name: 'received', value: flow.host });
  if (rport) params.push({ name: 'rport', value: String(flow.port) });
  replaceTopVia(headers, formatVia({ ...via, params }));
  return { via, port };
}

/** RFC 5923 section 8.2: the peer offers its TLS connection for requests to the address that its Via names. */
export function noteAlias(via: Via, { flow, endpoint }: Origin): void {
  if (flow.protocol !== 'tls' || paramOf(via.params, 'alias') === undefined) return;
  endpoint.onAlias?.(via.port ?? DEFAULT_SIPS_PORT);
}

function replaceTopVia(headers: SipHeaders, text: string): void {
  const at = headers.fields.findIndex(
    ({ name }) => name === 'Via' || name.toLowerCase() === 'via' || /^v$/i.test(name),
  );
  const field = headers.fields[at];
  if (field === undefined) return;
  const others = field.value.includes(',') ? splitList(field.value).slice(1) : [];
  headers.fields[at] = { name: field.name, value: [text, ...others].join(', ') };
}

/** Checks what every request must have (RFC 3261 section 8.1.1) and answers its CSeq. Throws PPG_E_SIP_SYNTAX. */
export function checkRequest(request: SipRequest): CSeq {
  const { headers } = request;
  for (const name of ONCE) {
    const count = headers.all(name).length;
    if (count !== 1) throw syntaxError(count === 0 ? `no ${name}` : `more than one ${name}`);
  }
  const cseq = parseCSeq(headers.get('CSeq') ?? '');
  if (cseq.method !== request.method) throw syntaxError(`CSeq names ${cseq.method}, the request ${request.method}`);
  parseNameAddr(headers.get('From') ?? '');
  parseNameAddr(headers.get('To') ?? '');
  return cseq;
}
