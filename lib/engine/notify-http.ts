import type { IncomingHttpHeaders } from 'node:http';
import { Agent, type Dispatcher } from 'undici';
import { type Clock, systemClock, type TimerHandle } from '../base/clock.ts';
import { messageOf, PpgError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Writable } from '../base/writable.ts';
import { readPap } from '../codec/pap/read.ts';
import { PAP_CONTENT_TYPE, writeResultNotification } from '../codec/pap/write.ts';
import type { Notification } from '../model/delivery.ts';
import { UrlGuard } from '../security/ssrf.ts';
import type { Post, PostResult } from './notifier.ts';
import type { NotifyIdentities, NotifyIdentity } from './notify-identity.ts';

export interface NotificationPostOptions {
  /** Let notify URLs point at loopback and private addresses. */
  readonly allowPrivate: boolean;
  /** Addresses and networks that they may point at although they are not public. Default none. */
  readonly allow?: readonly string[];
  /** Milliseconds for connection, headers and body each. */
  readonly timeout: number;
  /** Default that of the system. */
  readonly clock?: Clock;
  /** Connections to one origin. */
  readonly perTarget: number;
  readonly log: Logger;
  /** Sender-address of the documents: the endpoint's URL, or the gateway's identity. */
  readonly identity: string;
  /** Sender-name of the documents. */
  readonly name?: string | undefined;
  /** How the gateway shows itself to each initiator. Default: it does not. */
  readonly identities?: Pick<NotifyIdentities, 'of' | 'mayGo'>;
}

/** What of a PI's answer is read: a resultnotification-response is a few hundred octets. */
const MAX_ANSWER = 64 * 1024;

/** Posts result notifications by HTTP. */
export interface NotificationPost {
  readonly post: Post;
  /** Closes every connection; POSTs under way fail. */
  close(): Promise<void>;
}

/**
 * The HTTP side of result notification (WAP-247): POST of a resultnotification-message to the URL of the submission.
 * Redirects are not followed; name resolution passes the guard again at every connection.
 */
export function createNotificationPost(options: NotificationPostOptions): NotificationPost {
  const guard = new UrlGuard(options);
  const { timeout, perTarget, clock = systemClock } = options;
  const agentWith = (tls: NotifyIdentity['tls'] = {}): Agent =>
    new Agent({
      connections: perTarget,
      pipelining: 1,
      headersTimeout: timeout,
      bodyTimeout: timeout,
      connect: { timeout, lookup: guard.lookup() as never, ...tls },
      maxResponseSize: MAX_ANSWER,
    });
  const agents = new Agents(agentWith);
  const checked = new CheckedUrls(guard);

  return {
    async post(notification) {
      let url: URL;
      try {
        url = checked.get(notification.notifyUrl);
      } catch (error) {
        return { ok: false, hopeless: true, cause: messageOf(error) };
      }
      const identity = options.identities?.of(notification.initiator);
      const { authorization } = identity ?? {};
      if (authorization !== undefined && url.protocol !== 'https:' && !options.allowPrivate) {
        return { ok: false, hopeless: true, cause: 'credentials do not go over plain HTTP' };
      }
      if (identity !== undefined && options.identities?.mayGo(notification.initiator, url) === false) {
        return { ok: false, hopeless: true, cause: 'the account may not have results sent to that host' };
      }
      try {
        const request = {
          origin: url.origin,
          path: url.pathname + url.search,
          method: 'POST' as const,
          headers: authorization === undefined ? HEADERS : { ...HEADERS, authorization },
          body: documentOf(notification, options),
        };
        return judge(await answerTo(agents.of(notification.initiator, identity), request, timeout, clock));
      } catch (error) {
        const cause = isTimeout(error) ? `no answer within ${timeout} ms` : messageOf(error);
        return { ok: false, hopeless: isForbidden(error), cause };
      }
    },
    close: () => agents.destroy(),
  };
}

/** undici's own words for it name neither whom nor how long. */
const isTimeout = (error: unknown): boolean => (error as { code?: unknown }).code === 'UND_ERR_HEADERS_TIMEOUT';

const HEADERS = { 'content-type': PAP_CONTENT_TYPE, accept: 'application/xml' };

/** Connections: one pool for all initiators, and one of its own for each that has a TLS identity. */
class Agents {
  readonly #make: (tls?: NotifyIdentity['tls']) => Agent;
  readonly #common: Agent;
  readonly #own = new Map<string, { readonly identity: NotifyIdentity; readonly agent: Agent }>();

  constructor(make: (tls?: NotifyIdentity['tls']) => Agent) {
    this.#make = make;
    this.#common = make();
  }

  of(initiator: string, identity: NotifyIdentity | undefined): Agent {
    const own = this.#own.get(initiator);
    if (own !== undefined && own.identity === identity) return own.agent;
    if (own !== undefined) {
      this.#own.delete(initiator);
      void own.agent.close(); // what is under way ends first
    }
    if (identity?.tls === undefined) return this.#common;
    const agent = this.#make(identity.tls);
    this.#own.set(initiator, { identity, agent });
    return agent;
  }

