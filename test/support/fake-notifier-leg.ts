import type { HeaderField } from '../../lib/model/push.ts';
import type { AcceptOptions, IncomingSubscription, RequestLike, SipAnswer, SipNotifier } from '../../lib/sip/leg.ts';
import { packageOf } from '../../lib/stack/notifier.ts';
import { fakeAnswer, fakeRequest } from './fake-sip.ts';

/** A notifier that remembers what it was to send. */
export class FakeSipNotifier implements SipNotifier {
  readonly callId = 'dialog-1';
  readonly event: string;
  ended = false;
  expires: number;
  readonly sent: { body: Buffer | undefined; headers: readonly HeaderField[] }[] = [];
  /** Reasons it was ended with. */
  readonly ends: string[] = [];
  answer: () => SipAnswer = () => fakeAnswer(200);
  readonly #refresh: ((refresh: { request: RequestLike; expires: number }) => void)[] = [];
  readonly #end: ((reason: string) => void)[] = [];

  constructor(event: string, expires: number) {
    this.event = event;
    this.expires = expires;
  }

  async notify(body?: Buffer, headers: readonly HeaderField[] = []): Promise<SipAnswer> {
    this.sent.push({ body, headers });
    return this.answer();
  }

  on(event: 'refresh' | 'end', listener: never): this {
    (event === 'refresh' ? this.#refresh : this.#end).push(listener);
    return this;
  }

  async end(reason = 'noresource'): Promise<void> {
    this.ends.push(reason);
    this.finish('local');
  }

  /** The subscription ends. */
  finish(reason: string): void {
    this.ended = true;
    for (const listener of this.#end.splice(0)) listener(reason);
  }

  /** A SUBSCRIBE within the dialog was answered. */
  refreshed(request: RequestLike, expires: number): void {
    for (const listener of this.#refresh) listener({ request, expires });
  }
}

/** A SUBSCRIBE that remembers how it was answered. */
export class FakeIncomingSubscription implements IncomingSubscription {
  readonly request: RequestLike;
  readonly event: string;
  readonly expires: number | undefined;
  readonly notifier: FakeSipNotifier;
  /** 0: not at all. */
  status = 0;
  headers: Readonly<Record<string, string>> = {};
  accepted: AcceptOptions | undefined;

  constructor(options: Parameters<typeof fakeRequest>[0]) {
    this.request = fakeRequest({ method: 'SUBSCRIBE', ...options });
    this.event = packageOf(this.request.get('Event') ?? '');
    const expires = this.request.get('Expires');
    this.expires = expires === undefined ? undefined : Number(expires);
    this.notifier = new FakeSipNotifier(this.request.get('Event') ?? '', this.expires ?? 0);
  }

  readonly accept = async (options: AcceptOptions): Promise<SipNotifier> => {
    this.status = 200;
    this.accepted = options;
    this.notifier.expires = options.expires;
    return this.notifier;
  };

  readonly reject = (status: number, { headers = {} }: { headers?: Record<string, string> } = {}): void => {
    this.status = status;
    this.headers = headers;
  };

  /** Resolves once what follows from the answer is done. */
  settled(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }
}
