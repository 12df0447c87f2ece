import assert from 'node:assert/strict';
import { systemClock } from '../../../lib/base/clock.ts';
import { randomToken } from '../../../lib/base/ids.ts';
import { silentLogger } from '../../../lib/base/log.ts';
import { SipHeaders, type SipRequest, type SipResponse } from '../../../lib/codec/sip/message.ts';
import { respondTo } from '../../../lib/codec/sip/respond-to.ts';
import { type Core, createCore } from '../../../lib/embedded/core/core.ts';
import type { CoreOptions } from '../../../lib/embedded/core/options.ts';
import { createPhone, type Phone, type PhoneOptions } from '../../../lib/embedded/phone/phone.ts';
import type { ReceivedPush } from '../../../lib/embedded/phone/push-log.ts';
import { createSipStack } from '../../../lib/stack/stack.ts';
import type { Hop, ListenPoint, Protocol, ServerTransaction, SipStack } from '../../../lib/stack/types.ts';
import type { BindingRecord } from '../../../lib/store/bindings.ts';
import { createMemoryBindings } from '../../../lib/store/memory-bindings.ts';

export const LOCAL = '127.0.0.1';
export const udp: ListenPoint = { protocol: 'udp', host: LOCAL, port: 0 };
export const tcp: ListenPoint = { protocol: 'tcp', host: LOCAL, port: 0 };

/** Everything a test starts, stopped after it. */
const running: { stop(): Promise<void> }[] = [];

export function portOf(stack: SipStack, protocol: Protocol = 'udp'): number {
  const point = stack.listening.find((candidate) => candidate.protocol === protocol);
  assert.ok(point);
  return point.port;
}

/** A SIP element that is only a stack: the gateway's side of these tests. */
export class Element {
  readonly stack: SipStack;
  readonly requests: ServerTransaction[] = [];
  readonly #waiting: (() => void)[] = [];
  answer: (transaction: ServerTransaction) => void = (transaction) =>
    transaction.respond(respondTo(transaction.request, 200));

  constructor(listen: readonly ListenPoint[]) {
    this.stack = createSipStack({ clock: systemClock, listen });
    this.stack.onRequest((transaction) => {
      this.requests.push(transaction);
      this.answer(transaction);
      for (const wake of this.#waiting.splice(0)) wake();
    });
  }

  /** Resolves once `count` requests have come. */
  async got(count: number): Promise<ServerTransaction[]> {
    while (this.requests.length < count) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.requests;
  }

  /** Sends a request and answers its final response, or the failure. */
  send(parts: {
    uri: string;
    hop: Hop;
    method?: string;
    headers?: Record<string, string>;
    body?: Buffer;
  }): Promise<SipResponse> {
    const { method = 'MESSAGE', headers = {}, body = Buffer.alloc(0) } = parts;
    const fields = new SipHeaders([
      { name: 'Max-Forwards', value: '70' },
      { name: 'From', value: '<sip:push@ppg.example.com>;tag=ppg' },
      { name: 'To', value: `<${parts.uri}>` },
      { name: 'Call-ID', value: randomToken() },
      { name: 'CSeq', value: `1 ${method}` },
    ]);
    for (const [name, value] of Object.entries(headers)) fields.set(name, value);
    const request: SipRequest = { kind: 'request', method, uri: parts.uri, headers: fields, body };
    return new Promise((resolve, reject) => {
      this.stack.request(request, parts.hop, {
        onResponse: (response) => {
          if (response.status >= 200) resolve(response);
        },
        onFailure: (failure, cause) => reject(new Error(failure, { cause })),
      });
    });
  }
}

export async function element(listen: readonly ListenPoint[] = [udp]): Promise<Element> {
  const made = new Element(listen);
  await made.stack.start();
  running.push(made.stack);
  return made;
}

export interface RunningCore {
  readonly core: Core;
  readonly stack: SipStack;
  readonly hop: Hop;
  readonly records: Map<string, BindingRecord>;
}

export async function startCore(
  options: Partial<CoreOptions> & { port?: number; records?: Map<string, BindingRecord> } = {},
): Promise<RunningCore> {
  const { port = 0, records = new Map(), ...rest } = options;
  const stack = createSipStack({
    clock: systemClock,
    listen: [
      { ...udp, port },
      { ...tcp, port },
    ],
  });
  const core = createCore({
    clock: systemClock,
    log: silentLogger,
    stack,
    domain: 'example.com',
    applicationServers: [],
    bindings: createMemoryBindings(records),
    ...rest,
  });
  await core.start();
  running.push(core);
  return { core, stack, hop: { protocol: 'udp', host: LOCAL, port: portOf(stack) }, records };
}

/** A registered phone, and the pushes it got. */
export async function phone(
  { stack }: RunningCore,
  user: string,
  options: Partial<PhoneOptions> = {},
): Promise<Phone & { pushes: ReceivedPush[] }> {
  const transport = options.transport ?? 'udp';
  const made = createPhone({
    clock: systemClock,
    log: silentLogger,
    server: { host: LOCAL, port: portOf(stack, transport) },
    user: `${user}@example.com`,
    applications: ['mms.ua'],
    ...options,
  });
  const pushes: ReceivedPush[] = [];
  made.on('push', (push) => pushes.push(push));
  running.push(made);
  await made.start();
  return Object.assign(made, { pushes });
}

/** Headers of a push for an application. */
export const accepting = (application: string): Record<string, string> => ({
  'Accept-Contact': `*;+g.oma.pusheventapp="${application}";require;explicit`,
});

/** Stops what a test has started, the last first: for `afterEach`. */
export async function stopAll(): Promise<void> {
  for (const one of running.splice(0).reverse()) await one.stop();
}
