import assert from 'node:assert/strict';
import { systemClock } from '../../lib/base/clock.ts';
import type { Logger } from '../../lib/base/log.ts';
import type { NodeConfig } from '../../lib/cli/config-schema.ts';
import { type Sink, startSink } from '../../lib/cli/demo/sink.ts';
import { createLog } from '../../lib/cli/log.ts';
import { type RunningNode, startNode } from '../../lib/cli/node.ts';
import type { PapMessage, ResultNotification } from '../../lib/codec/pap/messages.ts';
import { readPap } from '../../lib/codec/pap/read.ts';
import { createPhone, type Phone, type PhoneOptions } from '../../lib/embedded/phone/phone.ts';
import type { ReceivedPush } from '../../lib/embedded/phone/push-log.ts';
import type { PpgConfiguration } from '../../lib/options/options.ts';
import { assertCodes } from '../support/pap-codes.ts';
import { basic, secretHash } from '../support/tenants.ts';

export const DOMAIN: string = 'ims.test';
const LOCAL = '127.0.0.1';

/** A submission; what is left out is as plain as can be. */
export interface Wishes {
  readonly pushId: string;
  readonly to?: readonly string[];
  /** Further attributes of push-message, as they stand in the document. */
  readonly attributes?: string;
  /** The quality-of-service element's attributes; without it there is none. */
  readonly qos?: string;
  readonly type?: string;
  /** Further headers of the content entity, each as `Name: value`. */
  readonly headers?: readonly string[];
  readonly body?: Buffer | string;
}

export interface RawAnswer {
  readonly status: number;
  readonly text: string;
}

export interface SceneOptions {
  readonly initiators?: PpgConfiguration['initiators'];
  readonly config?: Partial<NodeConfig>;
  readonly sip?: Partial<NodeConfig['sip']>;
  readonly log?: Logger;
}

/**
 * What the requirements speak of, all of it real and in one process: a Push Initiator with its notify URL, the gateway as
 * `serve` runs it, an SIP/IP core, and phones.
 */
export class Scene {
  readonly node: RunningNode;
  readonly sink: Sink;
  readonly notifications: ResultNotification[];
  readonly #phones: Phone[] = [];

  constructor(node: RunningNode, sink: Sink, notifications: ResultNotification[]) {
    this.node = node;
    this.sink = sink;
    this.notifications = notifications;
  }

  static async of(options: SceneOptions = {}): Promise<Scene> {
    const passwordHash = await secretHash();
    const accounts = options.initiators ?? [{ name: 'shop' }, { name: 'bank' }];
    const notifications: ResultNotification[] = [];
    const sink = await startSink((notification) => notifications.push(notification));
    const config: NodeConfig = {
      domain: DOMAIN,
      store: 'memory',
      initiators: accounts.map((account) => ({ passwordHash, ...account })),
      accounts: [],
      http: { host: LOCAL, port: 0 },
      sip: {
        host: LOCAL,
        leg: 'direct',
        trustedPeers: [LOCAL],
        registrations: 'register',
        notFoundIsFinal: false,
        ...options.sip,
      },
      core: { port: 0 },
      sipd: { port: 0, drachtioPort: 0 },
      direct: { port: 0 },
      drachtio: { port: 9022 },
      limits: {},
      retry: {},
      notify: { allowPrivate: true },
      stopWithin: 2000,
      log: { level: 'silent' },
      ...options.config,
    };
    try {
      const node = await startNode(config, { log: options.log ?? createLog('silent') });
      return new Scene(node, sink, notifications);
    } catch (error) {
      await sink.close();
      throw error;
    }
  }

  get url(): string {
    return `http://${LOCAL}:${this.node.ports.http}/pap`;
  }

