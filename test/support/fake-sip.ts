import type {
  DialogAnswer,
  DialogOptions,
  OutboundRequest,
  RequestLike,
  ResponseLike,
  SipAnswer,
  SipLeg,
} from '../../lib/sip/leg.ts';

interface FakeRequestOptions {
  readonly method?: string;
  readonly uri?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly rawBody?: Buffer;
  readonly source?: string;
}

/** A request as a leg hands it to a handler. */
export function fakeRequest(options: FakeRequestOptions): RequestLike {
  const headers = new Map(Object.entries(options.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]));
  return {
    method: options.method ?? 'OPTIONS',
    uri: options.uri ?? 'sip:ppg.example.com',
    body: options.body ?? '',
    ...(options.rawBody !== undefined && { rawBody: options.rawBody }),
    source_address: options.source ?? '127.0.0.1',
    source_port: 5060,
    protocol: 'udp',
    get: (name) => headers.get(name.toLowerCase()),
    has: (name) => headers.has(name.toLowerCase()),
  };
}

/** A response that remembers what was sent, with drachtio-srf's `end` event. */
export class FakeResponse implements ResponseLike {
  readonly sent: { status: number; headers: Record<string, string> }[] = [];
  /** Headers that an app set on the response before sending it. */
  readonly headers: Map<string, string> = new Map();
  throwing = false;
  readonly #onEnd: ((result: { status: number }) => void)[] = [];

  get finalResponseSent(): boolean {
    return this.sent.length > 0;
  }

  send(status: number, options: { headers?: Record<string, string> } = {}): void {
    if (this.throwing) throw new Error('socket connection closed');
    this.sent.push({ status, headers: options.headers ?? {} });
    if (status >= 200) for (const listener of this.#onEnd.splice(0)) listener({ status });
  }

  once(_event: 'end', listener: (result: { status: number }) => void): void {
    this.#onEnd.push(listener);
  }

  get(name: string): string | undefined {
    return this.headers.get(name.toLowerCase());
  }
}

/** A final answer from the network. */
export function fakeAnswer(
  status: number,
  headers: Readonly<Record<string, string>> = {},
  more: { reason?: string; local?: boolean } = {},
): SipAnswer {
  const folded = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  return {
    kind: 'response',
    status,
    reason: more.reason ?? '',
    get: (name) => folded.get(name.toLowerCase()),
    body: Buffer.alloc(0),
    local: more.local ?? false,
  };
}

/** A leg that answers from a function and remembers what it carried. */
export class FakeLeg implements SipLeg {
  readonly name: 'drachtio' | 'direct';
  readonly can: SipLeg['can'];
  readonly sent: OutboundRequest[] = [];
  address: string | undefined = '192.0.2.1:5060';
  ready = true;
  answer: (request: OutboundRequest) => SipAnswer | Promise<SipAnswer> = () => fakeAnswer(200);
  readonly #onReady: (() => void)[] = [];

  constructor(name: 'drachtio' | 'direct', can: Partial<SipLeg['can']> = {}) {
    this.name = name;
    const direct = name === 'direct';
    this.can = { binary: direct, route: direct, maxRequestBytes: direct ? 65_000 : 3850, ...can };
  }

  async start(): Promise<void> {}
  async stop(): Promise<void> {}
  onRequest(): void {}

  onReady(listener: () => void): void {
    this.#onReady.push(listener);
  }

  becomeReady(): void {
    this.ready = true;
    for (const listener of this.#onReady) listener();
  }

  async request(request: OutboundRequest): Promise<SipAnswer> {
    this.sent.push(request);
    return this.answer(request);
  }

  /** Of each `invite` and `subscribe`. */
  readonly dialogOptions: DialogOptions[] = [];
  /** Makes the dialogs; without it `answer` refuses or fails. */
  dialog: ((request: OutboundRequest) => DialogAnswer) | undefined;

  async invite(request: OutboundRequest, options: DialogOptions = {}): Promise<DialogAnswer> {
    this.dialogOptions.push(options);
    if (this.dialog === undefined) return this.request(request);
    this.sent.push(request);
    return this.dialog(request);
  }

  subscribe(request: OutboundRequest, options?: DialogOptions): Promise<DialogAnswer> {
    return this.invite(request, options);
  }
}
