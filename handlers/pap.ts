import type { ServerResponse } from 'node:http';
import type { Clock } from '../lib/base/clock.ts';
import { messageOf, PpgError } from '../lib/base/errors.ts';
import type { Logger } from '../lib/base/log.ts';
import { SparingLine } from '../lib/base/sparing-line.ts';
import { isXmlType, type MediaType, parseMediaType } from '../lib/codec/mime/content-type.ts';
import { type MimePart, readMultipart } from '../lib/codec/mime/multipart.ts';
import { decodedBody } from '../lib/codec/mime/transfer-encoding.ts';
import { type AddressRules, type PpgHosts, ppgHosts } from '../lib/codec/pap/address.ts';
import { identify, type PapDocument, parsePapDocument } from '../lib/codec/pap/document.ts';
import { PAP_LIMITS } from '../lib/codec/pap/element.ts';
import type { PushMessage } from '../lib/codec/pap/messages.ts';
import { readPapDocument } from '../lib/codec/pap/read.ts';
import { toSubmission } from '../lib/codec/pap/submission.ts';
import { PAP_CONTENT_TYPE } from '../lib/codec/pap/write.ts';
import type { BearerNames } from '../lib/model/bearer-names.ts';
import type { EngineEvents } from '../lib/model/engine-events.ts';
import type { PapService } from '../lib/model/pap-service.ts';
import { PAP } from '../lib/model/result-codes.ts';
import { type Arrival, type Arriving, arrivalReader } from '../lib/security/arrival.ts';
import type { AuthResult, PiAccount, PiAuthenticator } from '../lib/security/pi-auth.ts';
import { UrlGuard } from '../lib/security/ssrf.ts';
import { outcomeOf, progressNotes, pushAnswer, refusalAnswer, type Sender } from './pap-answers.ts';
import { HttpRefusal, type PapRequest, readBody } from './pap-body.ts';
import { type Asking, cancelResponse, capabilitiesResponse, type Entity, statusResponse } from './pap-operations.ts';

export interface PapDependencies {
  readonly auth: PiAuthenticator;
  readonly engine: PapService;
  readonly clock: Clock;
  readonly log: Logger;
  /** Home domain, for addresses that name none. */
  readonly domain: string;
  /** The operator's own names and number ranges. */
  readonly rules?: AddressRules | undefined;
  /** Names of this gateway in addresses; strict accounts may use no other. Default: they are not looked at. */
  readonly hosts?: readonly string[] | undefined;
  /** sender-name of answers. */
  readonly name?: string | undefined;
  /** sender-address of answers: the URL of this endpoint. */
  readonly address?: string | undefined;
  /** Octets of a whole request body. Default 10 MiB and the control entity. */
  readonly maxBodyBytes?: number;
  /** Milliseconds for the body to arrive. Default 30 s. */
  readonly bodyTimeout?: number;
  /** Networks and bearers that may be required. Default: see toSubmission. */
  readonly bearerNames?: BearerNames | undefined;
  /** How requests arrive, see arrivalReader. Default: no proxy is believed. */
  readonly arrival?: ((request: Arriving) => Arrival) | undefined;
  /** Take nothing that did not come by TLS. Default false. */
  readonly requireTls?: boolean | undefined;
  /**
   * Asked before a cancel, a status query or a capability query is carried out; throws or rejects with PPG_E_QUOTA for an
   * account that asks too fast. Default: everybody may.
   */
  readonly admitQuery?: ((initiator: string) => void | Promise<void>) | undefined;
  /** Told of every submission and query that was refused with a PAP code, for metrics. */
  readonly onRefused?: (refusal: EngineEvents['refused']) => void;
  /** Told of every log-in that was refused. */
  readonly onDenied?: (denial: EngineEvents['denied']) => void;
  /** Take notify URLs that point at loopback and private addresses. Default false. */
  readonly allowPrivateNotify?: boolean;
  /** Addresses and networks that notify URLs may point at although they are not public. Default none. */
  readonly allowNotify?: readonly string[];
}

/** A request handler of Express 4, Express 5 and plain node:http. */
export type PapHttpHandler = (request: PapRequest, response: ServerResponse, next: (error?: unknown) => void) => void;

/** Lines of a minute about what initiators who are known have sent; what comes from anybody has fewer. */
const REFUSAL_LINES = 100;

const DEFAULT_MAX_BODY = 10 * 1024 * 1024 + PAP_LIMITS.bytes;
const DEFAULT_BODY_TIMEOUT = 30_000;
const BASIC = ['Basic realm="PAP", charset="UTF-8"'];

/**
 * The PAP endpoint as `app.use('/pap', papRouter(...))` wants it: it answers at the path it is mounted on and leaves
 * every path below to the app. `app.post('/pap', papRouter(...))` works as well. A plain function, since a router inside a router costs more than reading the PAP.
 */
