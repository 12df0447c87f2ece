import type { Clock, TimerHandle } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import { randomToken } from '../../base/ids.ts';
import type { Logger } from '../../base/log.ts';
import { parseMediaType } from '../../codec/mime/content-type.ts';
import { readRegInfo } from '../../codec/reginfo/read.ts';
import { REGINFO_TYPE } from '../../codec/reginfo/reginfo.ts';
import type { HeaderField } from '../../model/push.ts';
import { type SubscriptionState, subscriptionState } from '../../stack/subscription.ts';
import type { IscHeaders } from '../isc-headers.ts';
import type { RequestLike, ResponseLike, SipAnswer, SipDialog, SipHandler } from '../leg.ts';
import { readSeconds } from '../registrations/register-contacts.ts';
import type { RegistrationUpdate } from '../registrations/update.ts';
import type { SipSender } from '../sender.ts';
import { RegEventTable } from './table.ts';

/** Seconds that a subscription is asked for. */
export const REG_EVENT_EXPIRES = 3600;

/** Longest time that a core may ask for by 423, seconds. */
const LONGEST_EXPIRES = 7 * 24 * 3600;

/** RFC 6665 section 4.1.2.4, timer N: without a NOTIFY by then the subscription has failed. Milliseconds. */
const FIRST_NOTIFY_WITHIN = 32_000;

/** Shortest time between two refreshes, whatever the core says. Milliseconds. */
const SHORTEST_REFRESH = 5000;

/** Answers to a refresh by which the subscription is over (RFC 6665 section 4.1.2.2). */
const OVER: ReadonlySet<number> = new Set([404, 405, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604]);

/** How a subscription ended, and what that means for another one. */
export interface SubscriptionEnd {
  /** `refused`: by the answer to the first SUBSCRIBE; `failed`: it got none, or no NOTIFY; `over`: it was there. */
  readonly kind: 'refused' | 'failed' | 'over';
  /** Status of a refusal. */
  readonly status?: number;
  /** Reason of a subscription that the core terminated (RFC 6665 section 4.1.3), or of the dialog's end. */
  readonly reason?: string;
  /** Milliseconds after which another one may be tried, where the core said so. */
  readonly retryAfter?: number;
}

export type NotifyResult = 'taken' | 'gap' | 'old' | 'empty' | 'bad';

export interface RegEventSubscriptionOptions {
  readonly aor: string;
  readonly sender: Pick<SipSender, 'subscribe'>;
  /** The gateway's identity, a SIP URI. */
  readonly identity: string;
  /** What the core is told of the gateway. */
  readonly isc: IscHeaders;
  readonly domain: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Gets what a NOTIFY told, in order. */
  readonly onUpdates: (updates: readonly RegistrationUpdate[], table: RegEventTable) => void;
  /**
   * Every NOTIFY, after its updates: taken, or why not; `empty` has no document. `sinceRefresh`: milliseconds since the
   * refresh that it is the first one after.
   */
  readonly onNotify: (result: NotifyResult, sinceRefresh?: number) => void;
  /** A 2xx came. */
  readonly onAccepted: () => void;
  /** Called once, unless it was closed. */
  readonly onEnd: (end: SubscriptionEnd) => void;
}

/** One subscription to the reg event package (RFC 3680) of one user: begins, keeps itself alive, tells what it hears. */
export class RegEventSubscription {
  readonly #o: RegEventSubscriptionOptions;
  readonly #table = new RegEventTable();
  #dialog: SipDialog | undefined;
  #timer: TimerHandle;
  #expires = REG_EVENT_EXPIRES;
  #refreshing = false;
  /** A refresh waits for its time, and nothing that comes meanwhile makes it needless. */
  #due = false;
  #refreshedAt = Number.NEGATIVE_INFINITY;
  /** No NOTIFY has come since. */
  #unanswered = false;
  #last: SubscriptionState | undefined;
  #ended = false;
  /** Asked before each refresh: false lets the subscription end. */
  isWanted: () => boolean = () => true;

  constructor(options: RegEventSubscriptionOptions) {
    this.#o = options;
  }

