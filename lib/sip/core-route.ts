import { formatUri, parseSipOnly, uriParam } from '../codec/sip/uri.ts';
import type { Registration } from '../model/device.ts';
import type { HeaderField } from '../model/push.ts';
import type { OutboundRequest, SipLeg } from './leg.ts';
import type { SendOptions, SentDialog, SentRequest, SipSender } from './sender.ts';

/** What is known of a user, see Registrations.find. */
type Find = (aor: string) => Registration | undefined | Promise<Registration | undefined>;

/** An S-CSCF as a Route has it, by its URI: there are a handful of them. */
const MAX_ROUTES = 256;

/**
 * A sender that sends what is for a registered user to the S-CSCF that serves him, as it named itself when it told of his
 * registration (3GPP TS 24.229 section 5.7.3); everything else goes as the sender has it. A leg that can carries the S-CSCF
 * as a preloaded Route, over drachtio it is the next hop alone. Where it cannot be reached the request goes by the sender's
 * own next hop. Requests that name a next hop themselves are left alone.
 */
export function viaServingNode(sender: SipSender, find: Find): SipSender {
  const routes = new Map<string, HeaderField>();

  function routeOf(uri: string): HeaderField {
    let route = routes.get(uri);
    if (route === undefined) {
      if (routes.size >= MAX_ROUTES) routes.clear();
      route = { name: 'Route', value: `<${looseRoute(uri)}>` };
      routes.set(uri, route);
    }
    return route;
  }

  async function send<Sent extends SentRequest | SentDialog, O extends SendOptions>(
    request: OutboundRequest,
    options: O,
    by: (request: OutboundRequest, options: O) => Promise<Sent>,
  ): Promise<Sent> {
    const aor = request.nextHop === undefined ? userOf(request) : undefined;
    const found = aor === undefined ? undefined : find(aor);
    const servedBy = (found instanceof Promise ? await found : found)?.servedBy;
    if (servedBy === undefined) return by(request, options);
    const route = routeOf(servedBy);
    const headersFor = (leg: SipLeg): readonly HeaderField[] => {
      const own = options.headersFor?.(leg) ?? [];
      return leg.can.route ? [...own, route] : own;
    };
    const sent = await by({ ...request, nextHop: servedBy }, { ...options, headersFor });
    return sent.answer.kind === 'not-sent' ? by(request, options) : sent;
  }

  return {
    request: (request, options = {}) => send(request, options, (one, how) => sender.request(one, how)),
    invite: (request, options = {}) => send(request, options, (one, how) => sender.invite(one, how)),
    subscribe: (request, options = {}) => send(request, options, (one, how) => sender.subscribe(one, how)),
    authorizeFor: (place) => sender.authorizeFor(place),
    fits: (needs) => sender.fits(needs),
    get can() {
      return sender.can;
    },
    get ready() {
      return sender.ready;
    },
    onReady: (listener) => sender.onReady(listener),
    identityFor: (leg, user) => sender.identityFor(leg, user),
  };
}

/** The user whom To names; the gateway writes it as an address-of-record in angle brackets. */
function userOf({ headers }: OutboundRequest): string | undefined {
  const to = headers.find(({ name }) => name === 'To')?.value;
  return to?.startsWith('<') ? to.slice(1, to.indexOf('>')) : undefined;
}

/** RFC 3261 section 16.12: without `lr` the request URI would have to change places with the Route. */
function looseRoute(text: string): string {
  const uri = parseSipOnly(text);
  const params = uriParam(uri, 'lr') === undefined ? [...uri.params, { name: 'lr' }] : uri.params;
  return formatUri({ ...uri, params, headers: [] });
}
