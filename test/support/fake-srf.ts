import { EventEmitter } from 'node:events';
import type { SrfLike, SrfRequestOptions, SrfResponse, SrfSentRequest } from '../../lib/sip/drachtio/srf-like.ts';

type Callback = (error: unknown, request?: SrfSentRequest) => void;

export interface FakeCall {
  readonly uri: string;
  readonly options: SrfRequestOptions;
  readonly callback: Callback;
  /** The server confirms that the request was sent. */
  accept(): void;
  /** A response of the network; an empty source address for one of the server's own. */
  respond(status: number, source?: string): void;
}

/** A Srf without a server, with the manners of the real one. */
export class FakeSrf extends EventEmitter implements SrfLike {
  readonly calls: FakeCall[] = [];
  readonly routes: { method: string; handler: (...args: unknown[]) => unknown }[] = [];
  disconnects = 0;
  /** Runs inside request(), as when the answer is in the same read; may throw as drachtio-srf does when down. */
  onCall: ((call: FakeCall) => void) | undefined;

  request(uri: string, options: SrfRequestOptions, callback: Callback): void {
    const sent = new EventEmitter();
    const call: FakeCall = {
      uri,
      options,
      callback,
      accept: () => callback(null, sent as SrfSentRequest),
      respond: (status, source_address = '192.0.2.5') => {
        const response: SrfResponse = {
          ...{ status, reason: 'Because', body: 'é', source_address },
          get: (name) => (name.toLowerCase() === 'retry-after' ? '7' : undefined),
        };
        sent.emit('response', response, () => undefined);
      },
    };
    this.calls.push(call);
    this.onCall?.(call);
  }

  use(method: string, handler: (...args: unknown[]) => unknown): void {
    this.routes.push({ method, handler });
  }

  connect(): void {}

  disconnect(): void {
    this.disconnects++;
  }

  up(hostports = 'udp/192.0.2.1:5060,tcp/192.0.2.1:5060'): this {
    this.emit('connect', null, hostports, 'v0.9.10', hostports);
    return this;
  }

  get lastCall(): FakeCall {
    const call = this.calls.at(-1);
    if (call === undefined) throw new Error('nothing was sent');
    return call;
  }
}
