import { Agent, type Dispatcher } from 'undici';
import { type Clock, systemClock } from '../base/clock.ts';
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
  /** Milliseconds for connection, headers and body each. */
  readonly timeout: number;
  /** Default that of the system. */
  readonly clock?: Clock;
  /** Connections to one origin. */
  readonly perTarget: number;
  readonly log: Logger;
  /** Sender-address of the documents: the gateway's identity. */
  readonly identity: string;
  /** How the gateway shows itself to each initiator. Default: it does not. */
  readonly identities?: Pick<NotifyIdentities, 'of'>;
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
  const guard = new UrlGuard({ allowPrivate: options.allowPrivate });
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
      try {
        const answer = await agents.of(notification.initiator, identity).request({
          origin: url.origin,
          path: url.pathname + url.search,
          method: 'POST',
          headers: authorization === undefined ? HEADERS : { ...HEADERS, authorization },
          body: documentOf(notification, options.identity),
        });
        return await judgeInTime(answer, timeout, clock);
      } catch (error) {
        return { ok: false, hopeless: isForbidden(error), cause: messageOf(error) };
      }
    },
    close: () => agents.destroy(),
  };
}

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

function documentOf(notification: Notification, identity: string): string {
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
  if (qos !== undefined) message.qos = { ...qos, deliveryMethod: deliveredBy };
  return writeResultNotification(message);
}

/** undici's own limit counts from one octet to the next: an answer that trickles would keep its place for days. */
async function judgeInTime(answer: Dispatcher.ResponseData, timeout: number, clock: Clock): Promise<PostResult> {
  const late = (): void => {
    answer.body.destroy(new Error(`the answer was not complete within ${timeout} ms`));
  };
  const timer = clock.setTimeout(late, timeout);
  try {
    return await judge(answer);
  } finally {
    clock.clearTimeout(timer);
  }
}

/**
 * A 2xx is taken for "received": real PIs answer 202 with less than the DTD asks, or 200 with HTML. Only a PAP answer
 * that says otherwise counts as refusal.
 */
async function judge({ statusCode, headers, body }: Dispatcher.ResponseData): Promise<PostResult> {
  if (statusCode < 200 || statusCode > 299) {
    await body.dump();
    return { ok: false, cause: `http ${statusCode}` };
  }
  const type = String(headers['content-type'] ?? '');
  if (!/xml/i.test(type)) {
    await body.dump();
    return { ok: true, cause: `http ${statusCode}` };
  }
  const document = Buffer.from(await body.arrayBuffer());
  if (RECEIVED.test(document.toString('latin1'))) return { ok: true, cause: `http ${statusCode}` };
  const code = papCode(document);
  // 2xxx says that the PI cannot use this notification; the same again would not change that (WAP-247 table of codes).
  if (code !== undefined && code >= 2000)
    return { ok: false, hopeless: code < 3000, cause: `http ${statusCode}, PAP ${code}` };
  return { ok: true, cause: `http ${statusCode}` };
}

/** What nearly every PI answers: it has a code of success. Only what looks otherwise is worth reading as XML. */
const RECEIVED = /^[^&]*<resultnotification-response\s[^<>&]*\bcode="1\d{3}"/;

function papCode(answer: Buffer): number | undefined {
  if (answer.length === 0) return undefined;
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
