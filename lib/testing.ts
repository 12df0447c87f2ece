import { type Clock, systemClock } from './base/clock.ts';
import { PpgError } from './base/errors.ts';
import { type Logger, silentLogger } from './base/log.ts';
import { createPhone as createScriptedPhone, type Phone, type PhoneOptions } from './embedded/phone/phone.ts';
import type { ReceivedPush } from './embedded/phone/push-log.ts';

export type { ContentReference, EntityProfile } from './embedded/phone/entity.ts';
export type { ImdnSent, ImdnWish, PhoneImdn } from './embedded/phone/imdn.ts';
export type { Phone } from './embedded/phone/phone.ts';
export type { PhoneCounters, ReceivedPush } from './embedded/phone/push-log.ts';

export interface TestPhoneOptions extends Omit<PhoneOptions, 'clock' | 'log' | 'stack' | 'applications'> {
  /** Values of `+g.oma.pusheventapp`. Default `wml.ua`. */
  readonly applications?: readonly string[];
  /** Default: the system's. */
  readonly clock?: Clock;
  /** Default silent. */
  readonly log?: Logger;
}

/**
 * A scripted device for tests of an app that pushes: it speaks real SIP, registers, answers as it is told, takes every form of
 * docs/bearers.md, fetches what it is referred to, and tells the content from its wrapping. Throws PPG_E_OPTIONS or
 * PPG_E_SIP_SYNTAX for options that make no phone.
 */
export const createPhone = (options: TestPhoneOptions): Phone =>
  createScriptedPhone({ clock: systemClock, log: silentLogger, applications: ['wml.ua'], ...options });

/**
 * The next push that a phone gets and `wanted` picks, by default any. Ask before it is sent. Rejects with PPG_E_SIP_TIMEOUT when there is none
 * `within` milliseconds, by default 10,000.
 */
export function nextPush(
  phone: Pick<Phone, 'on'>,
  wanted: (push: ReceivedPush) => boolean = () => true,
  within = 10_000,
): Promise<ReceivedPush> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      off();
      reject(new PpgError('PPG_E_SIP_TIMEOUT', `no such push within ${within} ms`));
    }, within);
    const off = phone.on('push', (push) => {
      if (!wanted(push)) return;
      clearTimeout(timer);
      off();
      resolve(push);
    });
  });
}