  /** True from the first NOTIFY on, as long as it lasts. */
  get isLive(): boolean {
    return this.#last !== undefined && !this.#ended;
  }

  /** Whether it tells of this address-of-record. */
  covers(aor: string): boolean {
    return this.#table.covers(aor);
  }

  /** Never rejects. */
  async begin(isRetry = false): Promise<void> {
    const { sender } = this.#o;
    const { answer } = await sender.subscribe(this.#request(), { onRequest: this.#onRequest });
    if (this.#ended) {
      if (answer.kind === 'dialog') void answer.dialog.end();
      return;
    }
    if (answer.kind === 'dialog') {
      const { dialog } = answer;
      this.#dialog = dialog;
      this.#o.onAccepted();
      if (this.#last === undefined) this.#wait(FIRST_NOTIFY_WITHIN, () => this.#silent());
      else this.#keep(this.#last?.expires ?? this.#expires);
      dialog.on('end', (reason) => this.#end({ kind: this.isLive ? 'over' : 'failed', ...this.#ending(reason) }));
      return;
    }
    if (answer.kind === 'response' && answer.status === 423 && !isRetry) {
      const least = readSeconds(answer.get('Min-Expires'));
      if (least !== undefined && least > this.#expires && least <= LONGEST_EXPIRES) {
        this.#expires = least;
        await this.begin(true);
        return;
      }
    }
    this.#end(refusalOf(answer));
  }

  /** Asks for the whole state, now (true) or as soon as the last time is long enough ago. */
  refresh(): boolean {
    const { clock } = this.#o;
    const wait = this.#refreshedAt + SHORTEST_REFRESH - clock.now();
    if (wait <= 0) void this.#refresh();
    else if (!this.#due) {
      this.#due = true;
      this.#wait(wait, () => void this.#refresh());
    }
    return wait <= 0;
  }

  /** Ends it; the core is told. Never rejects. */
  async close(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    this.#o.clock.clearTimeout(this.#timer);
    await this.#dialog?.end();
  }

  /** Ends it without a word. */
  abandon(): void {
    this.#ended = true;
    this.#o.clock.clearTimeout(this.#timer);
  }

  #request(): Parameters<SipSender['subscribe']>[0] {
    const { aor, identity, domain, isc } = this.#o;
    return {
      method: 'SUBSCRIBE',
      uri: aor.startsWith('sip:+') ? `${aor};user=phone` : aor,
      headers: [
        { name: 'From', value: `<${identity}>;tag=${randomToken(8)}` },
        { name: 'To', value: `<${aor}>` },
        { name: 'Call-ID', value: `${randomToken(16)}@${domain}` },
        { name: 'CSeq', value: '1 SUBSCRIBE' },
        ...isc({ forDevice: false }),
        ...this.#own(this.#expires),
      ],
    };
  }

  #own(expires: number): HeaderField[] {
    return [
      { name: 'Event', value: 'reg' },
      { name: 'Accept', value: REGINFO_TYPE },
      { name: 'Expires', value: String(expires) },
    ];
  }

  // ---- what the core tells

  readonly #onRequest: SipHandler = (req, res, next) => {
    if (req.method !== 'NOTIFY') {
      next();
      return;
    }
    const state = this.#stateIn(req);
    if (state === undefined || this.#ended) {
      this.#o.onNotify('bad');
      res.send(this.#ended ? 481 : 400);
      return;
    }
    if (!/^\s*reg\s*(?:;|$)/i.test(req.get('Event') ?? '')) {
      this.#o.onNotify('bad');
      res.send(489, { headers: { 'Allow-Events': 'reg' } });
      return;
    }
    this.#last = state;
    const verdict = this.#take(req, res);
    if (state.state === 'terminated') this.#end({ kind: 'over', ...this.#ending('remote') });
    else if (verdict === 'gap') this.refresh();
    else this.#keep(state.expires ?? this.#expires);
  };

  #stateIn(req: RequestLike): SubscriptionState | undefined {
    try {
      return subscriptionState(req.get('Subscription-State'));
    } catch {
      return undefined; // unreadable, as good as missing
    }
  }

