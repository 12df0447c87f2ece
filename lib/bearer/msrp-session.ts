import type { Clock, TimerHandle } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { BearerResult } from '../model/delivery.ts';
import type { Device } from '../model/device.ts';
import type { MsrpCapabilities } from '../model/device-capabilities.ts';
import type { Content, HeaderField, Push } from '../model/push.ts';
import { PAP } from '../model/result-codes.ts';
import type { MsrpEndpoint } from '../msrp/endpoint.ts';
import type { SendOutcome } from '../msrp/outgoing.ts';
import type { SipAnswer } from '../sip/leg.ts';
import type { SipSender } from '../sip/sender.ts';
import { ADDRESSED_OCTETS, type AddressedOptions, addressedOctets, createAddresser } from './addressed.ts';
import type { Bearer, DeliveryAttempt, DeliveryTarget, Offer } from './bearer.ts';
import type { FormName } from './envelope.ts';
import { call, type MsrpCall, type MsrpCaller } from './msrp-call.ts';
import { createSessionForms, type SessionForm, takesInside } from './msrp-form.ts';
import { mismatch, sendOutcome } from './msrp-outcome.ts';
import { createFormChoice, type FormChoice } from './profile.ts';
import { failed } from './refusals.ts';
import type { SipMessageBearerOptions } from './sip-message.ts';
import type { StatusReadings } from './sip-outcome.ts';
import type { LateTransforming } from './transforming.ts';

export interface MsrpBearerOptions extends AddressedOptions {
  readonly sender: Pick<SipSender, 'invite' | 'fits'>;
  readonly endpoint: MsrpEndpoint;
  /** By which all sessions go. Default: none. */
  readonly relay?: MsrpCaller['relay'];
  readonly log: Logger;
  readonly formFor?: FormChoice | undefined;
  /** Told of a device that did not take the offer of a session. Must not throw. */
  readonly onRefused?: SipMessageBearerOptions['onRefused'];
  /**
   * The content in the other form, where one of these types is that (docs/transformations.md): for devices that tell what they
   * take by their answer to the INVITE only. Default: content is never changed here.
   */
  readonly transform?: LateTransforming | undefined;
  readonly options?: Partial<MsrpPolicy> & { readonly readings?: StatusReadings | undefined };
}

/** Times in milliseconds. */
export interface MsrpPolicy {
  /** What is offered of who connects (RFC 6135). */
  readonly setup: 'active' | 'passive' | 'actpass';
  /** Offer TLS, and nothing else. */
  readonly secure: boolean;
  /** How long a session waits for the device's next push before it is ended; 0: not at all. */
  readonly idle: number;
  /** Pushes that go in one session. */
  readonly messages: number;
  /** How long a device may ring. */
  readonly ringTime: number;
  /**
   * Push headers and content up to so many octets go as a MESSAGE first. Above 16,384 octets a session is tried also with a
   * device that told nothing of MSRP.
   */
  readonly above: number;
}

export const DEFAULT_MSRP_POLICY: MsrpPolicy = {
  setup: 'actpass',
  secure: false,
  idle: 5_000,
  messages: 100,
  ringTime: 30_000,
  above: 1300 - ADDRESSED_OCTETS, // RFC 3428 section 8
};

/** Bearer with sessions that outlive attempts. */
export interface MsrpBearer extends Bearer {
  /** Hangs up what is idle. Never rejects. */
  stop(): Promise<void>;
}

/** What an attempt may take beside its octets, and how slowly they may go on the whole: octets a millisecond. */
const ATTEMPT_TIME = 120_000;
const SLOWEST = 1;

/** Sessions kept for the next push. */
const MOST_IDLE = 1_000;

/** Octets of push headers that one SEND, or one INVITE, may have. */
const MOST_HEADERS = 8 * 1024;

/**
 * Delivers a push in an MSRP session (RFC 4975) that an INVITE makes, in the form of docs/bearers.md. A session is kept for
 * the next push of the same device and application. A message that did not arrive as a whole is sent again from its first
 * octet, under the same Message-ID.
 */