  async destroy(): Promise<void> {
    await Promise.all(
      [this.#common, ...[...this.#own.values()].map(({ agent }) => agent)].map((agent) => agent.destroy()),
    );
  }
}

function documentOf(notification: Notification, { identity, name }: NotificationPostOptions): string {
  const { qos, deliveredBy } = notification;
  const message: Writable<Parameters<typeof writeResultNotification>[0]> = {
    papVersion: notification.papVersion,
    pushId: notification.pushId,
    senderAddress: identity,
    receivedTime: notification.receivedTime,
    eventTime: notification.eventTime,
    state: notification.state,
    code: notification.code,
    desc: notification.desc,
    address: notification.address.text,
  };
  if (name !== undefined) message.senderName = name;
  if (qos !== undefined) message.qos = { ...qos, deliveryMethod: deliveredBy };
  return writeResultNotification(message);
}

/** What a PI answered; the body only where it may say something. */
interface HttpAnswer {
  readonly status: number;
  readonly body: Buffer;
}

/** Rejects when there is no whole answer. Not by undici's `request`, whose answer is a stream that costs more than the POST. */
const answerTo = (
  agent: Agent,
  request: Dispatcher.DispatchOptions,
  timeout: number,
  clock: Clock,
): Promise<HttpAnswer> =>
  new Promise((resolve, reject) => {
    agent.dispatch(request, new AnswerReader({ resolve, reject }, timeout, clock));
  });

interface Ended {
  resolve(answer: HttpAnswer): void;
  reject(error: Error): void;
}

class AnswerReader implements Dispatcher.DispatchHandler {
  readonly #ended: Ended;
  readonly #timeout: number;
  readonly #clock: Clock;
  readonly #chunks: Buffer[] = [];
  #timer: TimerHandle | undefined;
  #status = 0;
  #read = false;

  constructor(ended: Ended, timeout: number, clock: Clock) {
    this.#ended = ended;
    this.#timeout = timeout;
    this.#clock = clock;
  }

  onRequestStart(): void {
    // undici tells handlers that have this from those of its earlier versions.
  }

  /** undici's own limit counts from one octet to the next: an answer that trickles would keep its place for days. */
  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (status < 200) return; // informational: the answer is still to come
    const timeout = this.#timeout;
    this.#timer = this.#clock.setTimeout(
      () => controller.abort(new Error(`the answer was not complete within ${timeout} ms`)),
      timeout,
    );
    this.#status = status;
    this.#read = isSuccess(status) && /xml/i.test(String(headers['content-type'] ?? ''));
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#read) this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    this.#clock.clearTimeout(this.#timer);
    const [only = NOTHING, ...more] = this.#chunks;
    const body = more.length === 0 ? only : Buffer.concat(this.#chunks);
    this.#ended.resolve({ status: this.#status, body });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#clock.clearTimeout(this.#timer);
    // Of an answer that need not be read the status has said all.
    if (this.#status !== 0 && !this.#read) this.#ended.resolve({ status: this.#status, body: NOTHING });
    else this.#ended.reject(error);
  }
}

const NOTHING = Buffer.alloc(0);

const isSuccess = (status: number): boolean => status >= 200 && status <= 299;

/**
 * A 2xx is taken for "received": real PIs answer 202 with less than the DTD asks, or 200 with HTML. Only a PAP answer
 * that says otherwise counts as refusal.
 */
function judge({ status, body }: HttpAnswer): PostResult {
  const cause = `http ${status}`;
  if (!isSuccess(status)) return { ok: false, cause };
  if (body.length === 0 || RECEIVED.test(body.toString('latin1'))) return { ok: true, cause };
  const code = papCode(body);
  // 2xxx says that the PI cannot use this notification; the same again would not change that (WAP-247 table of codes).
  if (code !== undefined && code >= 2000) return { ok: false, hopeless: code < 3000, cause: `${cause}, PAP ${code}` };
  return { ok: true, cause };
}

/** What nearly every PI answers: it has a code of success. Only what looks otherwise is worth reading as XML. */
const RECEIVED = /^[^&]*<resultnotification-response\s[^<>&]*\bcode="1\d{3}"/;

function papCode(answer: Buffer): number | undefined {
  try {
    const message = readPap(answer);
    const kind = message.message;
    return kind === 'resultnotification-response' || kind === 'badmessage-response' ? message.code : undefined;
  } catch {
    return undefined; // An answer that cannot be read still came with 2xx: received.
  }
}

const isForbidden = (error: unknown): boolean =>
  error instanceof PpgError ||
  (error instanceof Error && error.cause instanceof PpgError) ||
  (error as { code?: unknown } | undefined)?.code === 'PPG_E_NOTIFY_URL';

/** PIs use few URLs; each is parsed and checked once. Bounded, since a PI may put an id into every URL. */
class CheckedUrls {
  readonly #guard: UrlGuard;
  readonly #known = new Map<string, URL>();

  constructor(guard: UrlGuard) {
    this.#guard = guard;
  }

  /** Throws PPG_E_NOTIFY_URL. */
  get(text: string): URL {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const url = this.#guard.checkUrl(text);
    if (this.#known.size >= 1000) this.#known.clear();
    this.#known.set(text, url);
    return url;
  }
}
