import type { Logger } from '../base/log.ts';
import type { RecipientAddress } from '../model/address.ts';
import type { DeliveryResult } from '../model/delivery.ts';
import type { Content, Push } from '../model/push.ts';
import { PAP } from '../model/result-codes.ts';
import { followRedirects, type RedirectPolicy } from '../sip/redirect.ts';
import { isBinaryBody, type SipSender } from '../sip/sender.ts';
import { ADDRESSED_OCTETS, type AddressedOptions, createAddresser } from './addressed.ts';
import type { Bearer, DeliveryAttempt, DeliveryTarget, Offer } from './bearer.ts';
import { type Form, type FormName, formOf } from './envelope.ts';
import { createFormChoice, type FormChoice, takesMultipart } from './profile.ts';
import { DEFAULT_READINGS, type StatusReadings, sipOutcome } from './sip-outcome.ts';

export interface SipMessageBearerOptions extends AddressedOptions {
  readonly sender: SipSender;
  readonly log: Logger;
  /** How a push stands in the message that goes to a target. Default: `headers` for all. */
  readonly formFor?: FormChoice | undefined;
  /** Which redirections are followed. Default: none. */
  readonly redirects?: RedirectPolicy | undefined;
  readonly options?: {
    /** How statuses are read. Default DEFAULT_READINGS. */
    readonly readings?: StatusReadings;
    /** Largest body by this bearer, octets; default: what a leg can carry. */
    readonly maxBytes?: number;
  };
}

/** What of a MESSAGE is the same for every recipient and attempt of a push. */
interface Prepared extends Form {
  readonly binary: boolean;
  /** Octets of body and push headers. */
  readonly bytes: number;
}

/**
 * Delivers a push as the body of a SIP MESSAGE (RFC 3428) outside any dialog, in the form of docs/bearers.md. All
 * attempts of a push to a target keep Call-ID, From tag and X-Wap-Push-Id; CSeq rises with the attempt.
 */
export function createSipMessageBearer(bearer: SipMessageBearerOptions): Bearer {
  const { sender, log } = bearer;
  const { readings = DEFAULT_READINGS, maxBytes = Number.POSITIVE_INFINITY } = bearer.options ?? {};
  const redirects = bearer.redirects ?? { follow: false, domain: bearer.domain };
  const addressed = createAddresser(bearer);
  const formFor = bearer.formFor ?? createFormChoice();
  const prepared = new Map<FormName, WeakMap<Content, Prepared | null>>();

  /** Undefined when a header of the content cannot stand in a SIP message. */
  function prepare(content: Content, name: FormName): Prepared | undefined {
    let known = prepared.get(name);
    if (known === undefined) {
      known = new WeakMap();
      prepared.set(name, known);
    }
    let form = known.get(content);
    if (form === undefined) {
      form = prepareOnce(content, name) ?? null;
      known.set(content, form);
      if (form !== null && form.dropped.length > 0)
        log.info({ headers: form.dropped }, 'headers of a push that its profile has no place for were dropped');
    }
    return form ?? undefined;
  }

  const carries = ({ binary, bytes }: Prepared, target: DeliveryTarget): boolean => {
    const named = target.kind === 'device' ? (target.device.gruu?.length ?? 0) : 0;
    return sender.fits({ binary, route: false, bytes: bytes + ADDRESSED_OCTETS + named });
  };

  /**
   * The form of the device's profile where a leg carries it; else, for octets that no leg carries, base64 for a device
   * that told that it takes a multipart. A sentence says why there is none.
   */
  function choose(push: Push, target: DeliveryTarget, address?: RecipientAddress): Prepared | string {
    const { content } = push;
    if (content === undefined) return 'the content of the push is gone';
    const wanted = formFor(push, target, address);
    const form = prepare(content, wanted);
    if (form === undefined) return 'a header of the push cannot stand in a SIP message';
    if (form.body.length > maxBytes) return `${form.body.length} octets are more than ${maxBytes} for a MESSAGE`;
    if (carries(form, target)) return form;
    const multipart = wanted === 'mime' || (target.kind === 'device' && takesMultipart(target.device.capabilities));
    if (form.binary && multipart) {
      const text = prepare(content, 'mime-base64');
      if (text !== undefined && text.body.length <= maxBytes && carries(text, target)) return text;
    }
    return `no SIP leg carries ${form.bytes} octets${form.binary ? ' of binary content' : ''} in a MESSAGE`;
  }

  function offers(push: Push, target: DeliveryTarget): Offer {
    const form = choose(push, target);
    if (typeof form === 'string') return cannot(form);
    return form.name === 'mime-base64' ? { offer: 'transform', how: 'base64 in MIME' } : { offer: 'yes' };
  }

  async function deliver(attempt: DeliveryAttempt): Promise<DeliveryResult & { readonly leg?: string }> {
    const { push, target, address } = attempt;
    if (push.content === undefined) return failed(PAP.SERVICE_FAILURE, 'the content of the push is gone');
    const form = choose(push, target, address);
    if (typeof form === 'string') return failed(PAP.TRANSFORMATION_FAILURE, form);
    const { headers, body, binary } = form;
    const way = addressed(attempt, 'MESSAGE');
    if (way === undefined) return failed(PAP.ADDRESS_ERROR, 'the address cannot stand in a SIP message');
    const { sent, followed } = await followRedirects(
      { method: 'MESSAGE', uri: way.uri, headers: [...way.headers, ...headers], body },
      (request) => sender.request(request, { binary }),
      redirects,
    );
    const { answer, leg } = sent;
    const read = sipOutcome(answer, { confirmed: attempt.confirmed, target: target.kind, readings });
    const result =
      followed.length === 0 ? read : { ...read, cause: `${read.cause} (redirected to ${followed.join(', ')})` };
    log.debug(
      { push: push.key, callId: attempt.callId, leg, result: result.kind, cause: result.cause },
      'MESSAGE ended',
    );
    return leg === undefined ? result : { ...result, leg };
  }

  return { name: 'sip-message', offers, deliver };
}

const failed = (code: number, cause: string): DeliveryResult => ({
  kind: 'failed',
  state: 'undeliverable',
  code,
  cause,
});

const cannot = (cause: string): Offer => ({ offer: 'no', code: PAP.TRANSFORMATION_FAILURE, cause });

function prepareOnce(content: Content, name: FormName): Prepared | undefined {
  const form = formOf(content, name);
  if (form === undefined) return undefined;
  let bytes = form.body.length;
  for (const { name, value } of form.headers) bytes += name.length + Buffer.byteLength(value) + 4; // ': ' and CRLF
  return { ...form, binary: isBinaryBody(form.body), bytes };
}