export function createMsrpBearer(bearer: MsrpBearerOptions): MsrpBearer {
  const { sender, endpoint, clock, log } = bearer;
  const { readings, ...policy } = bearer.options ?? {};
  const { setup, secure, idle, messages, ringTime, above }: MsrpPolicy = { ...DEFAULT_MSRP_POLICY, ...policy };
  const caller: MsrpCaller = { sender, endpoint, clock, relay: bearer.relay, setup, secure, ringTime, readings };
  const addressed = createAddresser(bearer);
  const formFor = bearer.formFor ?? createFormChoice();
  const { plain, fitting } = createSessionForms(bearer.identity, () => clock.now());
  const inviteOctets = addressedOctets(bearer) + SDP_OCTETS;
  const pool = new Pool(clock, idle);

  function offers(push: Push, target: DeliveryTarget): Offer {
    const { content } = push;
    const usual = content === undefined ? undefined : plain(content, formFor(push, target));
    if (content === undefined || usual === undefined || usual.headerBytes > MOST_HEADERS)
      return no(PAP.TRANSFORMATION_FAILURE, 'the headers of the push cannot stand in an MSRP message');
    const capabilities = target.kind === 'device' ? target.device.capabilities : undefined;
    const told = capabilities?.msrp;
    if (told === false) return no(PAP.TRANSFORMATION_FAILURE, 'the device has no MSRP');
    if (capabilities?.methods !== undefined && !capabilities.methods.includes('INVITE'))
      return no(PAP.TRANSFORMATION_FAILURE, 'the device takes no INVITE');
    const form = told === undefined ? usual : fitting(content, usual, told);
    if (typeof form === 'string') return no(PAP.CAPABILITIES_MISMATCH, form);
    const fits = { binary: false, route: false, bytes: inviteOctets + form.headerBytes };
    if (!sender.fits(fits)) return no(PAP.TRANSFORMATION_FAILURE, 'no SIP leg carries the INVITE of an MSRP session');
    if (told === undefined && form.bytes <= above && !form.binary)
      return no(PAP.TRANSFORMATION_FAILURE, 'the device told nothing of MSRP');
    // Small, or nobody knows whether the device has MSRP: only where no MESSAGE can go, or none was taken.
    if (form.wrapped) return { offer: 'transform', how: 'message/cpim in an MSRP session' };
    if (form.bytes > (told === undefined ? LARGE : above)) return { offer: 'yes' };
    return { offer: 'transform', how: 'an MSRP session' };
  }

  async function deliver(attempt: DeliveryAttempt): Promise<BearerResult> {
    const { push, target, address } = attempt;
    const { content } = push;
    if (content === undefined) return failed(PAP.SERVICE_FAILURE, 'the content of the push is gone');
    const name = formFor(push, target, address);
    const usual = plain(content, name);
    if (usual === undefined)
      return failed(PAP.TRANSFORMATION_FAILURE, 'a header of the push cannot stand in an MSRP message');
    const way = addressed(attempt, 'INVITE');
    if (way === undefined) return failed(PAP.ADDRESS_ERROR, 'the address cannot stand in a SIP message');
    const marks = way.headers.filter(({ name }) => name === 'X-Wap-Push-Id' || name === 'X-Wap-Push-Info');
    const enough = new AbortController();
    const timer = clock.setTimeout(() => enough.abort('not done in time'), timeFor(usual, attempt.expiresAt));
    const abandoned = attempt.abandoned?.();
    const signal = abandoned === undefined ? enough.signal : AbortSignal.any([enough.signal, abandoned]);
    try {
      const key = target.kind === 'device' ? keyOf(attempt) : undefined;
      const kept = key === undefined ? undefined : pool.take(key);
      const form = kept === undefined ? 'no session' : formIn({ ...push, content }, usual, name, kept.takes);
      if (kept !== undefined && typeof form !== 'string') {
        const outcome = await send(kept, attempt, form, marks, signal);
        // It had died unnoticed: nothing has left, and a new one may do.
        if (outcome.kind !== 'lost' || outcome.begun) return await ended(kept, key, outcome, attempt);
      }
      await kept?.end();
      const made = await call(caller, way, usual.onInvite, target.kind, signal);
      if (made.kind === 'none') {
        if (target.kind === 'device') tellRefusal(address.aor, target.device, made.answer);
        return made.result;
      }
      const fitted = formIn({ ...push, content }, usual, name, made.call.takes);
      if (typeof fitted === 'string') {
        await made.call.end();
        return withLeg(mismatch(fitted), made.call.leg);
      }
      return await ended(made.call, key, await send(made.call, attempt, fitted, marks, signal), attempt);
    } finally {
      clock.clearTimeout(timer);
    }
  }

  /** The form that goes by this very session: as it is, in a message/cpim, or in the other form; or why there is none. */
  function formIn(
    push: Push & { readonly content: Content },
    usual: SessionForm,
    name: FormName,
    takes: MsrpCapabilities,
  ): SessionForm | string {
    const form = fitting(push.content, usual, takes);
    if (typeof form !== 'string' || takes.types === undefined) return form;
    const other = bearer.transform?.(push, [...takes.types, ...(takesInside(takes) ?? [])]);
    const made = other && plain(other, name);
    return other === undefined || made === undefined ? form : fitting(other, made, takes);
  }

  function tellRefusal(aor: string, device: Device, answer: SipAnswer | undefined): void {
    if (bearer.onRefused === undefined || answer?.kind !== 'response' || answer.status < 400 || answer.local) return;
    const { status, all } = answer;
    bearer.onRefused(aor, device, {
      status,
      get: (name) => answer.get(name),
      ...(all !== undefined && { all: (name: string) => answer.all?.(name) ?? [] }),
      method: 'INVITE',
      offeredMsrp: true,
      type: 'application/sdp',
      bytes: 0,
    });
  }

  /** Beyond it nobody waits, or the peer keeps a place by taking an octet now and then. */
  const timeFor = ({ body }: SessionForm, expiresAt: number): number =>
    Math.min(ATTEMPT_TIME + body.length / SLOWEST, Math.max(0, expiresAt - clock.now()));

  function send(
    { session }: MsrpCall,
    { push, confirmed }: DeliveryAttempt,
    { type, fields, body }: SessionForm,
    marks: readonly HeaderField[],
    signal: AbortSignal,
  ): Promise<SendOutcome> {
    const message = { messageId: push.key, contentType: type, headers: [...marks, ...fields], body };
    return session.send({ ...message, successReport: confirmed }, signal);
  }

  /** A session that has done well is kept, any other is ended. */
  async function ended(
    made: MsrpCall,
    key: string | undefined,
    outcome: SendOutcome,
    { push, confirmed, target, callId }: DeliveryAttempt,
  ): Promise<BearerResult> {
    const result = sendOutcome(outcome, { confirmed, target: target.kind, direct: made.direct });
    log.debug(
      { push: push.key, callId, result: result.kind, cause: result.cause, said: result.said },
      'MSRP message ended',
    );
    made.messages++;
    const again = outcome.kind === 'sent' && made.session.ended === undefined && made.messages < messages;
    if (again && key !== undefined && idle > 0) pool.keep(key, made);
    else await made.end();
    return withLeg(result, made.leg);
  }

  return { name: 'msrp-session', offers, deliver, stop: () => pool.stop() };
}