  /** A phone that registered, and the pushes it got. */
  async phone(user: string, options: Partial<PhoneOptions> = {}): Promise<Phone & { pushes: ReceivedPush[] }> {
    const phone = createPhone({
      clock: systemClock,
      log: createLog('silent'),
      server: { host: LOCAL, port: this.node.ports.sip ?? 0 },
      user: `${user}@${DOMAIN}`,
      applications: ['wml.ua'],
      ...options,
    });
    this.#phones.push(phone);
    const pushes: ReceivedPush[] = [];
    phone.on('push', (push) => pushes.push(push));
    await phone.start();
    return Object.assign(phone, { pushes });
  }

  async post(body: Buffer | string, type: string, headers: Record<string, string> = {}): Promise<RawAnswer> {
    const response = await fetch(this.url, {
      method: 'POST',
      headers: { 'Content-Type': type, ...headers },
      body: typeof body === 'string' ? body : new Uint8Array(body),
    });
    return { status: response.status, text: await response.text() };
  }

  /** Submits as that account; answers the PAP message, whose codes stand where they may. */
  async push(user: string, wishes: Wishes): Promise<PapMessage> {
    const { text } = await this.post(submission(wishes), SUBMISSION_TYPE, basic(user));
    return readAnswer(text);
  }

  /** Submits and answers the code. */
  async code(user: string, wishes: Wishes): Promise<number> {
    const answer = await this.push(user, wishes);
    assert.ok(answer.message === 'push-response');
    return answer.code;
  }

  /** One PAP message that is no submission. */
  async pap(user: string, document: string): Promise<PapMessage> {
    const { text } = await this.post(`<?xml version="1.0"?><pap>${document}</pap>`, 'application/xml', basic(user));
    // A ccq-response comes as multipart/related, its control entity first.
    const control = text.startsWith('--') ? (text.split('\r\n\r\n')[1] ?? '').split('\r\n--')[0] : text;
    return readAnswer(control ?? '');
  }

  /** As ppg-notify-requested-to attribute. */
  get notify(): string {
    return `ppg-notify-requested-to="${this.sink.url}"`;
  }

  notified(pushId: string): ResultNotification[] {
    return this.notifications.filter((one) => one.pushId === pushId);
  }

  async close(): Promise<void> {
    await Promise.all(this.#phones.map((phone) => phone.stop()));
    await this.node.stop();
    await this.sink.close();
  }
}

const BOUNDARY = 'conformance-b0undary';
export const SUBMISSION_TYPE: string = `multipart/related; boundary=${BOUNDARY}; type="application/xml"`;

export function submission(wishes: Wishes): Buffer {
  const { to = [`sip:alice@${DOMAIN}`], attributes = '', type = 'text/plain', headers = [], body = 'hello' } = wishes;
  const addresses = to.map((one) => `<address address-value="${one}"/>`).join('');
  const qos = wishes.qos === undefined ? '' : `<quality-of-service ${wishes.qos}/>`;
  const head = [
    `--${BOUNDARY}`,
    'Content-Type: application/xml',
    '',
    '<?xml version="1.0"?><!DOCTYPE pap PUBLIC "-//WAPFORUM//DTD PAP 2.0//EN" "http://www.wapforum.org/DTD/pap_2.0.dtd">',
    `<pap><push-message push-id="${wishes.pushId}" ${attributes}>${addresses}${qos}</push-message></pap>`,
    `--${BOUNDARY}`,
    `Content-Type: ${type}`,
    ...headers,
    '',
    '',
  ].join('\r\n');
  return Buffer.concat([Buffer.from(head), Buffer.from(body), Buffer.from(`\r\n--${BOUNDARY}--\r\n`)]);
}

function readAnswer(text: string): PapMessage {
  const message = readPap(Buffer.from(text), { strict: true });
  assertCodes(message);
  return message;
}

/** Waits for what comes by the network; rejects after a minute. */
export async function until<T>(look: () => Found<T> | Promise<Found<T>>): Promise<T> {
  const end = Date.now() + WITHIN;
  while (Date.now() < end) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`waited ${WITHIN} ms in vain for: ${look}`);
}

type Found<T> = T | undefined | false;

/** Milliseconds; a test that waits without end would keep its process alive after its own time is over. */
const WITHIN = 60_000;
