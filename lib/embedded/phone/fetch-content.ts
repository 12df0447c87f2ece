import { createHash } from 'node:crypto';
import { request as plainRequest } from 'node:http';
import { request as secureRequest } from 'node:https';
import { messageOf } from '../../base/errors.ts';
import type { ContentReference } from './entity.ts';

export interface FetchOptions {
  /** PEM of the authority that signs the server's certificate; default those of the system. */
  readonly ca?: string | undefined;
  /** Ends it early. */
  readonly signal?: AbortSignal | undefined;
  /** Largest content that is taken, octets; default 64 MiB. */
  readonly maxBytes?: number;
}

/** What a phone found behind a reference. */
export interface FetchedContent {
  readonly url: string;
  /** Of HTTP; undefined when there was no answer. */
  readonly status: number | undefined;
  readonly body: Buffer;
  /** True when there are as many octets as the reference says. */
  readonly sizeMatches: boolean;
  /** True when their SHA-1 is the reference's. */
  readonly hashMatches: boolean;
  /** What went wrong. */
  readonly cause?: string;
}

const LARGEST = 64 * 1024 * 1024;

/** Milliseconds without an octet. */
const PATIENCE = 30_000;

/** Fetches what a reference points at, octets as they are, redirections not followed. Never rejects. */
export async function fetchContent(reference: ContentReference, options: FetchOptions = {}): Promise<FetchedContent> {
  const { url, size, hash } = reference;
  try {
    const { status, body } = await get(url, options);
    const sizeMatches = size === undefined || body.length === size;
    const hashMatches = hash === undefined || createHash('sha1').update(body).digest('hex') === hash;
    return {
      url,
      status,
      body,
      sizeMatches: status === 200 && sizeMatches,
      hashMatches: status === 200 && hashMatches,
    };
  } catch (error) {
    const nothing = { status: undefined, body: Buffer.alloc(0), sizeMatches: false, hashMatches: false };
    return { url, ...nothing, cause: messageOf(error) };
  }
}

function get(url: string, { ca, signal, maxBytes = LARGEST }: FetchOptions): Promise<{ status: number; body: Buffer }> {
  return new Promise((resolve, reject) => {
    const secure = url.startsWith('https:');
    const outgoing = (secure ? secureRequest : plainRequest)(
      url,
      { agent: false, timeout: PATIENCE, ...(secure && ca !== undefined && { ca }), ...(signal && { signal }) },
      (incoming) => {
        const chunks: Buffer[] = [];
        let length = 0;
        incoming.on('data', (chunk: Buffer) => {
          length += chunk.length;
          if (length > maxBytes) incoming.destroy(new RangeError(`more than ${maxBytes} octets`));
          else chunks.push(chunk);
        });
        incoming.on('error', reject);
        incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, body: Buffer.concat(chunks) }));
      },
    );
    outgoing.on('timeout', () => outgoing.destroy(new Error('no octet for too long')));
    outgoing.on('error', reject);
    outgoing.end();
  });
}
