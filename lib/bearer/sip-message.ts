import type { Logger } from '../base/log.ts';
import { parseMediaType } from '../codec/mime/content-type.ts';
import { headerOctets } from '../codec/mime/header-block.ts';
import type { RecipientAddress } from '../model/address.ts';
import type { BearerResult } from '../model/delivery.ts';
import type { Device } from '../model/device.ts';
import { messageMisfit } from '../model/device-knowledge.ts';
import type { Content, Push } from '../model/push.ts';
import { PAP } from '../model/result-codes.ts';
import type { Refusal } from '../sip/capabilities/refusal.ts';
import type { SipAnswer } from '../sip/leg.ts';
import { followRedirects, type RedirectPolicy } from '../sip/redirect.ts';
import { isBinaryBody, type SipSender } from '../sip/sender.ts';
import { type AddressedOptions, addressedOctets, createAddresser } from './addressed.ts';
import type { Bearer, DeliveryAttempt, DeliveryTarget, Offer } from './bearer.ts';
import { type Form, type FormName, formOf } from './envelope.ts';
import { type ImdnAsker, type ImdnForm, takesCpim } from './imdn.ts';
import { remembered } from './prepared.ts';
import { createFormChoice, type FormChoice, takesMultipart } from './profile.ts';
import { afterRedirections } from './redirected.ts';
import { cannot, failed } from './refusals.ts';
import { DEFAULT_READINGS, type StatusReadings, sipOutcome } from './sip-outcome.ts';

export interface SipMessageBearerOptions extends AddressedOptions {
  readonly sender: SipSender;
  readonly log: Logger;
  /** How a push stands in the message that goes to a target. Default: `headers` for all. */
  readonly formFor?: FormChoice | undefined;
  /** Which redirections are followed. Default: none. */
  readonly redirects?: RedirectPolicy | undefined;
  /** Told of what a device answered to a push that it did not take. Must not throw. */
  readonly onRefused?: ((aor: string, device: Device, refusal: Refusal) => void) | undefined;
  /** Asks devices that take message/cpim to say that they have a confirmed push. Default: nobody is asked. */
  readonly imdn?: Pick<ImdnAsker, 'wrap'> | undefined;
  readonly options?: {
    /** How statuses are read. Default DEFAULT_READINGS. */
    readonly readings?: StatusReadings;
    /** Largest body by this bearer, octets; default: what a leg can carry. */
    readonly maxBytes?: number;
  };
}

/** What of a MESSAGE is the same for every recipient and attempt of a push. */
interface Prepared extends Form {
  /** See typeOf, which looks it up when somebody asks. */
  type?: string;
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
  const ownOctets = addressedOctets(bearer);
  const formFor = bearer.formFor ?? createFormChoice();

  /** Undefined when a header of the content cannot stand in a SIP message. */
  const prepare = remembered((content, name) => {
    const form = prepareOnce(content, name);
    if (form !== undefined && form.dropped.length > 0)
      log.info({ headers: form.dropped }, 'headers of a push that its profile has no place for were dropped');
    return form;
  });

  const carries = ({ binary, bytes }: Pick<Prepared, 'binary' | 'bytes'>, target: DeliveryTarget): boolean => {
    const named = target.kind === 'device' ? (target.device.gruu?.length ?? 0) : 0;
    return sender.fits({ binary, route: false, bytes: bytes + ownOctets + named });
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

  /** The push with a request for a disposition notification, where proof is wanted, the device can tell and it fits. */
  function askFor({ confirmed, target, ...rest }: DeliveryAttempt, form: Prepared): ImdnForm | undefined {
    const { content } = rest.push;
    const { imdn } = bearer;
    if (imdn === undefined || !confirmed || content === undefined || form.name !== 'headers') return undefined;
    if (target.kind !== 'device' || !takesCpim(target.device)) return undefined;
    const asking = imdn.wrap({ confirmed, target, ...rest }, content);
    if (asking === undefined || asking.body.length > maxBytes) return undefined;
    return carries({ binary: form.binary, bytes: asking.bytes }, target) ? asking : undefined;
  }

  function offers(push: Push, target: DeliveryTarget): Offer {
    const form = choose(push, target);
    if (typeof form === 'string') return cannot(form);
    const misfit = target.kind === 'device' ? messageMisfit(target.device, typeOf(form), form.body.length) : undefined;
    if (misfit !== undefined) return { offer: 'no', ...misfit };
    return form.name === 'mime-base64' ? { offer: 'transform', how: 'base64 in MIME' } : { offer: 'yes' };
  }

  async function deliver(attempt: DeliveryAttempt): Promise<BearerResult> {
    const { push, target, address } = attempt;
    if (push.content === undefined) return failed(PAP.SERVICE_FAILURE, 'the content of the push is gone');
    const form = choose(push, target, address);
    if (typeof form === 'string') return failed(PAP.TRANSFORMATION_FAILURE, form);
    const asking = askFor(attempt, form);
    const { headers, body } = asking ?? form;
    const { binary } = form;
    const way = addressed(attempt, 'MESSAGE');
    if (way === undefined) return failed(PAP.ADDRESS_ERROR, 'the address cannot stand in a SIP message');
    const { sent, followed } = await followRedirects(
      { method: 'MESSAGE', uri: way.uri, headers: [...way.headers, ...headers], body },
      (request) => sender.request(request, { binary }),
      redirects,
    );
    const { answer, leg } = sent;
    // What somebody else said, to whom the core or the device sent the push on, teaches nothing of the device.
    if (target.kind === 'device' && followed.length === 0) tellRefusal(address.aor, target.device, form, answer);
    const read = sipOutcome(answer, { confirmed: attempt.confirmed, target: target.kind, readings });
    const told = read.kind === 'accepted' && asking !== undefined ? { ...read, proofComes: true } : read;
    const result = afterRedirections(told, followed);
    log.debug(
      {
        push: push.key,
        callId: attempt.callId,
        leg,
        result: result.kind,
        cause: result.cause,
        followed,
        said: result.said,
      },
      'MESSAGE ended',
    );
    return leg === undefined ? result : { ...result, leg };
  }

  function tellRefusal(aor: string, device: Device, form: Prepared, answer: SipAnswer): void {
    if (bearer.onRefused === undefined || answer.kind !== 'response' || answer.status < 400 || answer.local) return;
    const { headers, body } = form;
    const encoding = headers.find(({ name }) => name.toLowerCase() === 'content-encoding')?.value;
    const { status, all } = answer;
    bearer.onRefused(aor, device, {
      status,
      get: (name) => answer.get(name),
      ...(all !== undefined && { all: (name: string) => answer.all?.(name) ?? [] }),
      method: 'MESSAGE',
      type: typeOf(form),
      encoding,
      bytes: body.length,
    });
  }

  return { name: 'sip-message', offers, deliver };
}

function prepareOnce(content: Content, name: FormName): Prepared | undefined {
  const form = formOf(content, name);
  if (form === undefined) return undefined;
  const bytes = form.body.length + headerOctets(form.headers);
  return { ...form, binary: isBinaryBody(form.body), bytes };
}

/** Media type of the body in lower case, without parameters. Only devices that are known are held against it. */
function typeOf(form: Prepared): string {
  form.type ??= parseMediaType(form.headers[0]?.value ?? '')?.type ?? '';
  return form.type;
}
