import { Agent, request } from 'undici';
import { messageOf, PpgError } from '../base/errors.ts';
import { randomToken } from '../base/ids.ts';
import { type MimePart, readMultipart } from '../codec/mime/multipart.ts';
import type { CancelResponse, PapMessage, PushMessage, StatusQueryResult } from '../codec/pap/messages.ts';
import { readProfileValues } from '../codec/pap/profile-values.ts';
import { readPap } from '../codec/pap/read.ts';
import {
  type Written,
  writeCancelMessage,
  writeCcqMessage,
  writePushMessage,
  writeStatusQuery,
} from '../codec/pap/write.ts';

/** A PAP endpoint and an account there. */
export interface PapTarget {
  /** As `http://127.0.0.1:8080/pap`. */
  readonly url: string;
  readonly user: string;
  readonly password: string;
}

export interface PushContent {
  readonly type: string;
  /** Further headers of the content entity, by name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** What a PPG says to a submission or a question about one. */
export interface PapAnswer {
  readonly code: number;
  readonly desc: string;
}

export interface PushState extends PapAnswer {
  readonly results: readonly StatusQueryResult[];
}

export interface PushCancellation extends PapAnswer {
  readonly results: CancelResponse['results'];
}

export interface PapCapabilities extends PapAnswer {
  /** HTTP date until which it holds. */
  readonly until?: string | undefined;
  /** Attributes of UAProf with their values; empty when nothing is known. */
  readonly values: ReadonlyMap<string, readonly string[]>;
}

interface HttpAnswer {
  readonly status: number;
  readonly type: string;
  readonly octets: Buffer;
}

const VERSION = '2.0';
const ANSWER_WITHIN = 30_000; // ms
const MAX_ANSWER = 1024 * 1024;
/** What is shown of a sentence, octets. */
const MAX_SENTENCE = 200;

/** Submits pushes and asks for their state, as a Push Initiator does (WAP-247). */
export class PapClient {
  readonly #target: PapTarget;
  readonly #agent = new Agent({ connections: 1, headersTimeout: ANSWER_WITHIN, bodyTimeout: ANSWER_WITHIN });

  constructor(target: PapTarget) {
    this.#target = target;
  }

  /** Submits a push; the answer is 1001 once the gateway has it on disk. Rejects as {@link PapClient.status}. */
  async submit(push: Omit<Written<PushMessage>, 'papVersion'>, content: PushContent): Promise<PapAnswer> {
    const boundary = `ppg-${randomToken()}`;
    const document = writePushMessage({ ...push, papVersion: VERSION });
    const headers = Object.entries({ ...content.headers, 'Content-Type': content.type });
    const body = Buffer.concat([
      Buffer.from(
        `--${boundary}\r\nContent-Type: application/xml\r\n\r\n${document}\r\n--${boundary}\r\n` +
          `${headers.map(([name, value]) => `${name}: ${oneLine(value)}\r\n`).join('')}\r\n`,
      ),
      content.body,
      Buffer.from(`\r\n--${boundary}--\r\n`),
    ]);
    const answer = await this.#post(`multipart/related; type="application/xml"; boundary="${boundary}"`, body);
    return codeOf(answer);
  }

  /**
   * Asks how a push stands with all its recipients.
   * Rejects with PPG_E_UNAUTHENTICATED, with PPG_E_STATE when nobody answers or the answer is no PAP.
   */
  async status(pushId: string): Promise<PushState> {
    const document = writeStatusQuery({ pushId, addresses: [], papVersion: VERSION });
    const answer = await this.#post('application/xml', Buffer.from(document));
    if (answer.message !== 'statusquery-response') return { ...codeOf(answer), results: [] };
    const [first] = answer.results;
    return { code: first?.code ?? 0, desc: first?.desc ?? '', results: answer.results };
  }

  /** Asks to cancel a push for these recipients, or for all. Rejects as {@link PapClient.status}. */
  async cancel(pushId: string, addresses: readonly string[]): Promise<PushCancellation> {
    const document = writeCancelMessage({ pushId, addresses, papVersion: VERSION });
    const answer = await this.#post('application/xml', Buffer.from(document));
    if (answer.message !== 'cancel-response') return { ...codeOf(answer), results: [] };
    const [first] = answer.results;
    return { code: first?.code ?? 0, desc: first?.desc ?? '', results: answer.results };
  }

