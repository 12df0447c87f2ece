import { createHash } from 'node:crypto';
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Clock, TimerHandle } from '../lib/base/clock.ts';
import { messageOf } from '../lib/base/errors.ts';
import type { Logger } from '../lib/base/log.ts';
import { CONTENT_TOKEN } from '../lib/bearer/reference.ts';
import type { Proof } from '../lib/model/delivery.ts';
import type { EngineEvents } from '../lib/model/engine-events.ts';
import type { Content, RecipientRef } from '../lib/model/push.ts';
import type { Arriving } from '../lib/security/arrival.ts';
import { FailureLimiter } from '../lib/security/failure-limiter.ts';
import { readToken, type TokenRef, type TokenSecret } from '../lib/security/token-secret.ts';
import { Coverage, type OctetRange, rangeOf } from './content-range.ts';

/** Bounds on those who fetch; times in milliseconds. */
export interface ContentLimits {
  /** Downloads at a time; each holds its content in memory. */
  readonly downloads: number;
  /** Of them for one URL, so that nobody takes the places of all. */
  readonly downloadsEach: number;
  /** Requests for one URL within an hour. */
  readonly triesPerHour: number;
  /** Without an octet being taken. */
  readonly stall: number;
  /** Octets a second that a download must make on the whole. */
  readonly slowest: number;
  /** URLs that name nothing, of one address within a minute. */
  readonly misses: number;
}

export const CONTENT_LIMITS: ContentLimits = {
  downloads: 64,
  downloadsEach: 4,
  triesPerHour: 64,
  stall: 30_000,
  slowest: 1024,
  misses: 30,
};

export interface ContentDependencies {
  readonly secret: TokenSecret;
  /** See Store.content. */
  readonly content: (recipient: RecipientRef) => Promise<Content | undefined>;
  /** Takes the proof that a device has the content. Must not reject. */
  readonly prove: (recipient: RecipientRef, proof: Proof) => Promise<unknown>;
  readonly clock: Clock;
  readonly log: Logger;
  /** The address that a request came from. Default: the peer of the connection, or what Express makes of it. */
  readonly sourceOf?: ((request: Arriving) => string) | undefined;
  /** Told of every request, for metrics. */
  readonly onDownload?: ((download: EngineEvents['download']) => void) | undefined;
  readonly limits?: Partial<ContentLimits> | undefined;
}

