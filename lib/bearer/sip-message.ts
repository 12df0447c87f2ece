import type { Logger } from '../base/log.ts';
import type { DeliveryResult } from '../model/delivery.ts';
import type { HeaderField, Push } from '../model/push.ts';
import { PAP } from '../model/result-codes.ts';
import { isBinaryBody, type SipSender } from '../sip/sender.ts';
import { ADDRESSED_OCTETS, type AddressedOptions, createAddresser } from './addressed.ts';
import type { Bearer, DeliveryAttempt, DeliveryTarget, Offer } from './bearer.ts';
import { sipHeadersOf } from './push-headers.ts';
import { sipOutcome } from './sip-outcome.ts';

export interface SipMessageBearerOptions extends AddressedOptions {
  readonly sender: SipSender;
  readonly log: Logger;
  readonly options?: {
    /** 404 says that the user does not exist, not that he is offline; default false. */
    readonly notFoundIsFinal?: boolean;
    /** Largest body by this bearer, octets; default: what a leg can carry. */
    readonly maxBytes?: number;
  };
}

/** What of a MESSAGE is the same for every recipient and attempt of a push. */
interface Prepared {
  /** Push headers, Content-Type first; undefined when SIP cannot carry them. */
  readonly headers: readonly HeaderField[] | undefined;
  readonly body: Buffer;
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
  const { notFoundIsFinal = false, maxBytes = Number.POSITIVE_INFINITY } = bearer.options ?? {};
  const addressed = createAddresser(bearer);
  const preparedPushes = new WeakMap<Push, Prepared>();

  function prepare(push: Push): Prepared {
    const known = preparedPushes.get(push);
    if (known !== undefined) return known;
    const prepared = prepareOnce(push);
    // A push whose content is already gone is not worth remembering.
    if (push.content !== undefined) preparedPushes.set(push, prepared);
    return prepared;
  }

  function offers(push: Push, target: DeliveryTarget): Offer {
    const { headers, bytes, body, binary } = prepare(push);
    if (headers === undefined) return cannot('a header of the push cannot stand in a SIP message');
    if (body.length > maxBytes) return cannot(`${body.length} octets are more than ${maxBytes} for a MESSAGE`);
    const named = target.kind === 'device' ? (target.device.gruu?.length ?? 0) : 0;
    if (!sender.fits({ binary, route: false, bytes: bytes + ADDRESSED_OCTETS + named }))
      return cannot(`no SIP leg carries ${bytes} octets${binary ? ' of binary content' : ''} in a MESSAGE`);
    return { offer: 'yes' };
  }

  async function deliver(attempt: DeliveryAttempt): Promise<DeliveryResult & { readonly leg?: string }> {
    const { push, target } = attempt;
    if (push.content === undefined) return failed(PAP.SERVICE_FAILURE, 'the content of the push is gone');
    const { headers, body, binary } = prepare(push);
    if (headers === undefined)
      return failed(PAP.TRANSFORMATION_FAILURE, 'a header of the push cannot stand in a SIP message');
    const way = addressed(attempt, 'MESSAGE');
    if (way === undefined) return failed(PAP.ADDRESS_ERROR, 'the address cannot stand in a SIP message');
    const { answer, leg } = await sender.request(
      { method: 'MESSAGE', uri: way.uri, headers: [...way.headers, ...headers], body },
      { binary },
    );
    const result = sipOutcome(answer, { confirmed: attempt.confirmed, target: target.kind, notFoundIsFinal });
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

const NOTHING = Buffer.alloc(0);

function prepareOnce(push: Push): Prepared {
  const headers = push.content === undefined ? undefined : sipHeadersOf(push.content);
  const body = push.content?.body ?? NOTHING;
  let bytes = body.length;
  for (const { name, value } of headers ?? []) bytes += name.length + Buffer.byteLength(value) + 4; // ': ' and CRLF
  return {
    headers,
    body,
    binary: isBinaryBody(body),
    bytes,
  };
}