  /** Asks what a user's devices can (ccq). Rejects as {@link PapClient.status}. */
  async capabilities(address: string, appId?: string): Promise<PapCapabilities> {
    const question = { queryId: randomToken(), address, papVersion: VERSION, ...(appId !== undefined && { appId }) };
    const answer = await this.#request('application/xml', Buffer.from(writeCcqMessage(question)));
    const [control, profile] = entitiesOf(answer);
    const message = this.#read({ ...answer, octets: control?.body ?? answer.octets });
    if (message.message !== 'ccq-response') return { ...codeOf(message), values: new Map() };
    return {
      code: message.code,
      desc: message.desc ?? '',
      until: profile?.get('expires'),
      values: profile === undefined ? new Map() : readProfileValues(profile.body),
    };
  }

  /** Ends the connection. */
  close(): Promise<void> {
    return this.#agent.close();
  }

  async #post(type: string, body: Buffer): Promise<PapMessage> {
    return this.#read(await this.#request(type, body));
  }

  async #request(type: string, body: Buffer): Promise<HttpAnswer> {
    const { url, user, password } = this.#target;
    let status: number;
    let octets: Buffer;
    let answered: string;
    try {
      const answer = await request(url, {
        method: 'POST',
        dispatcher: this.#agent,
        headers: {
          'content-type': type,
          authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
        },
        body,
      });
      status = answer.statusCode;
      answered = String(answer.headers['content-type'] ?? '');
      octets = await bounded(answer.body);
    } catch (error) {
      throw new PpgError(
        'PPG_E_STATE',
        `no answer from ${url}: ${messageOf(error) || systemWord(error)}; ${adviceFor(error)}`,
        {
          cause: error,
        },
      );
    }
    if (status === 401) {
      throw new PpgError(
        'PPG_E_UNAUTHENTICATED',
        `${url} does not know this user and password (HTTP 401); check --user and --pass`,
      );
    }
    if (status === 403) {
      throw new PpgError(
        'PPG_E_UNAUTHENTICATED',
        `${url} takes nothing from this client (HTTP 403): ${sentenceOf(octets)}`,
      );
    }
    if (status === 429) throw new PpgError('PPG_E_UNAUTHENTICATED', `${url} asks to wait (HTTP 429); try again later`);
    return { status, type: answered, octets };
  }

  #read({ status, octets }: HttpAnswer): PapMessage {
    try {
      return readPap(octets);
    } catch (error) {
      if (status >= 400)
        throw new PpgError(
          'PPG_E_STATE',
          `${this.#target.url} answered HTTP ${status} and no PAP document: ${sentenceOf(octets)}`,
        );
      throw new PpgError(
        'PPG_E_STATE',
        `${this.#target.url} answered HTTP ${status} and no PAP document; is it a PAP endpoint?`,
        {
          cause: error,
        },
      );
    }
  }
}

/** What a server says in place of a document, on one line. */
const sentenceOf = (octets: Buffer): string =>
  octets.toString('utf8', 0, MAX_SENTENCE).split(/\p{Cc}/u, 1)[0] || 'it does not say why; is it a PAP endpoint?';

/** The entities of a multipart answer; none when it is a document alone, or cannot be read as the multipart it says it is. */
function entitiesOf({ type, octets }: HttpAnswer): readonly MimePart[] {
  try {
    return type.toLowerCase().startsWith('multipart/') ? readMultipart(octets, type).parts : [];
  } catch {
    return []; // then it is no PAP document either, and is refused as none
  }
}

/** Code and description of whatever a PPG answered. */
function codeOf(message: PapMessage): PapAnswer {
  if (message.message === 'push-response' || message.message === 'badmessage-response') {
    return { code: message.code, desc: message.desc ?? '' };
  }
  throw new PpgError('PPG_E_STATE', `the gateway answered with a ${message.message}`);
}

async function bounded(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.length;
    if (size > MAX_ANSWER) throw new Error(`the answer is longer than ${MAX_ANSWER} octets`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** A header value stays on its line whatever was given. */
const oneLine = (value: string): string => value.replace(/[\r\n]+/g, ' ');

/** How Node and OpenSSL name a certificate that nobody it knows has signed. */
const UNKNOWN_ISSUER = /SELF_SIGNED_CERT|UNABLE_TO_(VERIFY|GET_ISSUER)/;

const adviceFor = (error: unknown): string =>
  UNKNOWN_ISSUER.test(systemWord(error))
    ? 'where the authority is your own, NODE_EXTRA_CA_CERTS=FILE makes it known'
    : 'is the gateway running there?';

/** Node joins several refused addresses into an error without a message. */
const systemWord = (error: unknown): string => String((error as { code?: unknown }).code ?? 'connection failed');
