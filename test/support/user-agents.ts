import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { SipHeaders, type SipRequest, type SipResponse } from '../../lib/codec/sip/message.ts';
import type { CallListener, ClientCall } from '../../lib/stack/client-call.ts';
import type { Dialog } from '../../lib/stack/dialog.ts';
import type { DialogEnd } from '../../lib/stack/dialog-host.ts';
import type { ServerCall } from '../../lib/stack/server-call.ts';
import { createSipStack } from '../../lib/stack/stack.ts';
import type { Hop, SipStack } from '../../lib/stack/types.ts';
import { UserAgent } from '../../lib/stack/user-agent.ts';
import { FakeClock } from './fake-clock.ts';
import { type Losses, LossyRelay } from './lossy-relay.ts';

export interface Side {
  readonly stack: SipStack;
  readonly agent: UserAgent;
  /** Where the other reaches it. */
  port: number;
}

/** Two user agents on loopback, on one fake clock, with or without a bad network between them. */
export class TwoAgents {
  readonly clock: FakeClock = new FakeClock();
  readonly a: Side;
  readonly b: Side;
  relay: LossyRelay | undefined;
  readonly #fence = new Fence();
  #serial = 0;

  constructor() {
    this.a = this.#side('a');
    this.b = this.#side('b');
  }

  #side(user: string): Side {
    const { clock } = this;
    const stack = createSipStack({ clock, listen: [{ protocol: 'udp', host: '127.0.0.1', port: 0 }] });
    const contact = (): string => `sip:${user}@127.0.0.1:${side.port};transport=udp`;
    const side: Side = { stack, agent: new UserAgent({ stack, clock, contact }), port: 0 };
    return side;
  }

  async start(losses?: Losses): Promise<this> {
    await this.#fence.open();
    for (const side of [this.a, this.b]) {
      await side.stack.start();
      side.port = side.stack.listening[0]?.port ?? 0;
    }
    if (losses === undefined) return this;
    const relay = await new LossyRelay(this.clock, this.a.port, this.b.port, losses).start();
    this.relay = relay;
    this.a.port = relay.toA;
    this.b.port = relay.toB;
    return this;
  }

  async stop(): Promise<void> {
    for (const { agent, stack } of [this.a, this.b]) {
      agent.stop();
      await stack.stop();
    }
    await this.relay?.close();
    this.#fence.close();
  }

  get toB(): Hop {
    return { protocol: 'udp', host: '127.0.0.1', port: this.b.port };
  }

  request(method: string, more: Record<string, string> = {}, body = ''): SipRequest {
    const headers = new SipHeaders([
      { name: 'Max-Forwards', value: '70' },
      { name: 'From', value: `<sip:a@example.com>;tag=${this.a.agent.newTag()}` },
      { name: 'To', value: '<sip:b@example.com>' },
      { name: 'Call-ID', value: `call-${++this.#serial}` },
      { name: 'CSeq', value: `100 ${method}` },
    ]);
    for (const [name, value] of Object.entries(more)) headers.set(name, value);
    const uri = `sip:b@127.0.0.1:${this.b.port}`;
    return { kind: 'request', method, uri, headers, body: Buffer.from(body) };
  }

  /** Lets datagrams arrive and time pass, `step` milliseconds at a time, until `done` or `ms` have passed. */
  async run(ms: number, done: () => boolean = () => false, step = 50): Promise<void> {
    for (let passed = 0; passed <= ms && !done(); passed += step) {
      await this.#arrivals();
      if (done()) return;
      this.clock.tick(Math.min(step, ms - passed));
    }
    await this.#arrivals();
  }

  /** What is on its way arrives, and what is sent in answer to it, and so on: as far as from one side to the other and back. */
  async #arrivals(): Promise<void> {
    for (let way = 0; way < 3; way++) {
      await this.#fence.pass();
      for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Without a tick of the clock. */
  async until(done: () => boolean): Promise<void> {
    while (!done()) await new Promise((resolve) => setImmediate(resolve));
  }

  /** What is open on both sides: transactions and dialogs. */
  get open(): number {
    return [this.a, this.b].reduce((sum, { stack, agent }) => {
      const { clientTransactions, serverTransactions } = stack.counters;
      return sum + clientTransactions + serverTransactions + agent.dialogs;
    }, 0);
  }

  call(listener: Partial<CallListener> = {}, request: SipRequest = this.request('INVITE')): ObservedCall {
    const seen: ObservedCall = new ObservedCall();
    seen.call = this.a.agent.invite(request, this.toB, {
      onProvisional: (response, dialog) => {
        seen.log.push(response.status);
        listener.onProvisional?.(response, dialog);
      },
      onAnswer: (dialog, response) => {
        seen.log.push(response.status);
        seen.dialogs.push(dialog);
        listener.onAnswer?.(dialog, response);
      },
      onRefused: (response) => {
        seen.log.push(response.status);
        listener.onRefused?.(response);
      },
      onFailure: (failure, cause, sent) => {
        seen.log.push(failure);
        listener.onFailure?.(failure, cause, sent);
      },
      ...(listener.acknowledge !== undefined && { acknowledge: listener.acknowledge }),
      dialog: {
        ...listener.dialog,
        onEnd: (reason, dialog) => {
          seen.ends.push(reason);
          listener.dialog?.onEnd?.(reason, dialog);
        },
      },
    });
    return seen;
  }
}

export class ObservedCall {
  call: ClientCall | undefined;
  readonly log: (number | string)[] = [];
  readonly dialogs: Dialog[] = [];
  readonly ends: DialogEnd[] = [];

  get dialog(): Dialog {
    const dialog = this.dialogs[0];
    if (dialog === undefined) throw new Error('the call has no answer');
    return dialog;
  }

  get final(): boolean {
    return this.log.some((one) => typeof one === 'string' || one >= 200);
  }
}

export const statusOf = (outcome: { kind: string; response?: SipResponse; failure?: string }): number | string =>
  outcome.response?.status ?? outcome.failure ?? '';

/** Answers every call with 180 and 200, and keeps the dialogs. */
export function answering(side: Side, body = ''): { calls: ServerCall[]; dialogs: Dialog[]; ends: DialogEnd[] } {
  const kept = { calls: [] as ServerCall[], dialogs: [] as Dialog[], ends: [] as DialogEnd[] };
  side.agent.onInvite((call) => {
    kept.calls.push(call);
    call.progress(180);
    kept.dialogs.push(call.accept({ body: Buffer.from(body) }, { onEnd: (reason) => kept.ends.push(reason) }));
  });
  return kept;
}

/** The kernel may take its time with loopback on a loaded machine: a datagram that comes has those before it ahead of it. */
class Fence {
  readonly #socket: Socket = createSocket('udp4');

  async open(): Promise<void> {
    this.#socket.bind(0, '127.0.0.1');
    await once(this.#socket, 'listening');
  }

  async pass(): Promise<void> {
    const arrival = once(this.#socket, 'message');
    this.#socket.send('', this.#socket.address().port, '127.0.0.1');
    await arrival;
  }

  close(): void {
    this.#socket.close();
  }
}
