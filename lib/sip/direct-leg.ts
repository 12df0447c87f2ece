import type { Clock } from '../base/clock.ts';
import { type ErrorCode, messageOf, PpgError } from '../base/errors.ts';
import { type Logger, silentLogger } from '../base/log.ts';
import { formatHostPort, type HostPort, parseHostPort } from '../codec/sip/host.ts';
import { canonicalName, SipHeaders, type SipRequest, type SipResponse } from '../codec/sip/message.ts';
import { reachableHost } from '../stack/sent-by.ts';
import { tokenMaker } from '../stack/tokens.ts';
import type { Hop, Protocol, SipStack } from '../stack/types.ts';
import { hopsFor, requestUri, targetOf } from './direct-hop.ts';
import { receive } from './direct-inbound.ts';
import type { LegAbilities, OutboundRequest, SipAnswer, SipHandler, SipLeg } from './leg.ts';

export interface DirectLegOptions {
  /** The leg starts and stops it, and takes its inbound requests. */
  readonly stack: SipStack;
  readonly clock: Clock;
  readonly log?: Logger;
  /** Host of the SIP URI that stands for a tel: URI. */
  readonly domain?: string;
  /** Host, or host and port, to name to peers instead of what is bound; as text `host` or `host:port`. */
  readonly advertise?: HostPort | string;
}

const MAX_REQUEST = 16 * 1024 * 1024;

const DIRECT_CAN: LegAbilities = { binary: true, route: true, maxRequestBytes: MAX_REQUEST };

/** Via with branch, Max-Forwards and Content-Length: what is added to the caller's headers, at the most. */
const ADDED = 220;

/** The leg writes these itself. */
const LEGS_OWN = new Set(['via', 'content-length']);

const NO_BODY = Buffer.alloc(0);

/** A leg over the gateway's own SIP stack: byte-clean bodies, preloaded Route sets, large requests over TCP. */
export function createDirectLeg(options: DirectLegOptions): SipLeg {
  return new DirectLeg(options);
}

class DirectLeg implements SipLeg {
  readonly name = 'direct';
  readonly can: LegAbilities = DIRECT_CAN;
  readonly #stack: SipStack;
  readonly #domain: string | undefined;
  readonly #advertise: HostPort | undefined;
  readonly #log: Logger;
  readonly #readyListeners: (() => void)[] = [];
  #handler: SipHandler | undefined;
  #protocols: ReadonlySet<Protocol> = new Set();
  #ready = false;

  constructor({ stack, clock, log = silentLogger, domain, advertise }: DirectLegOptions) {
    this.#stack = stack;
    this.#domain = domain;
    this.#advertise = typeof advertise === 'string' ? parseHostPort(advertise) : advertise;
    this.#log = log;
    const toTag = tokenMaker();
    stack.onRequest((transaction) => receive(transaction, this.#handler, toTag(), clock, log));
  }

  get ready(): boolean {
    return this.#ready;
  }

  get address(): string | undefined {
    const { listening } = this.#stack;
    const point = listening.find(({ protocol }) => protocol === 'udp') ?? listening[0];
    if (point === undefined) return undefined;
    const { host = reachableHost(point.host), port = point.port } = this.#advertise ?? {};
    return formatHostPort({ host, port });
  }

  async start(): Promise<void> {
    if (this.#stack.listening.length === 0) await this.#stack.start();
    this.#protocols = new Set(this.#stack.listening.map(({ protocol }) => protocol));
    this.#ready = true;
    for (const listener of this.#readyListeners) listener();
  }

  async stop(): Promise<void> {
    this.#ready = false;
    await this.#stack.stop();
  }

  onReady(listener: () => void): void {
    this.#readyListeners.push(listener);
  }

  onRequest(handler: SipHandler): void {
    this.#handler = handler;
  }

  async request(request: OutboundRequest): Promise<SipAnswer> {
    if (!this.#ready) return notSent('PPG_E_LEG_DOWN', 'the direct leg is not started');
    try {
      const hops = hopsFor(targetOf(request), sizeOf(request), this.#protocols);
      const message = this.#messageOf(request);
      let answer = notSent('PPG_E_LEG_CANNOT', 'the request is too large for its transport');
      for (const hop of hops) {
        answer = await this.#exchange(message, hop);
        // RFC 3261 section 18.1.1: where TCP is refused, the request is tried over UDP.
        if (answer.kind !== 'not-sent') return answer;
        this.#log.debug({ hop, cause: answer.cause }, 'a request could not be sent');
      }
      return answer;
    } catch (error) {
      return notSent(error instanceof PpgError ? permanent(error.code) : 'PPG_E_LEG_CANNOT', messageOf(error));
    }
  }

  #messageOf({ method, uri, headers, body = NO_BODY }: OutboundRequest): SipRequest {
    const fields = headers.filter(({ name }) => !LEGS_OWN.has(canonicalName(name)));
    const all = new SipHeaders(fields);
    if (!all.has('Max-Forwards')) all.prepend('Max-Forwards', '70'); // RFC 3261 section 8.1.1.6
    return { kind: 'request', method, uri: requestUri(uri, this.#domain), headers: all, body };
  }

  #exchange(message: SipRequest, hop: Hop): Promise<SipAnswer> {
    return new Promise((resolve) => {
      const transaction = this.#stack.request(message, hop, {
        onResponse: (response) => {
          if (response.status >= 200) resolve(answerOf(response));
        },
        onFailure: (failure, cause) => {
          if (transaction.sent !== true) resolve(notSent(codeOf(cause), messageOf(cause)));
          else if (failure === 'timeout') resolve(LOCAL_TIMEOUT);
          else resolve({ kind: 'unknown', cause: `PPG_E_SIP_TRANSPORT: ${messageOf(cause)}` });
        },
      });
    });
  }
}

/** Octets of the whole request, at the most. */
function sizeOf({ method, uri, headers, body = NO_BODY }: OutboundRequest): number {
  let bytes = method.length + Buffer.byteLength(uri) + body.length + ADDED;
  for (const { name, value } of headers) bytes += name.length + Buffer.byteLength(value) + 4; // ': ' and CRLF
  return bytes;
}

const answerOf = (response: SipResponse): SipAnswer => ({
  kind: 'response',
  status: response.status,
  reason: response.reason,
  get: (name) => response.headers.get(name),
  all: (name) => response.headers.all(name),
  body: response.body,
  local: false,
});

/** RFC 3261 section 8.1.3.1: a timeout counts as a received 408. */
const LOCAL_TIMEOUT: SipAnswer = {
  kind: 'response',
  status: 408,
  reason: 'Request Timeout',
  get: () => undefined,
  body: NO_BODY,
  local: true,
};

const notSent = (code: ErrorCode, reason: string): SipAnswer => ({
  kind: 'not-sent',
  code,
  cause: `${code}: ${reason}`,
});

/** What is wrong with the request itself is wrong for ever; all else may pass. */
function codeOf(cause: Error): ErrorCode {
  if (cause instanceof PpgError && cause.code === 'PPG_E_SIP_HEADER') return 'PPG_E_SIP_HEADER';
  return (cause as NodeJS.ErrnoException).code === 'EMSGSIZE' ? 'PPG_E_LEG_CANNOT' : 'PPG_E_LEG_DOWN';
}

const permanent = (code: ErrorCode): ErrorCode => (code === 'PPG_E_SIP_HEADER' ? code : 'PPG_E_LEG_CANNOT');
