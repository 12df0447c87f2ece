import { systemClock } from '../../lib/base/clock.ts';
import { SipHeaders, type SipRequest } from '../../lib/codec/sip/message.ts';
import { respondTo } from '../../lib/codec/sip/respond-to.ts';
import { createSipStack } from '../../lib/stack/stack.ts';
import type { TimerValues } from '../../lib/stack/timers.ts';
import type { ServerTransaction } from '../../lib/stack/types.ts';
import { ClosedLoop, type LoopJob, type LoopResult } from './closed-loop.ts';
import { runPart } from './part.ts';
import { BODY, fieldsOf, URI } from './stack-message.ts';

export interface StackNodeOptions {
  readonly timers?: Partial<TimerValues>;
}

export interface Held {
  /** Transactions open, of both sides. */
  readonly open: number;
  /** Octets of heap and of buffers beside it, after garbage collection. */
  readonly octets: number;
}

export interface StackNodeCommands {
  udp(): number;
  tcp(): number;
  /** Sends MESSAGEs as UAC. */
  run(job: LoopJob): Promise<LoopResult>;
  /** Begins so many client transactions to a UDP port. */
  begin(job: { port: number; count: number }): Promise<void>;
  /** As UAS: whether requests are answered by 200 or kept. */
  answers(yes: boolean): void;
  held(): Promise<Held>;
}

const HOST = '127.0.0.1';

/** The project's stack, as UAC and as UAS. */
runPart(async ({ timers = {} }: StackNodeOptions): Promise<StackNodeCommands> => {
  const listen = (['udp', 'tcp'] as const).map((protocol) => ({ protocol, host: HOST, port: 0 }));
  const stack = createSipStack({ clock: systemClock, listen, timers });
  const kept: ServerTransaction[] = [];
  let [answering, serial] = [true, 0];
  stack.onRequest((transaction) => {
    if (answering) transaction.respond(respondTo(transaction.request, 200));
    else kept.push(transaction);
  });
  await stack.start();
  const portOf = (protocol: string): number => stack.listening.find((one) => one.protocol === protocol)?.port ?? 0;

  const request = (): SipRequest => ({
    kind: 'request',
    method: 'MESSAGE',
    uri: URI,
    headers: new SipHeaders(fieldsOf(String(serial++).padStart(13, '0'))),
    body: BODY,
  });

  return {
    udp: () => portOf('udp'),
    tcp: () => portOf('tcp'),
    run({ port, protocol, ...job }) {
      const hop = { protocol, host: HOST, port };
      const listener = {
        onResponse: ({ status }: { status: number }): void => loop.onEnd(status === 200),
        onFailure: (): void => loop.onEnd(false),
      };
      const loop: ClosedLoop = new ClosedLoop({ port, protocol, ...job }, () => {
        stack.request(request(), hop, listener);
      });
      return loop.run();
    },
    async begin({ port, count }) {
      const hop = { protocol: 'udp', host: HOST, port } as const;
      for (let n = 0; n < count; n++) {
        stack.request(request(), hop, { onResponse: () => undefined, onFailure: () => undefined });
        if (n % 16 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    },
    answers(yes) {
      answering = yes;
    },
    async held() {
      await new Promise((resolve) => setTimeout(resolve, 200)); // what is still on its way
      globalThis.gc?.();
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      const { clientTransactions, serverTransactions } = stack.counters;
      return { open: clientTransactions + serverTransactions, octets: heapUsed + arrayBuffers };
    },
  };
});
