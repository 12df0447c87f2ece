import { SipHeaders, type SipRequest } from '../../lib/codec/sip/message.ts';
import { respondTo } from '../../lib/codec/sip/respond-to.ts';
import { createSipStack } from '../../lib/stack/stack.ts';
import type { Hop, SipStack } from '../../lib/stack/types.ts';
import { UserAgent } from '../../lib/stack/user-agent.ts';
import { FakeClock } from '../support/fake-clock.ts';

/** What stands at one point of the run, once all time that a timer takes has passed. */
export interface Standing {
  readonly messages: number;
  readonly calls: number;
  /** Messages that got 200 and calls that were answered and hung up. */
  readonly good: number;
  readonly transactions: number;
  readonly dialogs: number;
  readonly timers: number;
  /** Octets in use after garbage collection: of the heap, and of buffers beside it. */
  readonly heap: number;
  readonly buffers: number;
}

/** Transactions and calls under way at once. */
const AT_ONCE = 32;
/** After so many the clock goes on, so that no more than that many wait for timer J. */
const BATCH = 1000;
/** Longer than any timer of a transaction: 64*T1 twice, and T4. */
const ALL_TIMERS = 70_000;

const clock = new FakeClock();
const HOST = '127.0.0.1';

interface Side {
  readonly stack: SipStack;
  readonly agent: UserAgent;
  port: number;
}

function sideOf(user: string): Side {
  const stack = createSipStack({ clock, listen: [{ protocol: 'udp', host: HOST, port: 0 }] });
  const contact = (): string => `sip:${user}@${HOST}:${side.port}`;
  const side: Side = { stack, agent: new UserAgent({ stack, clock, contact }), port: 0 };
  return side;
}

let serial = 0;
let good = 0;

function request(from: Side, method: string, to: Hop): SipRequest {
  const headers = new SipHeaders([
    { name: 'Max-Forwards', value: '70' },
    { name: 'From', value: `<sip:a@example.com>;tag=${from.agent.newTag()}` },
    { name: 'To', value: '<sip:b@example.com>' },
    { name: 'Call-ID', value: `leak-${++serial}` },
    { name: 'CSeq', value: `1 ${method}` },
  ]);
  return { kind: 'request', method, uri: `sip:b@${to.host}:${to.port}`, headers, body: Buffer.from('text') };
}

const message = (from: Side, to: Hop): Promise<void> =>
  new Promise((resolve) => {
    from.stack.request(request(from, 'MESSAGE', to), to, {
      onResponse: ({ status }) => {
        if (status === 200) good++;
        resolve();
      },
      onFailure: () => resolve(),
    });
  });

const call = (from: Side, to: Hop): Promise<void> =>
  new Promise((resolve) => {
    from.agent.invite(request(from, 'INVITE', to), to, {
      onAnswer: (dialog) => {
        good++;
        void dialog.end().then(resolve);
      },
      onRefused: () => resolve(),
      onFailure: () => resolve(),
    });
  });

/** Makes `count` of them, AT_ONCE under way, and lets the transactions of each BATCH come to their end. */
async function many(count: number, one: () => Promise<void>): Promise<void> {
  for (let done = 0; done < count; done += BATCH) {
    let left = Math.min(BATCH, count - done);
    const worker = async (): Promise<void> => {
      while (left-- > 0) await one();
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    await turns(20); // ACKs and repeated datagrams that are still on their way
    clock.tick(ALL_TIMERS);
  }
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

async function standing(sides: readonly Side[], messages: number, calls: number): Promise<Standing> {
  // Twice, with turns between: what a finalizer frees is gone by the second.
  for (let pass = 0; pass < 2; pass++) {
    globalThis.gc?.();
    await turns(5);
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  const sum = (of: (side: Side) => number): number => sides.reduce((total, side) => total + of(side), 0);
  return {
    messages,
    calls,
    good,
    transactions: sum(({ stack }) => stack.counters.clientTransactions + stack.counters.serverTransactions),
    dialogs: sum(({ agent }) => agent.dialogs),
    timers: clock.pending,
    heap: heapUsed,
    buffers: arrayBuffers,
  };
}

/**
 * Sends `messages` MESSAGEs and makes `calls` calls between two stacks of this process, on loopback, in four parts, and
 * writes a Standing in JSON after each.
 */
async function main(): Promise<void> {
  const [messages = 0, calls = 0] = process.argv.slice(2).map(Number);
  const sides = [sideOf('a'), sideOf('b')] as const;
  const [a, b] = sides;
  for (const side of sides) {
    await side.stack.start();
    side.port = side.stack.listening[0]?.port ?? 0;
  }
  b.agent.onRequest((transaction) => transaction.respond(respondTo(transaction.request, 200)));
  b.agent.onInvite((incoming) => {
    incoming.progress(180);
    incoming.accept();
  });
  const hop: Hop = { protocol: 'udp', host: HOST, port: b.port };
  for (let part = 1; part <= 4; part++) {
    await many(messages / 4, () => message(a, hop));
    await many(calls / 4, () => call(a, hop));
    const now = await standing(sides, (part * messages) / 4, (part * calls) / 4);
    process.stdout.write(`${JSON.stringify(now)}\n`);
  }
  for (const { agent, stack } of sides) {
    agent.stop();
    await stack.stop();
  }
}

void main();
