import { parseNameAddrs } from '../codec/sip/name-addr.ts';
import { paramOf } from '../codec/sip/params.ts';
import { formatUri, parseSipOnly, type SipUri } from '../codec/sip/uri.ts';
import { sameUri } from '../codec/sip/uri-compare.ts';
import type { HeaderField } from '../model/push.ts';
import { CSEQS_PER_ATTEMPT } from './digest-client.ts';
import type { OutboundRequest, SipAnswer } from './leg.ts';

/** Redirections one behind another. */
export const MAX_REDIRECTIONS = 5;
/** Contacts that are tried for one request, of all its redirections together. */
export const MAX_REDIRECT_TARGETS = 10;

/**
 * CSeq numbers that a request may use up with all the contacts it is redirected to, each of them repeated with
 * credentials; a round number, so that the attempt can be told from the CSeq.
 */
export const CSEQS_PER_REQUEST = 100;

/** Which redirections are followed. */
export interface RedirectPolicy {
  /** False: a 3xx is the answer. */
  readonly follow: boolean;
  /** Everything goes to this node, whatever the request URI; so it decides where contacts lead. */
  readonly nextHop?: string | undefined;
  /** Without a next hop: contacts outside this domain and its subdomains are left alone. */
  readonly domain: string;
}

interface Target {
  readonly uri: SipUri;
  readonly q: number;
  readonly depth: number;
}

/** What a request came to, and where it was sent besides its own URI. */
export interface Redirected<S> {
  readonly sent: S;
  /** Request URIs in the order in which they were tried. */
  readonly followed: readonly string[];
}

/**
 * Sends a request and, where it is redirected by 300, 301 or 302, tries the contacts (RFC 3261 section 8.1.3.4): highest
 * q first, one after another, until one answers with success or for everybody (6xx), or may have taken it. Request URI
 * and CSeq change; From, To, Call-ID and next hop stay. 305 and 380 are not followed: a gateway behind a core lets the
 * core say which proxies there are, and no body of a 380 says what else to do with a push. `send` must not reject.
 */
export async function followRedirects<S extends { readonly answer: SipAnswer }>(
  request: OutboundRequest,
  send: (request: OutboundRequest) => Promise<S>,
  policy: RedirectPolicy,
): Promise<Redirected<S>> {
  const first = await send(request);
  if (!policy.follow || !isRedirection(first.answer)) return { sent: first, followed: NOBODY };
  const start = readUri(request.uri);
  const seen: SipUri[] = start === undefined ? [] : [start];
  const targets: Target[] = [];
  const take = (answer: SipAnswer, depth: number): void => {
    for (const { uri, q } of contactsOf(answer)) {
      if (seen.length > MAX_REDIRECT_TARGETS || depth > MAX_REDIRECTIONS) return;
      if (!mayFollow(uri, start, policy) || seen.some((other) => sameUri(other, uri))) continue;
      seen.push(uri);
      targets.push({ uri, q, depth });
    }
    targets.sort((a, b) => b.q - a.q);
  };
  take(first.answer, 1);
  const followed: string[] = [];
  let best = first;
  for (let target = targets.shift(); target !== undefined; target = targets.shift()) {
    const uri = formatUri(target.uri);
    followed.push(uri);
    const sent = await send(numbered({ ...request, uri }, followed.length));
    if (isRedirection(sent.answer)) take(sent.answer, target.depth + 1);
    else if (rank(sent.answer) < rank(best.answer)) best = sent;
    if (isEnd(sent.answer)) return { sent, followed };
  }
  return { sent: best, followed };
}

const NOBODY: readonly string[] = [];

const isRedirection = (answer: SipAnswer): boolean =>
  answer.kind === 'response' && answer.status >= 300 && answer.status <= 302;

/** Success, a refusal for all devices, or no word at all: who may have the push is not sent it at another place. */
function isEnd(answer: SipAnswer): boolean {
  if (answer.kind !== 'response') return answer.kind === 'unknown';
  return (answer.status >= 200 && answer.status < 300) || answer.status >= 600 || answer.status === 408;
}

/** Of the answers that ended nothing the lowest stands (RFC 3261 section 16.7 step 6), a redirection for want of any other. */
function rank(answer: SipAnswer): number {
  if (answer.kind !== 'response') return 800;
  return isRedirection(answer) ? 900 : answer.status;
}

function contactsOf(answer: SipAnswer): { readonly uri: SipUri; readonly q: number }[] {
  if (answer.kind !== 'response') return [];
  const one = answer.get('Contact');
  try {
    return parseNameAddrs(answer.all?.('Contact') ?? (one === undefined ? [] : [one])).flatMap(({ uri, params }) => {
      const read = readUri(uri);
      if (read === undefined) return [];
      const q = Number(paramOf(params, 'q') ?? '1');
      return { uri: read, q: q >= 0 && q <= 1 ? q : 0 };
    });
  } catch {
    return []; // Contacts that cannot be read are none: the 3xx is the answer.
  }
}

/** Without method and headers, which must not be copied (RFC 3261 section 8.1.3.4). */
function readUri(text: string): SipUri | undefined {
  try {
    const uri = parseSipOnly(text);
    return { ...uri, params: uri.params.filter(({ name }) => name.toLowerCase() !== 'method'), headers: [] };
  } catch {
    return undefined; // Another scheme, as mailto: or tel:, is no place to send a MESSAGE to.
  }
}

/** What was to stay secure stays so, and nobody outside has the gateway send to hosts of his choice. */
function mayFollow(uri: SipUri, from: SipUri | undefined, { nextHop, domain }: RedirectPolicy): boolean {
  if (from?.scheme === 'sips' && uri.scheme !== 'sips') return false;
  if (nextHop !== undefined) return true;
  const host = uri.host.toLowerCase();
  const home = domain.toLowerCase();
  return host === home || host.endsWith(`.${home}`);
}

function numbered(request: OutboundRequest, place: number): OutboundRequest {
  const headers = request.headers.map((field): HeaderField => {
    if (field.name !== 'CSeq') return field;
    const [number, method] = field.value.split(' ');
    return { name: 'CSeq', value: `${Number(number) + place * CSEQS_PER_ATTEMPT} ${method}` };
  });
  return { ...request, headers };
}
