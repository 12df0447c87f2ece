import type { Logger } from '../base/log.ts';
import { parseMediaType } from '../codec/mime/content-type.ts';
import { headerOctets } from '../codec/mime/header-block.ts';
import type { BearerResult, DeliveryResult } from '../model/delivery.ts';
import { typeMisfit } from '../model/device-knowledge.ts';
import type { Content, HeaderField, Push } from '../model/push.ts';
import { PAP } from '../model/result-codes.ts';
import type { LegAbilities, SipAnswer } from '../sip/leg.ts';
import type { OmaPushSubscriptions, PushSubscription } from '../sip/oma-push/oma-push.ts';
import { isBinaryBody } from '../sip/sender.ts';
import type { AddressedOptions } from './addressed.ts';
import type { Bearer, DeliveryAttempt, DeliveryTarget, Offer } from './bearer.ts';
import { type FormName, formOf } from './envelope.ts';
import { referred } from './indirection.ts';
import { remembered } from './prepared.ts';
import { createFormChoice, type FormChoice, takesMultipart } from './profile.ts';
import { REFERENCE_TYPE, type ReferenceWriter, takesReferences } from './reference.ts';
import { saying } from './said.ts';
import type { SipMessageBearerOptions } from './sip-message.ts';
import { DEFAULT_READINGS, type StatusReadings, sipOutcome } from './sip-outcome.ts';

export interface OmaPushBearerOptions extends Pick<AddressedOptions, 'vouches'> {
  readonly subscriptions: Pick<OmaPushSubscriptions, 'of' | 'notify'>;
  readonly log: Logger;
  /** As for MESSAGE. */
  readonly formFor?: FormChoice | undefined;
  readonly readings?: StatusReadings | undefined;
  readonly onRefused?: SipMessageBearerOptions['onRefused'];
  /** Octets of the largest body. Default: what the leg carries. */
  readonly maxBytes?: number | undefined;
}

/** Octets of a NOTIFY besides its push headers and body, at the most with any sane route set and Event. */
const NOTIFY_OCTETS = 1200;

/** What of a NOTIFY is the same for every device. */
interface Prepared {
  /** Content-Type first. */
  readonly headers: readonly HeaderField[];
  readonly body: Buffer;
  readonly name: FormName;
  /** Of the body, lower case and without parameters. */
  readonly type: string;
  readonly binary: boolean;
  /** Octets of body and push headers. */
  readonly bytes: number;
}

/**
 * Delivers a push as the body of a NOTIFY, to a device that subscribed to pushes for its application (docs/oma-push.md).
 * A 200 is the device's own. Where the subscription turns out to be gone the push goes by another bearer at once.
 */
export function createOmaPushBearer(options: OmaPushBearerOptions): Bearer {
  const { subscriptions, formFor = createFormChoice(), maxBytes = Number.POSITIVE_INFINITY } = options;
  const prepare = remembered(prepareOnce);

  function choose(push: Push, target: DeliveryTarget, { leg }: PushSubscription): Prepared | string {
    const { content } = push;
    if (content === undefined) return 'the content of the push is gone';
    const form = prepare(content, formFor(push, target));
    if (form === undefined) return 'a header of the push cannot stand in a SIP message';
    if (form.body.length > maxBytes) return `${form.body.length} octets are more than ${maxBytes} for a NOTIFY`;
    if (carries(leg.can, form)) return form;
    const told = target.kind === 'device' ? target.device.capabilities : undefined;
    const text = form.binary && takesMultipart(told) ? prepare(content, 'mime-base64') : undefined;
    if (text !== undefined && text.body.length <= maxBytes && carries(leg.can, text)) return text;
    return `the ${leg.name} leg carries no such NOTIFY of ${form.bytes} octets`;
  }

  return {
    name: 'oma-push',
    offers(push, target) {
      const subscription = subscriptionOf(subscriptions, push, target);
      if (subscription === undefined || target.kind !== 'device') return no(NOT_SUBSCRIBED);
      const form = choose(push, target, subscription);
      if (typeof form === 'string') return no(form);
      const misfit = typeMisfit(target.device, form.type);
      if (misfit !== undefined) return { offer: 'no', ...misfit };
      return form.name === 'mime-base64' ? { offer: 'transform', how: 'base64 in MIME' } : { offer: 'yes' };
    },
    async deliver(attempt) {
      const { push, target } = attempt;
      const subscription = subscriptionOf(subscriptions, push, target);
      if (subscription === undefined) return gone(NOT_SUBSCRIBED);
      const form = choose(push, target, subscription);
      if (typeof form === 'string') return { ...refused(form), otherBearer: true };
      const { answer, result } = await send(options, subscription, attempt, form);
      if (target.kind === 'device') tellRefusal(options, attempt.address.aor, target.device, form, answer);
      return result;
    },
  };
}

export interface OmaPushReferenceBearerOptions extends OmaPushBearerOptions {
  readonly references: ReferenceWriter;
}

