import type { IncomingMessage } from 'node:http';
import type { Clock } from '../lib/base/clock.ts';
import { PpgError } from '../lib/base/errors.ts';
import { inviteBody } from '../lib/base/invitation.ts';

/** A request as Node gives it, with what Express and a body parser in front may have added. */
export type PapRequest = IncomingMessage & {
  body?: unknown;
  ip?: string | undefined;
  /** Set by Express when a route, not a mount point, led here. */
  route?: unknown;
};

export interface BodyLimits {
  /** Octets. */
  readonly maxBytes: number;
  /** Milliseconds from the first look at the body to its end. */
  readonly timeout: number;
}

/** Refused by HTTP itself, with no PAP answer (WAP-247 leaves these to HTTP). */
export class HttpRefusal extends Error {
  override readonly name = 'HttpRefusal';
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[]>>;

  constructor(status: number, message: string, headers: Readonly<Record<string, string | string[]>> = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

const CLOSE = { Connection: 'close' };

/**
 * The octets of the request body: what a parser in front has left, or the stream read to its end.
 *
 * Rejects with PPG_E_BODY_CONSUMED when a parser took the octets and left something else; HttpRefusal 413 past the
 * limit, 408 when it takes too long, 400 when the client goes away.
 */
export function readBody(request: PapRequest, limits: BodyLimits, clock: Clock): Buffer | Promise<Buffer> {
  const { body } = request;
  if (body instanceof Uint8Array) return bounded(Buffer.from(body.buffer, body.byteOffset, body.byteLength), limits);
  if (typeof body === 'string') return bounded(octetsOf(body, request), limits);
  // Parsers of Express 4 leave `{}` on requests they did not touch: the stream tells who is right.
  if (request.readableDidRead || request.readableEnded) throw consumed();
  if (request.destroyed) throw new HttpRefusal(400, 'the client went away', CLOSE);
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > limits.maxBytes) throw tooLarge(limits);
  inviteBody(request);
  return readStream(request, limits, clock);
}

/** Text is taken only when no octet can have been lost: its length in UTF-8 is the one that was sent, or it is ASCII. */
function octetsOf(text: string, request: PapRequest): Buffer {
  const octets = Buffer.from(text, 'utf8');
  const ascii = octets.length === text.length;
  const announced = request.headers['content-length'];
  if (announced === undefined ? ascii : octets.length === Number(announced) && !text.includes('\ufffd')) return octets;
  throw consumed();
}

function bounded(octets: Buffer, limits: BodyLimits): Buffer {
  if (octets.length > limits.maxBytes) throw tooLarge(limits);
  return octets;
}

function readStream(request: PapRequest, limits: BodyLimits, clock: Clock): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    let settled = false;
    // The listeners stay: to take them off costs more than to call them again, and an error without one would end the process.
    const settle = (error: Error | undefined): void => {
      if (settled) return;
      settled = true;
      clock.clearTimeout(timer);
      if (error === undefined) resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, length));
      else {
        // Whatever else the client sends is read by nobody.
        chunks.length = 0;
        request.pause();
        reject(error);
      }
    };
    const onData = (chunk: Buffer): void => {
      if (settled) return;
      length += chunk.length;
      if (length > limits.maxBytes) settle(tooLarge(limits));
      else chunks.push(chunk);
    };
    const onEnd = (): void => settle(undefined);
    const onGone = (): void => {
      if (!settled) settle(new HttpRefusal(400, 'the client went away within its request', CLOSE));
    };
    const timer = clock.setTimeout(() => settle(new HttpRefusal(408, 'the body took too long', CLOSE)), limits.timeout);
    request.on('data', onData).on('end', onEnd).on('error', onGone).on('close', onGone);
  });
}

const tooLarge = ({ maxBytes }: BodyLimits): HttpRefusal =>
  new HttpRefusal(413, `the body is larger than ${maxBytes} octets`, CLOSE);

const consumed = (): PpgError =>
  new PpgError(
    'PPG_E_BODY_CONSUMED',
    'a body parser in front of the gateway has taken the body; mount pap() before express.json(), express.text() and their like',
  );
