import { splitList } from '../../codec/sip/list.ts';
import { canonicalName, type SipHeaders, type SipRequest } from '../../codec/sip/message.ts';
import { parseNameAddr } from '../../codec/sip/name-addr.ts';
import { respondTo } from '../../codec/sip/respond-to.ts';
import { parseUri, uriParam } from '../../codec/sip/uri.ts';
import type { HeaderField } from '../../model/push.ts';
import type { ServerTransaction } from '../../stack/types.ts';
import { contactUriOf } from './app-dialog.ts';
import type { AppMessage } from './app-message.ts';
import type { Client } from './client.ts';
import type { SipdContext } from './context.ts';
import { hopOf } from './hop.ts';
import { type Command, okMeta, proxiedMeta } from './meta.ts';
import { isOwnAddress, localPoint } from './own-address.ts';
import { ProxyFork, type Target } from './proxy-fork.ts';

/** RFC 3261 section 16.6, step 3. */
const MAX_FORWARDS = 70;
const DEFAULT_PORT = 5060;
const DEFAULT_TLS_PORT = 5061;

/** Headers of a copy that are the request's, whatever the application says. */
const KEPT = new Set(['via', 'from', 'to', 'call-id', 'cseq', 'max-forwards', 'record-route', 'content-length']);

type ProxyCommand = Extract<Command, { readonly kind: 'proxy' }>;

/** Requests that applications have sent on (`req.proxy()`), and the later ones of calls that stay on this way. */
export class Forwarder {
  readonly #context: SipdContext;
  /** Call-IDs whose later requests come through here: remainInDialog. The oldest first. */
  readonly #calls = new Set<string>();

  constructor(context: SipdContext) {
    this.#context = context;
  }

  /** Sends a held request on; its best answer goes back, and each final one to the application. */
  start(
    client: Client,
    command: ProxyCommand,
    transaction: ServerTransaction,
    message: AppMessage,
  ): string | undefined {
    const { request } = transaction;
    const { limits, clock, log } = this.#context;
    if (command.finalTimeout !== '')
      log.warn(
        { finalTimeout: command.finalTimeout },
        'drachtio-server takes no notice of finalTimeout: neither does sipd',
      );
    if (command.destinations.length > limits.maxBranches)
      return `too many destinations: ${command.destinations.length}`;
    const forwards = maxForwards(request.headers);
    if (forwards === 0) {
      transaction.respond(respondTo(request, 483));
      client.send(okMeta(command.id, 'done'));
      return undefined;
    }
    if (command.remainInDialog) this.#remember(request.headers.get('Call-ID') ?? '');
    const headers = copyOf(request.headers, forwards - 1, message.fields);
    const { fullResponse } = command;
    const fork = new ProxyFork(this.#context, {
      transaction,
      targets: command.destinations.map((uri) => this.#target(request, headers, uri, command.remainInDialog)),
      parallel: command.simultaneous,
      provisionalTimeout: milliseconds(command.provisionalTimeout),
      redirected: (uri) =>
        command.followRedirects ? this.#target(request, headers, uri, command.remainInDialog) : undefined,
      onFinal: (raw, flow) => {
        const from = { protocol: flow.protocol, host: flow.host, port: flow.port };
        if (fullResponse) client.send(proxiedMeta(command.id, raw.length, from, clock.now()), raw);
      },
      onDone: () => {
        if (fullResponse) client.send(okMeta(command.id, 'done'));
      },
    });
    if (!fullResponse) client.send(okMeta(command.id, 'done'));
    fork.start();
    return undefined;
  }

