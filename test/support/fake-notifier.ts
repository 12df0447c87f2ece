import { REGINFO_TYPE, type RegInfo, type RegInfoContact } from '../../lib/codec/reginfo/reginfo.ts';
import { writeRegInfo } from '../../lib/codec/reginfo/write.ts';
import type {
  DialogAnswer,
  DialogOptions,
  DialogRequest,
  OutboundRequest,
  SipAnswer,
  SipDialog,
} from '../../lib/sip/leg.ts';
import type { SendOptions, SentDialog } from '../../lib/sip/sender.ts';
import { FakeResponse, fakeAnswer, fakeRequest } from './fake-sip.ts';

/** One subscription as a core sees it that a test plays. */
export class FakeSubscription implements SipDialog {
  readonly request_: OutboundRequest;
  readonly #options: DialogOptions;
  readonly callId: string;
  readonly remoteBody: Buffer = Buffer.alloc(0);
  ended = false;
  /** SUBSCRIBEs within the dialog, by their Expires. */
  readonly refreshes: string[] = [];
  refreshAnswer: SipAnswer = fakeAnswer(200);
  version = 0;
  #onEnd: ((reason: string) => void)[] = [];

  constructor(request: OutboundRequest, options: DialogOptions) {
    this.request_ = request;
    this.#options = options;
    this.callId = this.header('Call-ID');
  }

  header(name: string): string {
    return this.request_.headers.find((field) => field.name === name)?.value ?? '';
  }

  async request(_method: string, { headers = [] }: DialogRequest = {}): Promise<SipAnswer> {
    this.refreshes.push(headers.find(({ name }) => name === 'Expires')?.value ?? '');
    return this.refreshAnswer;
  }

  on(event: 'request' | 'end', listener: never): this {
    if (event === 'end') this.#onEnd.push(listener);
    return this;
  }

  async end(): Promise<void> {
    this.refreshes.push('0');
    this.lose('local');
  }

  /** The dialog is over for a reason that no NOTIFY told. */
  lose(reason: string): void {
    this.ended = true;
    for (const listener of this.#onEnd.splice(0)) listener(reason);
  }

  /** A NOTIFY; answers the status it got. */
  send(headers: Record<string, string>, body = '', method = 'NOTIFY'): number {
    const response = new FakeResponse();
    this.#options.onRequest?.(fakeRequest({ method, headers, body }), response, () => response.send(405));
    return response.sent[0]?.status ?? 0;
  }

  notify(document: RegInfo | undefined, state = 'active;expires=3600'): number {
    const headers: Record<string, string> = { Event: 'reg', 'Subscription-State': state };
    if (document === undefined) return this.send(headers);
    return this.send({ ...headers, 'Content-Type': REGINFO_TYPE }, writeRegInfo(document));
  }

  /** A whole document about one user with these contacts; none: he is not there. */
  tell(aor: string, contacts: readonly Partial<RegInfoContact>[], state?: string): number {
    return this.notify(regInfo(this.version++, 'full', aor, contacts), state);
  }
}

/** A document about one user. */
export const regInfo = (
  version: number,
  state: RegInfo['state'],
  aor: string,
  contacts: readonly Partial<RegInfoContact>[],
): RegInfo => ({
  version,
  state,
  registrations: [
    {
      aor,
      id: `r-${aor}`,
      state: contacts.length > 0 ? 'active' : 'terminated',
      contacts: contacts.map((contact, at) => ({
        id: `c${at}`,
        uri: `sip:c${at}@10.0.0.${at + 1}`,
        state: 'active',
        event: 'registered',
        expires: 3600,
        params: [],
        ...contact,
      })),
    },
  ],
});

/** A sender whose SUBSCRIBEs come to a core that a test plays. */
export class FakeNotifier {
  readonly subscriptions: FakeSubscription[] = [];
  /** What the next SUBSCRIBEs are answered; without one they make a subscription. */
  readonly answers: SipAnswer[] = [];
  /** Set to notify at once, before the 2xx comes. */
  onSubscribe: (subscription: FakeSubscription) => void = () => undefined;

  async subscribe(request: OutboundRequest, options: SendOptions & DialogOptions = {}): Promise<SentDialog> {
    const subscription = new FakeSubscription(request, options);
    this.subscriptions.push(subscription);
    const refused = this.answers.shift();
    if (refused !== undefined) return { answer: refused, leg: 'direct' };
    this.onSubscribe(subscription);
    const answer: DialogAnswer = { kind: 'dialog', dialog: subscription, status: 200 };
    return { answer, leg: 'direct' };
  }

  get last(): FakeSubscription {
    const last = this.subscriptions.at(-1);
    if (last === undefined) throw new Error('nobody has subscribed');
    return last;
  }

  /** The users who were subscribed to, in order. */
  get aors(): string[] {
    return this.subscriptions.map(({ request_ }) => request_.uri);
  }
}
