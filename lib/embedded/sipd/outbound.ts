import { randomUUID } from 'node:crypto';
import { networkInterfaces } from 'node:os';
import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import { randomToken } from '../../base/ids.ts';
import { parseCSeq } from '../../codec/sip/cseq.ts';
import { bracketed } from '../../codec/sip/host.ts';
import { SipHeaders, type SipRequest } from '../../codec/sip/message.ts';
import { tagOf } from '../../codec/sip/name-addr.ts';
import { respondTo } from '../../codec/sip/respond-to.ts';
import { writeSip } from '../../codec/sip/write.ts';
import type { HeaderField } from '../../model/push.ts';
import type { ClientTransaction, Hop, ListenPoint, SipStack } from '../../stack/types.ts';
import { type AppMessage, withoutLocalhost } from './app-message.ts';
import type { Client } from './client.ts';
import { hopOf } from './hop.ts';
import type { SipdLimits } from './limits.ts';
import { type Endpoint, requestSentMeta, responseCameMeta } from './meta.ts';
import { isSdp, requestRefusal } from './refusals.ts';

/** RFC 3261 section 8.1.1.6. */
const MAX_FORWARDS = '70';

/** What a response that the server makes itself has for an address. */
const nowhere = (hop: Pick<Hop, 'protocol'>): Endpoint => ({ protocol: hop.protocol, host: '', port: 0 });

export interface OutboundContext {
  readonly clock: Clock;
  readonly stack: SipStack;
  readonly limits: SipdLimits;
}

/**
 * Sends a request of an application's outside of a dialog. Answers the command first and passes the responses on
 * behind that, in this order on the same connection. Gives the reason for a NOK instead when nothing was sent.
 */
export function sendRequest(
  context: OutboundContext,
  client: Client,
  commandId: string,
  message: AppMessage,
  route: string,
): string | undefined {
  const { stack, clock, limits } = context;
  if (message.start.kind !== 'request') return 'not a request';
  const refusal = requestRefusal(message);
  if (refusal !== undefined) return refusal;
  if (client.inFlight >= limits.maxInFlight) return `too many requests in flight: ${client.inFlight}`;

  const { method, uri } = message.start;
  const target = hopOf(uri, route, stack.listening);
  if (target.kind === 'refused') return target.reason;
  const protocol = target.kind === 'hop' ? target.hop.protocol : (stack.listening[0]?.protocol ?? 'udp');
  const local = localPoint(stack.listening, protocol);
  if (target.kind === 'hop' && isOwn(target.hop, stack.listening)) return 'can not send request to myself';
  const headers = withDefaults(message, method, uri, `${bracketed(local.host)}:${local.port}`);
  if (typeof headers === 'string') return headers;
  const request: SipRequest = { kind: 'request', method, uri, headers: new SipHeaders(headers), body: message.body };

  const transactionId = randomUUID();
  // a response or failure may come before the command is answered, and must not overtake that answer
  let waiting: (() => void)[] | undefined = [];
  const pass = (from: Endpoint, octets: Buffer): void => {
    const deliver = (): void => client.send(responseCameMeta(octets.length, from, clock.now(), transactionId), octets);
    if (waiting === undefined) deliver();
    else waiting.push(deliver);
  };
  const passOwn = (status: number): void => {
    const sent: SipRequest = transaction?.request ?? request;
    pass(nowhere(local), writeSip(respondTo(sent, status)));
  };

  let transaction: ClientTransaction | undefined;
  client.inFlight++;
  if (target.kind === 'hop') {
    transaction = stack.request(request, target.hop, {
      onResponse(response, flow, raw) {
        if (response.status >= 200) client.inFlight--;
        pass({ protocol: flow.protocol, host: flow.host, port: flow.port }, raw);
      },
      onFailure(failure) {
        client.inFlight--;
        passOwn(failure === 'timeout' ? 408 : 503);
      },
    });
  }
  const octets = writtenRequest(transaction?.request ?? request);
  if (typeof octets === 'string') {
    client.inFlight--;
    return octets;
  }
  client.send(requestSentMeta(commandId, octets.length, local, clock.now(), transactionId), octets);
  const early = waiting;
  waiting = undefined;
  for (const deliver of early) deliver();
  if (target.kind === 'sips') {
    client.inFlight--;
    passOwn(416);
  }
  return undefined;
}

function writtenRequest(request: SipRequest): Buffer | string {
  try {
    return writeSip(request);
  } catch (error) {
    return messageOf(error);
  }
}

/** The headers an application may leave out (RFC 3261 section 8.1.1), first in the message. */
function withDefaults(message: AppMessage, method: string, uri: string, hostPort: string): HeaderField[] | string {
  const given = withoutLocalhost(message.fields, hostPort);
  const value = (name: string): string | undefined => given.find((field) => field.name === name)?.value;
  const cseq = value('CSeq') ?? `1 ${method}`;
  let from = value('From') ?? `<sip:${hostPort}>`;
  try {
    if (tagOf(from) === undefined) from += `;tag=${randomToken(8)}`;
    if (parseCSeq(cseq).method !== method) return `CSeq names another method than ${method}`;
  } catch (error) {
    return messageOf(error);
  }
  const fields: HeaderField[] = [
    { name: 'Max-Forwards', value: value('Max-Forwards') ?? MAX_FORWARDS },
    { name: 'From', value: from },
    { name: 'To', value: value('To') ?? `<${uri}>` },
    { name: 'Call-ID', value: value('Call-ID') ?? randomUUID() },
    { name: 'CSeq', value: cseq },
  ];
  if (method === 'SUBSCRIBE' && value('Contact') === undefined)
    fields.push({ name: 'Contact', value: `<sip:${hostPort}>` });
  for (const field of given) if (!DEFAULTED.has(field.name)) fields.push(field);
  if (message.body.length > 0 && value('Content-Type') === undefined && isSdp(message.body))
    fields.push({ name: 'Content-Type', value: 'application/sdp' });
  return fields;
}

const DEFAULTED = new Set(['Max-Forwards', 'From', 'To', 'Call-ID', 'CSeq']);

const WILDCARDS = new Set(['0.0.0.0', '::']);

/** The local side of a protocol, as the server tells it to applications. */
export function localPoint(listening: readonly ListenPoint[], protocol: string): ListenPoint {
  const point = listening.find((one) => one.protocol === protocol) ?? listening[0];
  if (point === undefined) return { protocol: 'udp', host: '127.0.0.1', port: 5060 };
  return WILDCARDS.has(point.host) ? { ...point, host: ownAddresses().find(isOutward) ?? '127.0.0.1' } : point;
}

function isOwn(hop: Hop, listening: readonly ListenPoint[]): boolean {
  for (const point of listening) {
    if (point.protocol !== hop.protocol || point.port !== hop.port) continue;
    if (point.host === hop.host) return true;
    if (hop.host === 'localhost' && (point.host === '127.0.0.1' || WILDCARDS.has(point.host))) return true;
    if (WILDCARDS.has(point.host) && ownAddresses().includes(hop.host)) return true;
  }
  return false;
}

const isOutward = (address: string): boolean => !address.startsWith('127.') && !address.includes(':');

const ownAddresses = (): string[] =>
  Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address));