/** What as a MESSAGE would be an abuse of SIP, and beyond what the datagrams of a last hop can carry soon after. */
const LARGE = 16 * 1024;

/** Octets of our session description, at the most. */
const SDP_OCTETS = 700;

/** Sessions between two pushes. */
class Pool {
  readonly #clock: Clock;
  readonly #idle: number;
  readonly #calls = new Map<string, { call: MsrpCall; timer: TimerHandle }>();
  #stopped = false;

  constructor(clock: Clock, idle: number) {
    this.#clock = clock;
    this.#idle = idle;
  }

  take(key: string): MsrpCall | undefined {
    const kept = this.#calls.get(key);
    if (kept === undefined) return undefined;
    this.#forget(key);
    return kept.call;
  }

  keep(key: string, made: MsrpCall): void {
    const before = this.take(key);
    if (before !== undefined) void before.end();
    if (this.#calls.size >= MOST_IDLE || this.#stopped) {
      void made.end();
      return;
    }
    const timer = this.#clock.setTimeout(() => {
      this.#forget(key);
      void made.end();
    }, this.#idle);
    this.#calls.set(key, { call: made, timer });
    made.session.onEnd(() => {
      if (this.#calls.get(key)?.call === made) this.#forget(key);
      void made.end();
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    const calls = [...this.#calls.values()].map((kept) => kept.call);
    for (const key of [...this.#calls.keys()]) this.#forget(key);
    await Promise.all(calls.map((made) => made.end()));
  }

  #forget(key: string): void {
    this.#clock.clearTimeout(this.#calls.get(key)?.timer);
    this.#calls.delete(key);
  }
}

/** Accept-Contact has asked for the application, and Contact for the device. */
const keyOf = ({ address, target, push }: DeliveryAttempt): string =>
  `${address.aor} ${target.kind === 'device' ? target.device.id : ''} ${push.applicationId}`;

const withLeg = (result: BearerResult, leg: string | undefined): BearerResult =>
  leg === undefined ? result : { ...result, leg };

const no = (code: number, cause: string): Offer => ({ offer: 'no', code, cause });