/** A request handler of Express 4, Express 5 and plain node:http. */
export type ContentHttpHandler = (
  request: IncomingMessage & { readonly ip?: string | undefined },
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

type Result = EngineEvents['download']['result'];

const HOUR = 3_600_000;
const MINUTE = 60_000;

/** Octets handed to the connection at a time: small enough to see that they are taken. */
const SLICE = 64 * 1024;

const NOT_FOUND = 'There is nothing here.\n';

/** Headers of the entity that mean the same to whoever reads HTTP; the device has them all from the reference. */
const HANDED_ON = new Set(['content-encoding', 'content-language', 'content-disposition']);

/** What a Push Initiator wrote must not run or be kept under the gateway's own name. */
const GUARDED: OutgoingHttpHeaders = {
  'Cache-Control': 'private, no-store, no-transform',
  'Content-Security-Policy': "default-src 'none'; sandbox",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
};

/**
 * Serves contents to the devices that were referred to them, as `app.use('/content', contentRouter(...))` wants it: one
 * URL for each device, below the path it is mounted on; every other path is left to the app. A URL holds until its recipient is
 * final. Having sent every octet is the proof of delivery: HEAD and parts of the content are none, parts that make up the
 * whole are.
 */
export function contentRouter(dependencies: ContentDependencies): ContentHttpHandler {
  const endpoint = new ContentEndpoint(dependencies);
  return (request, response, next) => {
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
    const token = path.slice(1);
    if (token === '' || token.includes('/')) next();
    else endpoint.handle(token, request, response);
  };
}

class ContentEndpoint {
  readonly #o: ContentDependencies;
  readonly #limits: ContentLimits;
  readonly #misses: FailureLimiter;
  readonly #tries: FailureLimiter;
  readonly #coverage = new Coverage(1000);
  #downloads = 0;
  /** Downloads under way, by recipient and device. */
  readonly #busy = new Map<string, number>();

  constructor(dependencies: ContentDependencies) {
    this.#o = dependencies;
    const { clock } = dependencies;
    this.#limits = { ...CONTENT_LIMITS, ...dependencies.limits };
    this.#misses = new FailureLimiter(clock, { failures: this.#limits.misses, window: MINUTE }, 10_000);
    this.#tries = new FailureLimiter(clock, { failures: this.#limits.triesPerHour, window: HOUR }, 10_000);
  }

  handle(token: string, request: Parameters<ContentHttpHandler>[0], response: ServerResponse): void {
    // A peer that goes away is no error of ours.
    response.on('error', () => undefined);
    this.#serve(token, request, response).catch((error: unknown) => {
      this.#o.log.error({ cause: messageOf(error) }, 'a request for content failed');
      this.#refuse(response, undefined, 503, 'Later, please.\n', { 'Retry-After': '10' });
    });
  }

  async #serve(token: string, request: Parameters<ContentHttpHandler>[0], response: ServerResponse): Promise<void> {
    const { method } = request;
    if (method !== 'GET' && method !== 'HEAD')
      return this.#refuse(response, undefined, 405, 'GET or HEAD.\n', { Allow: 'GET, HEAD' });
    const { clock, secret, sourceOf } = this.#o;
    const source = sourceOf?.(request) ?? request.ip ?? request.socket.remoteAddress ?? '';
    const blocked = this.#misses.blockedFor(source);
    if (blocked > 0) return this.#refuse(response, undefined, 429, 'Too many.\n', later(blocked));
    const ref = readToken(secret, CONTENT_TOKEN, token, clock.now());
    if (ref === undefined) {
      this.#misses.charge(source);
      return this.#refuse(response, undefined, 404, NOT_FOUND);
    }
    // Not by the token, which may be spelt in several ways: the last of its characters holds bits that mean nothing.
    const key = `${ref.push}/${ref.index}/${ref.device ?? ''}`;
    const worn = this.#tries.blockedFor(key);
    if (worn > 0) return this.#refuse(response, ref, 429, 'Too many.\n', later(worn));
    this.#tries.charge(key);
    const busy = this.#busy.get(key) ?? 0;
    if (this.#downloads >= this.#limits.downloads || busy >= this.#limits.downloadsEach)
      return this.#refuse(response, ref, 503, 'Later, please.\n', { 'Retry-After': '5' });
    this.#downloads++;
    this.#busy.set(key, busy + 1);
    try {
      const content = await this.#o.content({ push: ref.push, index: ref.index });
      // It was here: whoever knows the URL was meant to have it.
      if (content === undefined) return this.#refuse(response, ref, 410, NOT_FOUND);
      await this.#answer(key, ref, content, request, response);
    } finally {
      this.#downloads--;
      const left = (this.#busy.get(key) ?? 1) - 1;
      if (left > 0) this.#busy.set(key, left);
      else this.#busy.delete(key);
    }
  }

  async #answer(
    key: string,
    ref: TokenRef,
    content: Content,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const { body } = content;
    const etag = `"${createHash('sha1').update(body).digest('base64url')}"`;
    const headers: OutgoingHttpHeaders = {
      ...GUARDED,
      ...entityHeaders(content),
      ETag: etag,
      'Accept-Ranges': 'bytes',
    };
    const only = request.headers['if-match'];
    if (only !== undefined && !only.split(',', 64).some((one) => one.trim() === '*' || one.trim() === etag))
      return this.#refuse(response, ref, 412, 'It is another.\n', { ETag: etag });
    if (names(request.headers['if-none-match'], etag)) {
      response.writeHead(304, { ...GUARDED, ETag: etag }).end();
      return this.#tell(ref, 304, 'not-modified', 0);
    }
    const { method } = request;
    const current = request.headers['if-range'];
    const usesRange = method === 'GET' && (current === undefined || current === etag);
    const range = usesRange ? rangeOf(request.headers.range, body.length) : 'all';
    if (range === 'unsatisfiable')
      return this.#refuse(response, ref, 416, NOT_FOUND, { 'Content-Range': `bytes */${body.length}` });
    const { start, end } = range === 'all' ? { start: 0, end: body.length } : range;
    const status = range === 'all' ? 200 : 206;
    if (status === 206) headers['Content-Range'] = `bytes ${start}-${end - 1}/${body.length}`;
    response.writeHead(status, { ...headers, 'Content-Length': end - start });
    if (method === 'HEAD') {
      response.end();
      return this.#tell(ref, status, 'head', 0);
    }
    const sent = await this.#send(response, body.subarray(start, end));
    if (sent < end - start) return this.#tell(ref, status, 'broken-off', sent);
    await this.#sent(key, ref, { start, end }, body.length, status);
  }

  async #sent(key: string, ref: TokenRef, piece: OctetRange, size: number, status: number): Promise<void> {
    const whole = this.#coverage.add(key, piece, size);
    this.#tell(ref, status, whole ? 'complete' : 'part', piece.end - piece.start);
    if (!whole) return;
    const cause = `the device fetched all ${size} octets`;
    // A request that was forked to devices nobody knows proves that one of them has it, not which.
    const device = ref.device === undefined || ref.device === 'aor' ? {} : { device: ref.device };
    await this.#o.prove({ push: ref.push, index: ref.index }, { kind: 'delivered', source: 'fetch', cause, ...device });
  }

  /** Octets that the connection took; fewer than there are when the peer went away or was too slow. */
  #send(response: ServerResponse, octets: Buffer): Promise<number> {
    const { clock } = this.#o;
    const { stall, slowest } = this.#limits;
    return new Promise((resolve) => {
      let taken = 0;
      let timer: TimerHandle | undefined;
      const end = (): void => {
        clock.clearTimeout(timer);
        clock.clearTimeout(whole);
        response.off('close', end);
        resolve(taken);
      };
      const tooSlow = (): void => void response.destroy();
      const whole = clock.setTimeout(tooSlow, stall + (octets.length / slowest) * 1000);
      const next = (): void => {
        clock.clearTimeout(timer);
        if (response.destroyed) return;
        timer = clock.setTimeout(tooSlow, stall);
        const slice = octets.subarray(taken, taken + SLICE);
        if (taken + slice.length < octets.length) {
          response.write(slice, (error) => {
            if (error != null) return;
            taken += slice.length;
            next();
          });
        } else {
          response.end(slice, () => {
            taken += slice.length;
            end();
          });
        }
      };
      response.once('close', end);
      next();
    });
  }

  #refuse(
    response: ServerResponse,
    ref: TokenRef | undefined,
    status: number,
    text: string,
    headers: OutgoingHttpHeaders = {},
  ): void {
    this.#tell(ref, status, 'refused', 0);
    if (response.headersSent || response.destroyed) return;
    response.writeHead(status, {
      ...GUARDED,
      'Content-Type': 'text/plain; charset=utf-8',
      'Content-Length': Buffer.byteLength(text),
      ...headers,
    });
    response.end(response.req.method === 'HEAD' ? undefined : text);
  }

  #tell(ref: TokenRef | undefined, status: number, result: Result, bytes: number): void {
    const { clock, log, onDownload } = this.#o;
    const { push, index, device } = ref ?? {};
    if (result === 'refused') log.debug({ push, index, device, status }, 'a request for content was refused');
    else log.debug({ push, index, device, status, result, bytes }, 'content was fetched');
    onDownload?.({ at: clock.now(), status, result, bytes, ...(push !== undefined && { push }) });
  }
}

const later = (milliseconds: number): OutgoingHttpHeaders => ({
  'Retry-After': String(Math.max(1, Math.ceil(milliseconds / 1000))),
});

function entityHeaders({ type, headers }: Content): OutgoingHttpHeaders {
  const found: OutgoingHttpHeaders = { 'Content-Type': inHttp(type) };
  for (const { name, value } of headers) if (HANDED_ON.has(name.toLowerCase())) found[name] = inHttp(value);
  return found;
}

/** Header values leave as the UTF-8 octets that they came as: Node writes one octet for each character. */
const inHttp = (value: string): string => Buffer.from(value).toString('latin1');

/** RFC 9110 section 13.1.2, weak comparison. */
const names = (header: string | undefined, etag: string): boolean =>
  header !== undefined &&
  (header.trim() === '*' || header.split(',', 64).some((one) => one.trim().replace(/^W\//, '') === etag));