/** As {@link createOmaPushBearer}, with a reference to the content (RFC 4483): the device has it once it has fetched it. */
export function createOmaPushReferenceBearer(options: OmaPushReferenceBearerOptions): Bearer {
  const { subscriptions, references } = options;
  return {
    name: 'oma-push-reference',
    offers(push, target): Offer {
      const subscription = subscriptionOf(subscriptions, push, target);
      if (subscription === undefined) return no(NOT_SUBSCRIBED);
      if (push.content === undefined) return no('the content of the push is gone');
      if (!takesReferences(target)) return no(`the device does not take ${REFERENCE_TYPE}`);
      const bytes = references.bytes(push.content);
      if (bytes === undefined || !carries(subscription.leg.can, { binary: false, bytes }))
        return no('its headers alone cannot stand in a NOTIFY');
      return { offer: 'transform', how: 'a reference to be fetched' };
    },
    async deliver(attempt) {
      const { push, target } = attempt;
      const subscription = subscriptionOf(subscriptions, push, target);
      if (subscription === undefined) return gone(NOT_SUBSCRIBED);
      const reference = push.content && references.write(attempt, push.content);
      if (reference === undefined) return refused('its headers cannot stand in a NOTIFY');
      const { result } = await send(options, subscription, attempt, reference);
      return { ...referred(result), leg: subscription.leg.name };
    },
  };
}

const NOT_SUBSCRIBED = 'the device has no subscription for the application';

const subscriptionOf = (
  subscriptions: OmaPushBearerOptions['subscriptions'],
  { applicationId }: Push,
  target: DeliveryTarget,
): PushSubscription | undefined =>
  target.kind === 'device' ? subscriptions.of(target.device, applicationId) : undefined;

const carries = ({ binary, maxRequestBytes }: LegAbilities, form: { binary: boolean; bytes: number }): boolean =>
  (binary || !form.binary) && form.bytes + NOTIFY_OCTETS <= maxRequestBytes;

async function send(
  { subscriptions, vouches, readings = DEFAULT_READINGS, log }: OmaPushBearerOptions,
  subscription: PushSubscription,
  { push, confirmed }: DeliveryAttempt,
  { headers, body }: { readonly headers: readonly HeaderField[]; readonly body: Buffer },
): Promise<{ readonly answer: SipAnswer; readonly result: BearerResult & { readonly leg: string } }> {
  const word = vouches?.(push);
  const marks: HeaderField[] = [{ name: 'X-Wap-Push-Id', value: push.key }];
  if (word !== undefined) marks.push({ name: 'X-Wap-Push-Info', value: word });
  const answer = await subscriptions.notify(subscription, push.applicationId, body, [...marks, ...headers]);
  const result = { ...resultOf(answer, confirmed, readings), leg: subscription.leg.name };
  const { callId } = subscription.notifier;
  const { kind, leg, cause, said } = result;
  log.debug({ push: push.key, callId, leg, result: kind, cause, said }, 'NOTIFY ended');
  return { answer, result };
}

/**
 * As the answer to a MESSAGE, but for what is about the subscription and not about the push: that the dialog is gone (481),
 * that nobody is at its end, or that its requests are not wanted, says nothing of the other ways to the device.
 */
function resultOf(answer: SipAnswer, confirmed: boolean, readings: StatusReadings): BearerResult {
  const read = sipOutcome(answer, { confirmed, target: 'device', readings });
  if (answer.kind === 'not-sent') return read.kind === 'failed' ? { ...read, otherBearer: true } : gone(read.cause);
  if (answer.kind === 'response' && GONE.has(answer.status)) return saying(gone(read.cause), read.said);
  if (read.kind === 'failed') return read.state === 'undeliverable' ? { ...read, otherBearer: true } : read;
  if (read.kind !== 'retry') return read;
  // It went where the dialog leads, not by the hop of all requests.
  const away = read.scope === 'hop' || read.why === 'offline';
  return { ...read, ...(read.scope === 'hop' && { scope: 'device' as const }), ...(away && { otherBearer: true }) };
}

/** Gone, no such dialog, no such package or method here: it was not taken, and the subscription is over. */
const GONE: ReadonlySet<number> = new Set([405, 410, 481, 489, 501]);

/** Where no other bearer is, the push waits for the device to register or to subscribe. */
const gone = (cause: string): DeliveryResult => ({
  kind: 'retry',
  why: 'offline',
  scope: 'device',
  code: PAP.SERVICE_UNAVAILABLE,
  cause,
  otherBearer: true,
});

const refused = (cause: string): Extract<DeliveryResult, { kind: 'failed' }> => ({
  kind: 'failed',
  state: 'undeliverable',
  code: PAP.TRANSFORMATION_FAILURE,
  cause,
});

const no = (cause: string): Offer => ({ offer: 'no', code: PAP.TRANSFORMATION_FAILURE, cause });

function tellRefusal(
  { onRefused }: OmaPushBearerOptions,
  aor: string,
  device: Extract<DeliveryTarget, { kind: 'device' }>['device'],
  { type, headers, body }: Prepared,
  answer: SipAnswer,
): void {
  if (onRefused === undefined || answer.kind !== 'response' || answer.status < 400 || answer.local) return;
  // What it says of the method is about NOTIFY in this dialog, of the size about NOTIFY too: neither is about MESSAGE.
  if (answer.status !== 415 && answer.status !== 488 && answer.status !== 606) return;
  const { status, all } = answer;
  onRefused(aor, device, {
    status,
    get: (name) => answer.get(name),
    ...(all !== undefined && { all: (name: string) => answer.all?.(name) ?? [] }),
    method: 'NOTIFY',
    type,
    encoding: headers.find(({ name }) => name.toLowerCase() === 'content-encoding')?.value,
    bytes: body.length,
  });
}

function prepareOnce(content: Content, name: FormName): Prepared | undefined {
  const form = formOf(content, name);
  if (form === undefined) return undefined;
  const { headers, body } = form;
  const bytes = body.length + headerOctets(headers);
  const type = parseMediaType(headers.find((field) => field.name.toLowerCase() === 'content-type')?.value ?? '')?.type;
  return { headers, body, name: form.name, type: type ?? '', binary: isBinaryBody(body), bytes };
}
