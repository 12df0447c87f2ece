import type { Clock, TimerHandle } from '../base/clock.ts';
import type { SipHeaders, SipRequest, SipResponse } from '../codec/sip/message.ts';
import { paramOf, parseParams } from '../codec/sip/params.ts';
import { respondTo } from '../codec/sip/respond-to.ts';
import type { HeaderField } from '../model/push.ts';

/** RFC 4028 section 5: no interval is shorter. Seconds. */
export const MIN_SESSION_EXPIRES = 90;

export interface SessionExpires {
  /** Seconds. */
  readonly interval: number;
  /** By role in the request that agreed on it. */
  readonly refresher?: 'uac' | 'uas';
}

/** Reads Session-Expires (RFC 4028 section 4); undefined when it is missing or makes no sense. */
export function sessionExpires(headers: SipHeaders): SessionExpires | undefined {
  const value = headers.get('Session-Expires');
  const match = value === undefined ? null : /^\s*(\d{1,9})\s*(;.*)?$/.exec(value);
  if (match === null) return undefined;
  const interval = Number(match[1]);
  const refresher = refresherIn(match[2]);
  return refresher === 'uac' || refresher === 'uas' ? { interval, refresher } : { interval };
}

/** What cannot be read names nobody. */
function refresherIn(params: string | undefined): string | undefined {
  if (params === undefined) return undefined;
  try {
    return paramOf(parseParams(params), 'refresher')?.toLowerCase();
  } catch {
    return undefined;
  }
}

const lists = (headers: SipHeaders, name: string, wanted: string): boolean =>
  headers.all(name).some((value) => value.split(',').some((one) => one.trim().toLowerCase() === wanted));

export const supports = (headers: SipHeaders, option: string): boolean =>
  lists(headers, 'Supported', option) || lists(headers, 'Require', option);

export const requires = (headers: SipHeaders, option: string): boolean => lists(headers, 'Require', option);

export const allows = (headers: SipHeaders, method: string): boolean => lists(headers, 'Allow', method.toLowerCase());

/**
 * What a UAS answers to a session timer (RFC 4028 section 9): nothing where none is asked for, `too-small` for 422, else
 * the headers of the 2xx.
 */
export function answerTimer(
  request: SipHeaders,
): { readonly agreed: SessionExpires; readonly headers: readonly HeaderField[] } | 'too-small' | undefined {
  const asked = sessionExpires(request);
  if (asked === undefined) return undefined;
  const peerSupports = supports(request, 'timer');
  if (asked.interval < MIN_SESSION_EXPIRES) return peerSupports ? 'too-small' : undefined;
  const refresher = peerSupports ? (asked.refresher ?? 'uac') : 'uas';
  const headers: HeaderField[] = [{ name: 'Session-Expires', value: `${asked.interval};refresher=${refresher}` }];
  if (refresher === 'uac') headers.push({ name: 'Require', value: 'timer' });
  return { agreed: { interval: asked.interval, refresher }, headers };
}

/** RFC 4028 section 6: an interval below our least. */
export const refusedTimer = (request: SipRequest): SipResponse =>
  respondTo(request, 422, { headers: [{ name: 'Min-SE', value: String(MIN_SESSION_EXPIRES) }] });

/** Refreshes a session, or ends it when the peer who should refresh does not (RFC 4028 section 10). */
export class SessionTimer {
  readonly #clock: Clock;
  readonly #refresh: () => void;
  readonly #expire: () => void;
  #handle: TimerHandle;
  /** Seconds between the refresh and the end, while there may be a second try. */
  #left: number | undefined;

  constructor(clock: Clock, refresh: () => void, expire: () => void) {
    this.#clock = clock;
    this.#refresh = refresh;
    this.#expire = expire;
  }

  /** Counts anew from a 2xx to INVITE or UPDATE; `ours` when we are the refresher. Undefined: no timer any more. */
  restart(agreed: SessionExpires | undefined, ours: boolean): void {
    this.stop();
    if (agreed === undefined || agreed.interval < MIN_SESSION_EXPIRES) return;
    // Half-way for the refresher; the other waits until a little before the end (section 10).
    const end = agreed.interval - Math.min(32, agreed.interval / 3);
    const seconds = ours ? agreed.interval / 2 : end;
    this.#left = ours ? end - seconds : undefined;
    this.#handle = this.#clock.setTimeout(() => (ours ? this.#refresh() : this.#expire()), seconds * 1000);
  }

  /**
   * The refresh was refused, or another INVITE was in its way: it is tried once more before the end (section 10). False
   * when it has been.
   */
  again(): boolean {
    const left = this.#left;
    if (left === undefined) return false;
    this.stop();
    this.#handle = this.#clock.setTimeout(() => this.#refresh(), (left / 2) * 1000);
    return true;
  }

  stop(): void {
    this.#clock.clearTimeout(this.#handle);
    this.#handle = undefined;
    this.#left = undefined;
  }
}