  /** Reads the document and answers the NOTIFY. One without a body tells of the subscription alone. */
  #take(req: RequestLike, res: ResponseLike): NotifyResult {
    const { aor, domain, clock, log, onUpdates } = this.#o;
    const isAnswer = this.#unanswered && this.#last?.state !== 'terminated';
    const sinceRefresh = isAnswer ? clock.now() - this.#refreshedAt : undefined;
    this.#unanswered = false;
    const onNotify = (result: NotifyResult): void => this.#o.onNotify(result, sinceRefresh);
    const body = req.rawBody ?? Buffer.from(req.body ?? '', 'utf8');
    if (body.length === 0) {
      res.send(200);
      onNotify('empty');
      return 'empty';
    }
    if (parseMediaType(req.get('Content-Type') ?? '')?.type !== REGINFO_TYPE) {
      onNotify('bad');
      res.send(415, { headers: { Accept: REGINFO_TYPE } });
      return 'bad';
    }
    try {
      const { verdict, updates } = this.#table.take(readRegInfo(body), { domain, now: clock.now() });
      res.send(200);
      if (verdict === 'taken') onUpdates(updates, this.#table);
      onNotify(verdict);
      return verdict;
    } catch (error) {
      log.warn({ aor, cause: messageOf(error) }, 'a reg event document could not be read');
      onNotify('bad');
      if (res.finalResponseSent !== true) res.send(400);
      return 'bad';
    }
  }

  // ---- its life

  #keep(seconds: number): void {
    if (this.#dialog === undefined || this.#due) return;
    const left = seconds * 1000;
    // Early enough for a second try, and no earlier than half of the time.
    this.#wait(Math.max(SHORTEST_REFRESH, left / 2, left - 300_000), () => this.#renew());
  }

  #renew(): void {
    if (this.isWanted()) void this.#refresh();
    else {
      void this.close();
      this.#o.onEnd({ kind: 'over', reason: 'idle' });
    }
  }

  async #refresh(): Promise<void> {
    this.#due = false;
    const dialog = this.#dialog;
    if (dialog === undefined || this.#refreshing || this.#ended) return;
    this.#refreshing = true;
    this.#refreshedAt = this.#o.clock.now();
    this.#unanswered = true;
    // The next NOTIFY says when again; without one the answer does, and without that it is tried once more.
    this.#wait(60_000, () => void this.#refresh());
    const answer = await dialog.request('SUBSCRIBE', { headers: this.#own(this.#expires) });
    this.#refreshing = false;
    if (this.#ended) return;
    if (answer.kind !== 'response') return;
    if (answer.status < 300) {
      const granted = readSeconds(answer.get('Expires'));
      if (granted !== undefined && granted > 0) this.#keep(granted);
    } else if (OVER.has(answer.status)) {
      this.#end({ kind: 'over', reason: 'gone' });
      void dialog.end();
    }
    // any other refusal leaves what is there; the core will end it
  }

  #silent(): void {
    const dialog = this.#dialog;
    this.#end({ kind: 'failed', reason: 'no NOTIFY came' });
    void dialog?.end();
  }

  #ending(reason: string): Pick<SubscriptionEnd, 'reason' | 'retryAfter'> {
    const last = this.#last;
    if (last?.state !== 'terminated') return { reason };
    const { reason: said, retryAfter } = last;
    return {
      reason: said?.toLowerCase() ?? 'giveup',
      ...(retryAfter !== undefined && { retryAfter: retryAfter * 1000 }),
    };
  }

  #wait(delay: number, then: () => void): void {
    const { clock } = this.#o;
    clock.clearTimeout(this.#timer);
    if (!this.#ended) this.#timer = clock.setTimeout(then, delay);
  }

  #end(end: SubscriptionEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#o.clock.clearTimeout(this.#timer);
    this.#o.onEnd(end);
  }
}

function refusalOf(answer: SipAnswer): SubscriptionEnd {
  if (answer.kind !== 'response') return { kind: 'failed', reason: answer.cause };
  const seconds = readSeconds(answer.get('Retry-After')?.split(/[;(]/, 1)[0]);
  return {
    kind: 'refused',
    status: answer.status,
    ...(seconds !== undefined && { retryAfter: seconds * 1000 }),
  };
}