export function papRouter(dependencies: PapDependencies): PapHttpHandler {
  const handler = papHandler(dependencies);
  return (request, response, next) => {
    const path = (request.url ?? '/').replace(ABSOLUTE_FORM, '').split('?', 1)[0];
    if (path === '/' || path === '' || request.route !== undefined) handler(request, response, next);
    else next();
  };
}

/** What a request line has before the path where a client takes the gateway for a proxy (RFC 9112 section 3.2.2). */
const ABSOLUTE_FORM = /^https?:\/\/[^/?]*/i;

/** The PAP endpoint for whatever path the request has. Every request is answered; `next` is never called. */
export function papHandler(dependencies: PapDependencies): PapHttpHandler {
  const endpoint = new PapEndpoint(dependencies);
  return (request, response) => endpoint.handle(request, response);
}

class PapEndpoint {
  readonly #o: PapDependencies;
  readonly #sender: Sender;
  readonly #guard: UrlGuard;
  readonly #hosts: PpgHosts | undefined;
  readonly #arrival: (request: Arriving) => Arrival;
  readonly #lines: Readonly<Record<'refused' | 'quota' | 'overload' | 'http' | 'failed', SparingLine>>;
  readonly #bodyLimits: { readonly maxBytes: number; readonly timeout: number };

