import type { Logger } from '../base/log.ts';
import type { AddressedOptions } from '../bearer/addressed.ts';
import type { Bearer } from '../bearer/bearer.ts';
import type { ImdnAsker } from '../bearer/imdn.ts';
import { createIndirectionBearer } from '../bearer/indirection.ts';
import { createOmaPushBearer, createOmaPushReferenceBearer, type OmaPushBearerOptions } from '../bearer/oma-push.ts';
import { createFormChoice, type ProfileRule } from '../bearer/profile.ts';
import { createReferenceWriter } from '../bearer/reference.ts';
import { createSipMessageBearer, type SipMessageBearerOptions } from '../bearer/sip-message.ts';
import type { StatusReadings } from '../bearer/sip-outcome.ts';
import { createTransforming, seenByMsrp, type Transforming, type TransformingOptions } from '../bearer/transforming.ts';
import type { ContentOptions } from '../options/content.ts';
import type { TokenSecret } from '../security/token-secret.ts';
import type { RedirectPolicy } from '../sip/redirect.ts';
import type { SipSender } from '../sip/sender.ts';

export interface BearersOptions extends AddressedOptions, TransformingOptions {
  readonly sender: SipSender;
  readonly log: Logger;
  readonly readings: StatusReadings;
  readonly redirects: RedirectPolicy;
  /** Undefined: no device is asked for disposition notifications. */
  readonly imdn?: ImdnAsker | undefined;
  readonly profiles: readonly ProfileRule[];
  /** Learns what devices do not take. */
  readonly onRefused: SipMessageBearerOptions['onRefused'];
  readonly content: ContentOptions;
  /** Asked before all others: it offers itself as it is only for what is large. */
  readonly msrp?: Bearer | undefined;
  /** Devices that subscribed to pushes; undefined: none may. */
  readonly omaPush?: Pick<OmaPushBearerOptions, 'subscriptions' | 'maxBytes'> | undefined;
  /** What references are signed with. */
  readonly secret: TokenSecret;
  /** Milliseconds that a device may take to fetch. */
  readonly confirmWait: number;
}

/**
 * The gateway's ways to a device, in the order in which they are asked (docs/bearers.md, "Which form a push takes"): the
 * first that takes the content as it is, else the first that takes it in another form.
 */
export function createBearers(options: BearersOptions): readonly Bearer[] {
  const { profiles, readings, content, secret, confirmWait } = options;
  const inForm: Transforming = content.transform ? createTransforming(options) : (bearer) => bearer;
  const message = createSipMessageBearer({ ...options, formFor: createFormChoice(profiles), options: { readings } });
  const bearers = options.msrp === undefined ? [] : [inForm(options.msrp, 'carries', seenByMsrp)];
  const { omaPush } = options;
  const toSubscribers = omaPush && { ...options, ...omaPush, formFor: createFormChoice(profiles) };
  if (toSubscribers !== undefined) bearers.push(inForm(createOmaPushBearer(toSubscribers)));
  bearers.push(inForm(message));
  if (content.url !== undefined) {
    const reference = { ...options, url: content.url.replace(/\/+$/, ''), secret, wait: confirmWait };
    if (toSubscribers !== undefined) {
      const references = createReferenceWriter(reference);
      bearers.push(inForm(createOmaPushReferenceBearer({ ...toSubscribers, references }), 'refers'));
    }
    bearers.push(inForm(createIndirectionBearer(reference), 'refers'));
  }
  return bearers;
}
