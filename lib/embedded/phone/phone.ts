import { randomUUID } from 'node:crypto';
import { messageOf, PpgError } from '../../base/errors.ts';
import { Events } from '../../base/events.ts';
import { formatHostPort } from '../../codec/sip/host.ts';
import { SipHeaders, type SipRequest, type SipResponse } from '../../codec/sip/message.ts';
import { respondTo } from '../../codec/sip/respond-to.ts';
import { parseSipOnly } from '../../codec/sip/uri.ts';
import type { HeaderField } from '../../model/push.ts';
import type { ReceivedMessage } from '../../msrp/incoming.ts';
import type { ServerCall } from '../../stack/server-call.ts';
import type { Hop, Protocol, ServerTransaction, SipStack } from '../../stack/types.ts';
import { UserAgent } from '../../stack/user-agent.ts';
import { type Answer, AnswerPlayer, type AnswerScript, parseAnswerScript } from './answer-script.ts';
import { featuresOf } from './contact-features.ts';
import type { Phone, PhoneEvents, PhoneOptions } from './device.ts';
import type { ContentReference } from './entity.ts';
import { fetchContent } from './fetch-content.ts';
import { ImdnTeller, withCpim } from './imdn.ts';
import { type MsrpScript, PhoneMsrp } from './msrp.ts';
import { type PhoneSubscribeOptions, PhoneSubscription } from './oma-push.ts';
import { type PhoneCounters, PushLog, type ReceivedPush, withContent } from './push-log.ts';
import { Registration } from './registration.ts';
import { contactAt, loopbackOf, phoneStack } from './transport.ts';

export type { Phone, PhoneEvents, PhoneOptions } from './device.ts';

/** Methods that it answers, without MSRP. */
const ALLOW = 'MESSAGE, OPTIONS, NOTIFY, INFO';
const METHODS = new Set(ALLOW.split(', '));
const ALLOW_WITH_CALLS = `${ALLOW}, INVITE, ACK, BYE, CANCEL`;

const USER_AGENT = 'drachtio-ppg-phone';

/** Milliseconds that stop() waits for the registrar. */
const PATIENCE = 2000;

/** Makes a phone. Throws PPG_E_OPTIONS or PPG_E_SIP_SYNTAX for options that make no phone. */
export function createPhone(options: PhoneOptions): Phone {
  return new ScriptedPhone(options);
}

class ScriptedPhone implements Phone {
  readonly aor: string;
  readonly instance: string | undefined;
  gruu: string | undefined;
  readonly #options: PhoneOptions;
  readonly #user: string;
  readonly #domainUri: string;
  readonly #stack: SipStack;
  readonly #protocol: Protocol;
  readonly #player: AnswerPlayer;
  readonly #log: PushLog;
  readonly #events: Events<PhoneEvents>;
  /** Contact parameters: its features. */
  readonly #features: string;
  readonly #accept: string;
  readonly #leaving = new AbortController();
  readonly #msrp: PhoneMsrp | undefined;
  readonly #agent: UserAgent | undefined;
  readonly #teller: ImdnTeller | undefined;
  readonly #subscription: PhoneSubscription | undefined;
  #registration: Registration | undefined;
  #contact: string | undefined;