  constructor(dependencies: PapDependencies) {
    const { name, address } = dependencies;
    this.#o = dependencies;
    this.#sender = { ...(name !== undefined && { name }), ...(address !== undefined && { address }) };
    const { allowPrivateNotify: allowPrivate = false, allowNotify: allow = [] } = dependencies;
    this.#guard = new UrlGuard({ allowPrivate, allow });
    this.#hosts = ppgHosts(dependencies.hosts);
    this.#arrival = dependencies.arrival ?? arrivalReader([]);
    const { clock } = dependencies;
    this.#lines = {
      refused: new SparingLine(clock, REFUSAL_LINES),
      quota: new SparingLine(clock),
      // An overloaded gateway has better things to do than to write thousands of lines about it.
      overload: new SparingLine(clock, 1),
      http: new SparingLine(clock),
      failed: new SparingLine(clock, REFUSAL_LINES),
    };
    this.#bodyLimits = {
      maxBytes: dependencies.maxBodyBytes ?? DEFAULT_MAX_BODY,
      timeout: dependencies.bodyTimeout ?? DEFAULT_BODY_TIMEOUT,
    };
  }

  handle(request: PapRequest, response: ServerResponse): void {
    const receivedAt = this.#o.clock.now();
    this.#serve(request, response, receivedAt).catch((error: unknown) => this.#refuse(request, response, error));
  }

  async #serve(request: PapRequest, response: ServerResponse, receivedAt: number): Promise<void> {
    if (request.method !== 'POST') throw new HttpRefusal(405, 'PAP is POST only', { Allow: 'POST' });
    const { secure, source } = this.#arrival(request);
    const { auth } = this.#o;
    // Before the challenge, which would invite a client to send its password in clear.
    if (!secure && this.#o.requireTls === true) this.#plaintext(source);
    const checked = auth.check(request.headers.authorization, source, request.socket, request);
    const result = checked instanceof Promise ? await checked : checked;
    if (!result.ok) this.#deny(result, source);
    const account = admitted(result, auth.challenges ?? BASIC);
    if (!secure && account.requireTls === true) this.#plaintext(source, account.name);
    const status = account.replyStatus ?? 202;
    let media: MediaType;
    let body: Buffer;
    try {
      const { 'content-type': type = '', 'content-encoding': coding } = request.headers;
      media = acceptable(parseMediaType(type), coding);
      body = await readBody(request, this.#bodyLimits, this.#o.clock);
    } catch (error) {
      if (!(error instanceof PpgError)) {
        const refusal = { initiator: account.name, pushId: '', code: PAP.BAD_REQUEST };
        this.#o.onRefused?.({ ...refusal, at: this.#o.clock.now() });
        throw error;
      }
      this.#report(error, account, undefined);
      return send(response, status, refusalAnswer(error, undefined, undefined, receivedAt, this.#sender));
    }
    const answer = await this.#answer(body, media, account, receivedAt);
    if (typeof answer === 'string') send(response, status, answer);
    else if ('type' in answer) send(response, status, answer.body, { 'Content-Type': answer.type });
    else send(response, answer.status, answer.xml, retryAfter(answer.retryAfter));
  }

  /** What was sent can have been read on the way: nothing is taken, and the operator hears of it. */
  #plaintext(source: string, initiator?: string): never {
    this.#deny({ reason: 'plaintext', initiator }, source);
    const who = initiator === undefined ? 'this gateway takes' : 'this account may send';
    throw new HttpRefusal(403, `${who} PAP by HTTPS only`, { Connection: 'close' });
  }

  #deny(
    { reason, initiator }: { readonly reason: string; readonly initiator?: string | undefined },
    source: string,
  ): void {
    const denial = { at: this.#o.clock.now(), source, reason };
    this.#o.onDenied?.(initiator === undefined ? denial : { ...denial, initiator });
  }

  /** Reads the message, has it carried out and writes the answer; never rejects. */
  async #answer(
    body: Buffer,
    media: MediaType,
    account: PiAccount,
    receivedAt: number,
  ): Promise<string | Entity | Later> {
    let document: PapDocument | undefined;
    try {
      const entities = media.type.startsWith('multipart/') ? ordered(readMultipart(body, media).parts, media) : [];
      const [control, ...others] = entities;
      const octets = control === undefined ? body : controlOctets(control, account.strict ?? false);
      document = parsePapDocument(octets, charsetOf(control, media));
      const message = readPapDocument(document, account.strict);
      switch (message.message) {
        case 'push-message':
          return await this.#push(message, others, account, receivedAt);
        case 'statusquery-message':
          await this.#admitQuery(account);
          return await statusResponse(message, this.#asking(account), this.#o.engine);
        case 'cancel-message':
          await this.#admitQuery(account);
          return await cancelResponse(message, this.#asking(account), this.#o.engine);
        case 'ccq-message':
          await this.#admitQuery(account);
          return await capabilitiesResponse(message, this.#asking(account), this.#o.engine);
        default:
          throw new PpgError('PPG_E_PAP_DOCUMENT', `a gateway takes no ${message.message}`);
      }
    } catch (error) {
      this.#report(error, account, document);
      const xml = refusalAnswer(error, document, body, this.#o.clock.now(), this.#sender);
      const later = error instanceof PpgError && error.retryAfter !== undefined;
      return later ? { xml, retryAfter: error.retryAfter, status: laterStatus(error) } : xml;
    }
  }

  #admitQuery({ name }: PiAccount): void | Promise<void> {
    return this.#o.admitQuery?.(name);
  }

  async #push(
    message: PushMessage,
    entities: readonly MimePart[],
    account: PiAccount,
    receivedAt: number,
  ): Promise<string> {
    const { bearerNames } = this.#o;
    const submission = toSubmission(message, entities, { ...this.#asking(account), bearerNames });
    if (submission.notifyUrl !== undefined) this.#guard.checkUrl(submission.notifyUrl);
    const outcome = await this.#o.engine.submit(submission);
    const now = this.#o.clock.now();
    const notes =
      submission.progressNotes && outcome.code === PAP.ACCEPTED ? progressNotes(receivedAt, now, outcome) : [];
    return pushAnswer(message, outcome, now, this.#sender, notes);
  }

  #asking({ name, rawAddresses = true, strict = false }: PiAccount): Asking {
    const { domain, rules } = this.#o;
    return { initiator: name, domain, rules, rawAddresses, hosts: strict ? this.#hosts : undefined };
  }

  /** One line for the operator: who, which push, why. Never content, never credentials. */
  #report(error: unknown, account: PiAccount, document: PapDocument | undefined): void {
    const { code } = outcomeOf(error);
    const pushId = document === undefined ? undefined : identify(document).pushId;
    const rule = error instanceof PpgError ? error.rule : undefined;
    const refusal = { initiator: account.name, pushId: pushId ?? '', code, at: this.#o.clock.now() };
    this.#o.onRefused?.(rule === undefined ? refusal : { ...refusal, rule });
    const fields = {
      initiator: account.name,
      pushId,
      code: error instanceof PpgError ? error.code : undefined,
      papCode: code,
      // The sentence for the initiator names its recipient (REQ22); the rule is what an operator looks for.
      cause: rule ?? messageOf(error),
    };
    const { log } = this.#o;
    if (fields.code === 'PPG_E_OVERLOAD') {
      const sentence = 'PAP requests are refused with 503: too much waits; the next line comes in a minute';
      this.#lines.overload.say((unsaid) => log.warn({ ...fields, ...unsaid }, sentence));
    } else if (fields.code === 'PPG_E_QUOTA') {
      this.#lines.quota.say((unsaid) => log.warn({ ...fields, ...unsaid }, 'a PAP request was refused'));
    } else if (code === PAP.INTERNAL_ERROR) {
      this.#lines.failed.say((unsaid) => log.error({ ...fields, ...unsaid }, 'a PAP request failed'));
    } else {
      this.#lines.refused.say((unsaid) => log.warn({ ...fields, ...unsaid }, 'a PAP request was refused'));
    }
  }

  /** The end of a request that HTTP itself refuses, or that met an error nobody foresaw. */
  #refuse(request: PapRequest, response: ServerResponse, error: unknown): void {
    const refusal =
      error instanceof HttpRefusal ? error : new HttpRefusal(500, 'internal error', { Connection: 'close' });
    const fields = { status: refusal.status, cause: messageOf(error), source: request.socket.remoteAddress };
    const { log } = this.#o;
    if (refusal === error) {
      const sentence = 'an HTTP request to the PAP endpoint was refused';
      this.#lines.http.say((unsaid) => log.warn({ ...fields, ...unsaid }, sentence));
    } else this.#lines.failed.say((unsaid) => log.error({ ...fields, ...unsaid }, 'a PAP request failed'));
    if (response.headersSent || response.destroyed) return;
    response.writeHead(refusal.status, {
      'Content-Type': 'text/plain; charset=utf-8',
      ...closing(request),
      ...refusal.headers,
    });
    response.end(`${refusal.message}\n`);
  }
}

/** A refusal that will not last: HTTP says so too, since clients know Retry-After from there. */
interface Later {
  readonly xml: string;
  readonly status: number;
  /** Milliseconds. */
  readonly retryAfter: number;
}

/** 429: the account has had its share (RFC 6585 section 4). 503: the gateway has no room for anybody. */
const laterStatus = ({ code }: PpgError): number => (code === 'PPG_E_QUOTA' ? 429 : 503);

/** A body that nobody will read and that is not small is not waited for. */
function closing(request: PapRequest): Record<string, string> {
  const length = request.headers['content-length'];
  const small = length === undefined ? request.headers['transfer-encoding'] === undefined : Number(length) <= 65_536;
  return small ? {} : { Connection: 'close' };
}

function admitted(result: AuthResult, challenges: readonly string[]): PiAccount {
  if (result.ok) return result.account;
  switch (result.reason) {
    case 'missing':
    case 'malformed':
    case 'wrong':
      throw new HttpRefusal(401, 'credentials of a Push Initiator are needed', {
        'WWW-Authenticate': [...challenges],
      });
    case 'limited':
      throw new HttpRefusal(429, 'too many failed log-ins', retryAfter(result.retryAfter));
    case 'busy':
      throw new HttpRefusal(503, 'too many log-ins at a time', retryAfter(result.retryAfter));
  }
}

const retryAfter = (milliseconds: number): Record<string, string> => ({
  'Retry-After': String(Math.max(1, Math.ceil(milliseconds / 1000))),
});

function acceptable(media: MediaType | undefined, encoding: string | undefined): MediaType {
  const readable = media !== undefined && (media.type.startsWith('multipart/') || isXmlType(media.type));
  if (!readable) throw new HttpRefusal(415, 'PAP comes as multipart/related or application/xml');
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    throw new HttpRefusal(415, 'the body must not have a Content-Encoding');
  }
  return media;
}

/** The control entity first: the one that `start` names (RFC 2387 section 3.2), else the one that comes first. */
function ordered(parts: readonly MimePart[], media: MediaType): readonly MimePart[] {
  const start = bareId(media.parameters.get('start'));
  const root = start === undefined ? undefined : parts.find((part) => bareId(part.get('content-id')) === start);
  return root === undefined ? parts : [root, ...parts.filter((part) => part !== root)];
}

/** Clients leave out the angle brackets, in one place or in both. */
const bareId = (id: string | undefined): string | undefined => id?.replace(/^<(.*)>$/, '$1');

function controlOctets(control: MimePart, strict: boolean): Buffer {
  const type = parseMediaType(control.get('content-type') ?? '')?.type;
  if (strict && type !== 'application/xml') {
    throw new PpgError('PPG_E_MULTIPART', 'the first part of a submission must be application/xml');
  }
  // Base64 and quoted-printable at most treble what they carry; more is not worth decoding.
  if (control.body.length > 4 * PAP_LIMITS.bytes) {
    throw new PpgError('PPG_E_PAP_TOO_LARGE', `the control entity passes the limit of ${PAP_LIMITS.bytes} octets`);
  }
  return decodedBody(control);
}

function charsetOf(control: MimePart | undefined, media: MediaType): string | undefined {
  const type = control === undefined ? media : parseMediaType(control.get('content-type') ?? '');
  return type?.parameters.get('charset');
}

function send(response: ServerResponse, status: number, xml: string, headers?: Readonly<Record<string, string>>): void {
  if (response.headersSent || response.destroyed) return;
  const own = { 'Content-Type': PAP_CONTENT_TYPE, 'Content-Length': Buffer.byteLength(xml) };
  response.writeHead(status, headers === undefined ? own : { ...own, ...headers });
  response.end(xml);
}
