import { readFileSync } from 'node:fs';
import { createServer, request as httpRequest, type Server } from 'node:http';
import { request as httpsRequest, type Server as TlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { PapDependencies, papHandler } from '../../handlers/pap.ts';
import { silentLogger } from '../../lib/base/log.ts';
import type { PapMessage } from '../../lib/codec/pap/messages.ts';
import { readPap } from '../../lib/codec/pap/read.ts';
import type { RecipientAddress } from '../../lib/model/address.ts';
import type { ClientCapabilities } from '../../lib/model/client-capabilities.ts';
import type { CancelAnswer, PapService, StatusAnswer } from '../../lib/model/pap-service.ts';
import type { Submission } from '../../lib/model/push.ts';
import type { PiAccount, PiAuthenticator } from '../../lib/security/pi-auth.ts';
import { FakeClock } from './fake-clock.ts';
import { assertCodes } from './pap-codes.ts';

export const fixture = (name: string): Buffer =>
  readFileSync(new URL(`../fixtures/pap/${name}.http-body`, import.meta.url));

/** Content-Types of the fixtures, from their README. */
export const FIXTURE_TYPES: Readonly<Record<string, string>> = {
  'two-raw-tokens': 'multipart/related; boundary=PMasdfglkjhqwert; type=application/xml',
  'no-blank-line-before-xml': 'multipart/related; type="application/xml"; boundary="qwertyuiop"',
  'vendor-part-headers': 'multipart/related; type="application/xml"; boundary=asdlfkjiurwghasf',
  replace: 'multipart/related; type="application/xml"; boundary=asdlfkjiurwghasf',
  cancel: 'application/xml',
  'status-query': 'application/xml',
  'unknown-delivery-method': 'multipart/related; type="application/xml"; boundary=asdlfkjiurwghasf',
  'no-blank-before-subset': 'multipart/related; boundary=ASDFaslkdfjasfaSfdasfhpoiurwqrwm; type=application/xml',
  'required-gsm-sms': 'multipart/related; boundary=asdlfkjiurwgasf; type="application/xml"',
};

/** Remembers what it was given and answers what it was told to. */
export class FakeEngine implements PapService {
  readonly submissions: Submission[] = [];
  readonly queries: unknown[][] = [];
  answer: (submission: Submission) => { code: number; desc: string } = () => ({
    code: 1001,
    desc: 'Accepted for processing',
  });
  readonly cancellations: unknown[][] = [];
  readonly questions: unknown[][] = [];
  statusAnswer: StatusAnswer | undefined;
  cancelAnswer: CancelAnswer | undefined;
  known: ClientCapabilities | undefined;

  async submit(submission: Submission): Promise<{ code: number; desc: string }> {
    this.submissions.push(submission);
    return this.answer(submission);
  }

  async status(...query: [string, string, readonly RecipientAddress[]]): Promise<StatusAnswer | undefined> {
    this.queries.push(query);
    return this.statusAnswer;
  }

  async cancel(...cancellation: [string, string, readonly RecipientAddress[]]): Promise<CancelAnswer | undefined> {
    this.cancellations.push(cancellation);
    return this.cancelAnswer;
  }

  async capabilities(...question: [string, RecipientAddress, string?]): Promise<ClientCapabilities | undefined> {
    this.questions.push(question);
    return this.known;
  }
}

export const ACCOUNT: PiAccount = { name: 'shop', passwordHash: '' };

export const admitting = (account: PiAccount = ACCOUNT): PiAuthenticator => ({ check: () => ({ ok: true, account }) });

export const dependencies = (changes: Partial<PapDependencies> = {}): PapDependencies & { engine: FakeEngine } =>
  ({
    auth: admitting(),
    engine: new FakeEngine(),
    clock: new FakeClock(),
    log: silentLogger,
    domain: 'ims.example.com',
    name: 'drachtio-ppg',
    allowPrivateNotify: true,
    ...changes,
  }) as PapDependencies & { engine: FakeEngine };

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** A server on loopback, and a client that asks it one thing at a time. */
export class Endpoint {
  readonly #server: Server | TlsServer;

  constructor(server: Server | TlsServer) {
    this.#server = server;
  }

  static async of(handler: ReturnType<typeof papHandler> | Server | TlsServer): Promise<Endpoint> {
    const server =
      typeof handler === 'function' ? createServer((req, res) => handler(req, res, () => res.end())) : handler;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new Endpoint(server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  post(
    body: Buffer | string,
    type: string,
    options: { headers?: Record<string, string>; path?: string; method?: string; ca?: string } = {},
  ): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      const outgoing = (options.ca === undefined ? httpRequest : httpsRequest)(
        {
          ...(options.ca !== undefined && { ca: options.ca, servername: 'localhost' }),
          host: '127.0.0.1',
          port: this.port,
          path: options.path ?? '/',
          method: options.method ?? 'POST',
          agent: false,
          timeout: 5000,
          headers: {
            ...(type !== '' && { 'Content-Type': type }),
            'Content-Length': Buffer.byteLength(body),
            ...options.headers,
          },
        },
        (incoming) => {
          const chunks: Buffer[] = [];
          incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
          incoming.on('end', () =>
            resolve({
              status: incoming.statusCode ?? 0,
              headers: incoming.headers,
              text: Buffer.concat(chunks).toString(),
            }),
          );
        },
      );
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }

  /** Posts and reads the one PAP message of the answer. */
  async pap(
    body: Buffer | string,
    type: string,
    options: { headers?: Record<string, string>; path?: string } = {},
  ): Promise<PapMessage> {
    const { text } = await this.post(body, type, options);
    const message = readPap(Buffer.from(text), { strict: true });
    assertCodes(message);
    return message;
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}