  constructor(options: PhoneOptions) {
    this.#options = options;
    const uri = parseSipOnly(options.user.includes(':') ? options.user : `sip:${options.user}`);
    if (uri.user === undefined) throw new PpgError('PPG_E_OPTIONS', 'a phone needs a user, as in alice@example.com');
    this.#user = uri.user;
    this.aor = `sip:${uri.user}@${formatHostPort(uri)}`;
    this.#domainUri = `sip:${formatHostPort(uri)}`;
    this.#protocol = options.transport ?? 'udp';
    this.instance = options.instance === '' ? undefined : (options.instance ?? `urn:uuid:${randomUUID()}`);
    this.#features = featuresOf(options.applications, this.instance);
    const { accept = ['*/*'], imdn } = options;
    this.#accept = (imdn === undefined ? accept : withCpim(accept)).join(', ');
    this.#log = new PushLog(imdn !== undefined);
    this.#player = new AnswerPlayer(scriptOf(options.answers ?? '200'));
    this.#events = new Events((error) => options.log.error({ err: error }, 'a listener of a phone threw'));
    this.#stack = options.stack ?? phoneStack(options, this.#protocol);
    const hop: Hop = { protocol: this.#protocol, ...options.server };
    if (imdn !== undefined)
      this.#teller = new ImdnTeller({ stack: this.#stack, clock: options.clock, hop, aor: this.aor, status: imdn });
    if (options.msrp === undefined && options.subscribe === undefined) {
      this.#stack.onRequest((transaction) => this.#onRequest(transaction));
      return;
    }
    const { clock, log, listen } = options;
    this.#agent = new UserAgent({ stack: this.#stack, clock, log, contact: () => this.contact });
    this.#agent.onRequest((transaction) => this.#onRequest(transaction));
    if (options.subscribe !== undefined) this.#subscription = this.#newSubscription(options.subscribe, this.#agent);
    if (options.msrp === undefined) return;
    const host = listen?.host ?? loopbackOf(options.server.host);
    const onMessage = (message: ReceivedMessage, call: ServerCall): void => this.#onMessage(message, call);
    this.#msrp = new PhoneMsrp({ ...options.msrp, clock, log, host, onMessage });
    this.#agent.onInvite((call) => this.#onCall(call));
  }

  get counters(): Readonly<PhoneCounters> {
    return this.#log.counters;
  }

  get contact(): string {
    if (this.#contact === undefined) throw new PpgError('PPG_E_STATE', 'the phone has not been started');
    return this.#contact;
  }

  async start(): Promise<void> {
    await this.#stack.start();
    await this.#msrp?.start();
    this.#contact = contactAt(this.#stack.listening, this.#protocol, this.#user);
    await this.register();
    await this.subscribe();
  }

  async subscribe(): Promise<void> {
    await this.#subscription?.start();
  }

  async refreshSubscription(): Promise<number | undefined> {
    return this.#subscription?.refresh();
  }

  async unsubscribe(): Promise<void> {
    await this.#subscription?.stop();
  }

  get subscribed(): boolean {
    return this.#subscription?.active === true;
  }

  get subscription(): SipHeaders | undefined {
    return this.#subscription?.granted;
  }

  async register(): Promise<void> {
    if (this.#registration !== undefined) {
      await this.#registration.renew();
      return;
    }
    const registration = this.#newRegistration();
    this.#registration = registration;
    try {
      await registration.start();
    } catch (error) {
      this.#registration = undefined;
      throw error;
    }
  }

  async deregister(): Promise<void> {
    const registration = this.#registration;
    this.#registration = undefined;
    await registration?.stop();
  }

  async stop(): Promise<void> {
    this.#leaving.abort();
    const { clock, log } = this.#options;
    let patience: unknown;
    const given = new Promise<void>((resolve) => {
      patience = clock.setTimeout(resolve, PATIENCE);
    });
    const leaving = async (): Promise<void> => {
      await this.#subscription?.stop();
      await this.deregister();
    };
    const gone = leaving().catch((error: unknown) => {
      log.debug({ aor: this.aor, err: messageOf(error) }, 'a phone left without being heard');
    });
    await Promise.race([gone, given]);
    clock.clearTimeout(patience);
    await this.#close();
  }

  async vanish(): Promise<void> {
    this.#leaving.abort();
    this.#registration?.cease();
    this.#registration = undefined;
    this.#subscription?.cease();
    await this.#close();
  }

  async #close(): Promise<void> {
    this.#agent?.stop();
    await this.#msrp?.stop();
    await this.#stack.stop();
  }

  answer(answers: AnswerScript | string): void {
    this.#player.play(scriptOf(answers));
  }

  misbehave(script: MsrpScript): void {
    this.#msrp?.play(script);
  }

  on<K extends keyof PhoneEvents>(event: K, listener: (value: PhoneEvents[K]) => void): () => void {
    return this.#events.on(event, listener);
  }

  #newRegistration(): Registration {
    const { clock, log, server, password, expires = 3600 } = this.#options;
    const registrar: Hop = { protocol: this.#protocol, host: server.host, port: server.port };
    const registration = new Registration({
      clock,
      log,
      stack: this.#stack,
      registrar,
      aor: this.aor,
      domainUri: this.#domainUri,
      contact: `<${this.contact}>${this.#features}`,
      contactUri: this.contact,
      expires,
      ...(password !== undefined && { credentials: { username: this.#user, password } }),
    });
    registration.onGranted = (granted) => {
      this.gruu = granted.gruu;
      this.#events.emit('registered', granted);
    };
    return registration;
  }

  #newSubscription(options: PhoneSubscribeOptions, agent: UserAgent): PhoneSubscription {
    const { clock, log, server, applications, userAgent = USER_AGENT } = this.#options;
    return new PhoneSubscription({
      applications,
      to: `sip:push@${this.#domainUri.slice('sip:'.length)}`,
      ...options,
      ...{ agent, clock, log },
      server: { protocol: this.#protocol, host: server.host, port: server.port },
      aor: this.aor,
      contact: () => `<${this.contact}>${this.#features}`,
      told: [
        { name: 'Allow', value: ALLOW },
        { name: 'Accept', value: this.#accept },
        { name: 'Supported', value: 'gruu' },
        { name: 'User-Agent', value: userAgent },
      ],
      onPush: (transaction) => this.#onPush(transaction),
    });
  }

  #onRequest(transaction: ServerTransaction): void {
    const { request } = transaction;
    if (request.method === 'OPTIONS') {
      this.#log.counters.options++;
      transaction.respond(this.#capabilities(request));
    } else if (METHODS.has(request.method)) this.#onPush(transaction);
    else if (request.method !== 'ACK')
      transaction.respond(respondTo(request, 405, { headers: [{ name: 'Allow', value: this.#allow }] }));
  }

  get #allow(): string {
    return this.#msrp === undefined ? ALLOW : ALLOW_WITH_CALLS;
  }

  #onCall(call: ServerCall): void {
    const answer = this.#player.next();
    if (answer.kind === 'silent') return;
    if (answer.status < 300) this.#msrp?.take(call);
    else call.reject(answer.status, { headers: this.#response(call.request, answer).headers.fields.filter(isAdded) });
  }

  /** A message by MSRP: its Message-ID is what a repeated one is known by. */
  #onMessage({ headers, messageId, body }: ReceivedMessage, call: ServerCall): void {
    const cseq = call.request.headers.get('CSeq') ?? '1 INVITE';
    const fields = [{ name: 'Call-ID', value: messageId }, { name: 'CSeq', value: cseq }, ...headers];
    const request: SipRequest = {
      kind: 'request',
      method: 'SEND',
      uri: this.aor,
      headers: new SipHeaders(fields),
      body,
    };
    this.#take(this.#log.note(request, 200, this.#options.clock.now()));
  }

  #onPush(transaction: ServerTransaction): void {
    const { request } = transaction;
    const answer = this.#player.next();
    if (answer.kind === 'status') transaction.respond(this.#response(request, answer));
    const answered = answer.kind === 'silent' ? 'silent' : answer.status;
    const push = this.#log.note(request, answered, this.#options.clock.now());
    const taken = answered !== 'silent' && answered < 300 && this.#options.fetches !== false;
    if (push.reference === undefined || !taken) this.#take(push);
    else void this.#fetch(push, push.reference);
  }

  #take(push: ReceivedPush): void {
    this.#events.emit('push', push);
    void this.#teller?.tell(push)?.then((sent) => this.#events.emit('imdn', sent));
  }

  async #fetch(push: ReceivedPush, reference: ContentReference): Promise<void> {
    const fetched = await fetchContent(reference, { ca: this.#options.ca, signal: this.#leaving.signal });
    if (!this.#leaving.signal.aborted) this.#events.emit('push', withContent(push, fetched));
  }

  #response(request: SipRequest, { status, retryAfter }: Answer & { kind: 'status' }): SipResponse {
    const headers: HeaderField[] = [];
    if (retryAfter !== undefined) headers.push({ name: 'Retry-After', value: String(retryAfter) });
    // RFC 3261 section 21.4.13
    if (status === 415) headers.push({ name: 'Accept', value: this.#accept });
    return respondTo(request, status, { headers });
  }

  /** RFC 3261 section 11.2, with the features of the contact (RFC 3840 section 7). */
  #capabilities(request: SipRequest): SipResponse {
    const { userAgent = USER_AGENT } = this.#options;
    const sdp = this.#msrp?.capabilities();
    return respondTo(request, 200, {
      ...(sdp !== undefined && { body: sdp }),
      headers: [
        { name: 'Allow', value: this.#allow },
        { name: 'Accept', value: this.#accept },
        { name: 'Supported', value: 'gruu' },
        { name: 'Contact', value: `<${this.contact}>${this.#features}` },
        { name: 'User-Agent', value: userAgent },
        ...(sdp === undefined ? [] : [{ name: 'Content-Type', value: 'application/sdp' }]),
      ],
    });
  }
}

/** What of a response is not of its dialog or transaction. */
const isAdded = ({ name }: HeaderField): boolean => name === 'Retry-After' || name === 'Accept';

const scriptOf = (answers: AnswerScript | string): AnswerScript =>
  typeof answers === 'string' ? parseAnswerScript(answers) : answers;
