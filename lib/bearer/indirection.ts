import type { Logger } from '../base/log.ts';
import type { BearerResult } from '../model/delivery.ts';
import { PAP } from '../model/result-codes.ts';
import { followRedirects, type RedirectPolicy } from '../sip/redirect.ts';
import type { SipSender } from '../sip/sender.ts';
import { type AddressedOptions, addressedOctets, createAddresser } from './addressed.ts';
import type { Bearer, DeliveryAttempt, DeliveryTarget, Offer } from './bearer.ts';
import { afterRedirections } from './redirected.ts';
import { createReferenceWriter, REFERENCE_TYPE, type ReferenceOptions, takesReferences } from './reference.ts';
import { cannot, failed } from './refusals.ts';
import { saying } from './said.ts';
import { DEFAULT_READINGS, type StatusReadings, sipOutcome } from './sip-outcome.ts';

export interface IndirectionBearerOptions extends AddressedOptions, ReferenceOptions {
  readonly sender: SipSender;
  readonly log: Logger;
  /** Which redirections are followed, as for MESSAGE. Default: none. */
  readonly redirects?: RedirectPolicy | undefined;
  /** How statuses are read, as for MESSAGE. */
  readonly readings?: StatusReadings | undefined;
}

/**
 * Delivers a push by a reference to its content (RFC 4483): a MESSAGE with `message/external-body`, in which the headers
 * of the content stand, and a URL that is this device's alone. What a device answers to the MESSAGE is never proof: it
 * has the push once it has fetched the content, and until then the content stays.
 */
export function createIndirectionBearer(bearer: IndirectionBearerOptions): Bearer {
  const { sender, log, domain, readings = DEFAULT_READINGS } = bearer;
  const redirects = bearer.redirects ?? { follow: false, domain };
  const addressed = createAddresser(bearer);
  const ownOctets = addressedOctets(bearer);
  const references = createReferenceWriter(bearer);

  function offers({ content }: DeliveryAttempt['push'], target: DeliveryTarget): Offer {
    if (content === undefined) return cannot('the content of the push is gone');
    if (!takesReferences(target)) return cannot(`the device does not take ${REFERENCE_TYPE}`);
    const octets = references.bytes(content);
    if (octets === undefined) return cannot('a header of the push cannot stand in a SIP message');
    if (!sender.fits({ binary: false, route: false, bytes: octets + ownOctets }))
      return cannot('its headers alone are too many for a leg');
    return { offer: 'transform', how: 'a reference to be fetched' };
  }

  async function deliver(attempt: DeliveryAttempt): Promise<BearerResult> {
    const { push, target } = attempt;
    if (push.content === undefined) return failed(PAP.SERVICE_FAILURE, 'the content of the push is gone');
    const reference = references.write(attempt, push.content);
    if (reference === undefined)
      return failed(PAP.TRANSFORMATION_FAILURE, 'a header of the push cannot stand in a SIP message');
    // It may follow a MESSAGE of the same attempt that was refused, and be taken for that one (RFC 3261 section 8.2.2.2).
    const way = addressed({ ...attempt, callId: `ref-${attempt.callId}` }, 'MESSAGE');
    if (way === undefined) return failed(PAP.ADDRESS_ERROR, 'the address cannot stand in a SIP message');
    const { sent, followed } = await followRedirects(
      { method: 'MESSAGE', uri: way.uri, headers: [...way.headers, ...reference.headers], body: reference.body },
      (request) => sender.request(request, { binary: false }),
      redirects,
    );
    const { answer, leg } = sent;
    const read = referred(sipOutcome(answer, { confirmed: attempt.confirmed, target: target.kind, readings }));
    const result = afterRedirections(read, followed);
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
      'MESSAGE with a reference ended',
    );
    return leg === undefined ? result : { ...result, leg };
  }

  return { name: 'indirection', offers, deliver };
}

/** Somebody has the reference; whoever has the content will have fetched it. */
export function referred(result: BearerResult): BearerResult {
  if (result.kind !== 'delivered' && result.kind !== 'accepted') return result;
  const cause = `${result.cause}; the content is to be fetched`;
  return saying({ kind: 'accepted', proofComes: true, cause }, result.said);
}