  /** As by drachtio-server, the request URI is replaced only where it names this server; else the target is a next hop. */
  #target(request: SipRequest, headers: SipHeaders, uri: string, remain: boolean): Target {
    const { stack, advertise } = this.#context;
    const { listening } = stack;
    const hop = hopOf(uri, '', listening);
    const copy = headers.clone();
    if (remain) {
      const local = localPoint(listening, hop.kind === 'hop' ? hop.hop.protocol : 'udp', advertise);
      const name = request.method === 'REGISTER' ? 'Path' : 'Record-Route'; // RFC 3327
      copy.prepend(name, `<${contactUriOf(local)};lr>`);
    }
    return { request: { ...request, uri: this.#isLocal(request.uri) ? uri : request.uri, headers: copy }, hop };
  }

  #isLocal(uri: string): boolean {
    try {
      const parsed = parseUri(uri);
      if (parsed.scheme === 'tel') return false;
      const byTls = parsed.scheme === 'sips' || uriParam(parsed, 'transport')?.toLowerCase() === 'tls';
      const at = { host: parsed.host, port: parsed.port ?? (byTls ? DEFAULT_TLS_PORT : DEFAULT_PORT) };
      return isOwnAddress(at, this.#context.stack.listening, this.#context.advertise);
    } catch {
      return false; // a URI of another scheme names no address
    }
  }

  #remember(callId: string): void {
    this.#calls.delete(callId);
    this.#calls.add(callId);
    const oldest = this.#calls.values().next().value;
    if (this.#calls.size > this.#context.limits.maxProxied && oldest !== undefined) this.#calls.delete(oldest);
  }

  /** A later request of a call that stays on this way; false for any other. Throws PPG_E_SIP_SYNTAX. */
  take(transaction: ServerTransaction): boolean {
    const { request } = transaction;
    const { stack } = this.#context;
    const callId = request.headers.get('Call-ID') ?? '';
    if (!this.#calls.has(callId)) return false;
    const routes = request.headers.all('Route').flatMap((value) => splitList(value));
    const own = routes.findIndex((value) => !this.#isLocal(parseNameAddr(value).uri));
    const passed = own < 0 ? routes.length : own;
    if (passed === 0) return false;
    const rest = routes.slice(passed);
    const forwards = maxForwards(request.headers);
    const headers = copyOf(request.headers, Math.max(0, forwards - 1), []).remove('Route');
    for (const value of rest) headers.add('Route', value);
    const next = rest[0] === undefined ? request.uri : parseNameAddr(rest[0]).uri;
    const target: Target = { request: { ...request, headers }, hop: hopOf(next, '', stack.listening) };
    if (request.method === 'ACK') {
      if (target.hop.kind === 'hop' && forwards > 0) stack.sendStateless(target.request, target.hop.hop);
      return true;
    }
    if (forwards === 0) transaction.respond(respondTo(request, 483));
    else {
      const onDone = (): void => {
        if (request.method === 'BYE') this.#calls.delete(callId);
      };
      new ProxyFork(this.#context, { transaction, targets: [target], parallel: true, onDone }).start();
    }
    return true;
  }
}

/** The header fields of the copies: Max-Forwards counted down, what the application gives in the place of the peer's. */
function copyOf(headers: SipHeaders, forwards: number, given: readonly HeaderField[]): SipHeaders {
  const copy = headers.clone().set('Max-Forwards', String(forwards));
  const replaced = new Set<string>();
  for (const { name, value } of given) {
    const key = canonicalName(name);
    if (KEPT.has(key)) continue;
    if (!replaced.has(key)) copy.remove(name);
    replaced.add(key);
    copy.add(name, value);
  }
  return copy;
}

function maxForwards(headers: SipHeaders): number {
  const value = headers.get('Max-Forwards')?.trim() ?? '';
  return /^\d{1,3}$/.test(value) ? Math.min(255, Number(value)) : MAX_FORWARDS + 1;
}

/** `2s`, `1500ms`; anything else is none. */
function milliseconds(text: string): number | undefined {
  const match = /^(\d{1,7})(ms|s)$/.exec(text.trim());
  return match === null ? undefined : Number(match[1]) * (match[2] === 's' ? 1000 : 1);
}
