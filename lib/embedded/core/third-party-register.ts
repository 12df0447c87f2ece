import type { Clock, TimerHandle } from '../../base/clock.ts';
import { randomToken, stableToken } from '../../base/ids.ts';
import type { Logger } from '../../base/log.ts';
import { SipHeaders, type SipRequest } from '../../codec/sip/message.ts';
import type { HeaderField } from '../../model/push.ts';
import type { Hop, SipStack } from '../../stack/types.ts';
import { hopOf } from './routes.ts';

/** One third-party REGISTER to be: what happened, with the messages that say so. */
export interface Notice {
  /** Seconds the user stays registered; 0 when nothing is left. */
  readonly expires: number;
  readonly contentType?: string;
  readonly body: Buffer;
  /** True when it tells of a contact that went: the state of the user alone would not say so later. */
  readonly farewell: boolean;
}

export interface ThirdPartyOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly stack: SipStack;
  /** SIP URI of the application server. */
  readonly server: string;
  /** SIP URI of the core; asked for once the stack listens. */
  readonly from: () => string;
  /** What is true of a user now: a notice for each contact, or one that nothing is left. */
  readonly stateOf: (aor: string) => Notice[];
  readonly maxOpen: number;
}

/** Milliseconds before an application server that failed is tried again, doubling from the first to the second. */
const FIRST_BACK_OFF = 500;
const LONGEST_BACK_OFF = 30_000;

/** Answers other than success and refusal after which the state of one user is given up. */
const MAX_FAILURES = 6;

/** Notices of one user that wait for the one before them; with more, the user's state is told instead. */
const MAX_WAITING = 8;

/** Statuses that say "later", not "no". */
const PASSING = new Set([408, 480, 500, 502, 503, 504]);

/** Notices of one user leave one after the other, so that none overtakes another. */
interface Lane {
  readonly aor: string;
  readonly waiting: Notice[];
  /** The state of the user is to be told after what waits: it is put together when its turn comes. */
  tellState: boolean;
  /** Answers so far that were neither success nor refusal. */
  failures: number;
  /** One of its notices is in flight. */
  open: boolean;
}

interface Missed {
  readonly farewells: readonly Notice[];
  readonly failures: number;
}

/**
 * Tells one application server of every registration (TS 24.229 5.4.1.7). A notice leaves at once; when the server does
 * not take it, the user is remembered and the state of all such users is told as soon as the server answers again.
 */
export class ThirdPartyRegister {
  readonly #options: ThirdPartyOptions;
  readonly #hop: Hop;
  readonly #fromTag = randomToken(8);
  readonly #lanes = new Map<string, Lane>();
  /** Lanes that wait for a place among the open ones. */
  readonly #ready = new Set<Lane>();
  readonly #missed = new Map<string, Missed>();
  #open = 0;
  #cseq = 0;
  #backOff = FIRST_BACK_OFF;
  #retry: TimerHandle | undefined;
  #stopped = false;

  /** Throws PPG_E_SIP_SYNTAX when the server is no SIP URI. */
  constructor(options: ThirdPartyOptions) {
    this.#options = options;
    this.#hop = hopOf(options.server);
  }

  /** Tells what happened to a user. */
  tell(aor: string, notice: Notice): void {
    if (this.#stopped) return;
    const lane = this.#lane(aor);
    if (lane.waiting.length >= MAX_WAITING) {
      lane.waiting.length = 0;
      lane.tellState = true;
    } else lane.waiting.push(notice);
    this.#pump(lane);
  }

  /** Tells the state of a user. */
  tellState(aor: string): void {
    if (this.#stopped) return;
    const lane = this.#lane(aor);
    lane.tellState = true;
    this.#pump(lane);
  }

  /** Users whose registrations the server has not taken. */
  get missed(): number {
    return this.#missed.size;
  }

  stop(): void {
    this.#stopped = true;
    this.#options.clock.clearTimeout(this.#retry);
    this.#lanes.clear();
    this.#ready.clear();
    this.#missed.clear();
  }

  #lane(aor: string): Lane {
    let lane = this.#lanes.get(aor);
    if (lane === undefined) {
      lane = { aor, waiting: [], tellState: false, failures: 0, open: false };
      this.#lanes.set(aor, lane);
    }
    return lane;
  }

  #pump(lane: Lane): void {
    if (lane.open) return;
    if (this.#open >= this.#options.maxOpen) {
      this.#ready.add(lane);
      return;
    }
    if (lane.waiting.length === 0 && lane.tellState) {
      lane.tellState = false;
      lane.waiting.push(...this.#options.stateOf(lane.aor));
    }
    const notice = lane.waiting.shift();
    if (notice === undefined) {
      this.#lanes.delete(lane.aor);
      return;
    }
    lane.open = true;
    this.#open++;
    this.#send(lane, notice);
  }

  #send(lane: Lane, notice: Notice): void {
    const { stack } = this.#options;
    stack.request(this.#request(lane.aor, notice), this.#hop, {
      onResponse: ({ status }) => {
        if (status >= 200) this.#done(lane, notice, status);
      },
      onFailure: (failure) => this.#done(lane, notice, failure),
    });
  }

  #request(aor: string, notice: Notice): SipRequest {
    const { clock, server } = this.#options;
    const from = this.#options.from();
    // Rises across restarts too, as long as there are fewer notices than seconds.
    this.#cseq = Math.max(this.#cseq + 1, Math.floor(clock.now() / 1000));
    const fields: HeaderField[] = [
      { name: 'Max-Forwards', value: '70' },
      { name: 'From', value: `<${from}>;tag=${this.#fromTag}` },
      { name: 'To', value: `<${aor}>` },
      { name: 'Call-ID', value: `${stableToken(aor, server)}@${this.#hop.host}` },
      { name: 'CSeq', value: `${this.#cseq} REGISTER` },
      { name: 'Contact', value: `<${from}>` },
      { name: 'Expires', value: String(notice.expires) },
      { name: 'Event', value: 'registration' },
    ];
    if (notice.contentType !== undefined) fields.push({ name: 'Content-Type', value: notice.contentType });
    return { kind: 'request', method: 'REGISTER', uri: server, headers: new SipHeaders(fields), body: notice.body };
  }

  #done(lane: Lane, notice: Notice, outcome: number | 'timeout' | 'transport'): void {
    if (this.#stopped) return;
    this.#open--;
    lane.open = false;
    if (typeof outcome === 'string' || PASSING.has(outcome)) this.#failed(lane, notice, outcome);
    else this.#answered(lane, outcome);
    this.#next();
  }

  #answered(lane: Lane, status: number): void {
    const { log, server } = this.#options;
    if (status >= 300) log.warn({ server, aor: lane.aor, status }, 'an application server refused a registration');
    lane.failures = 0;
    this.#backOff = FIRST_BACK_OFF;
    // The server is back. Users it answered and could not take wait for their turn, or they would be tried without pause.
    for (const [aor, missed] of this.#missed) if (missed.failures === 0) this.#again(aor, missed);
    this.#pump(lane);
  }

  /** What waits in the lane is part of the state that will be told; only farewells have to be kept. */
  #failed(lane: Lane, notice: Notice, outcome: number | string): void {
    const { log, server, clock } = this.#options;
    this.#lanes.delete(lane.aor);
    // A server that is away costs nothing but time; one that answers and cannot take it is not asked for ever.
    const failures = typeof outcome === 'number' ? lane.failures + 1 : lane.failures;
    if (failures >= MAX_FAILURES) {
      log.error({ server, aor: lane.aor, outcome }, 'an application server keeps failing on a registration: given up');
      return;
    }
    const farewells = [notice, ...lane.waiting].filter(({ farewell }) => farewell).slice(-MAX_WAITING);
    this.#missed.set(lane.aor, { farewells, failures });
    if (this.#retry !== undefined) return;
    const retryIn = this.#backOff;
    log.warn({ server, outcome, missed: this.#missed.size, retryIn }, 'an application server took no registration');
    this.#retry = clock.setTimeout(() => this.#probe(), retryIn);
    this.#backOff = Math.min(retryIn * 2, LONGEST_BACK_OFF);
  }

  /** One user is enough to see whether the server is back. */
  #probe(): void {
    this.#retry = undefined;
    for (const [aor, missed] of this.#missed) {
      this.#again(aor, missed);
      break;
    }
    if (this.#missed.size === 0) return;
    this.#retry = this.#options.clock.setTimeout(() => this.#probe(), this.#backOff);
    this.#backOff = Math.min(this.#backOff * 2, LONGEST_BACK_OFF);
  }

  #again(aor: string, missed: Missed): void {
    this.#missed.delete(aor);
    const lane = this.#lane(aor);
    lane.waiting.unshift(...missed.farewells);
    lane.failures = missed.failures;
    lane.tellState = true;
    this.#pump(lane);
  }

  /** Gives the places that became free to those who wait for one. */
  #next(): void {
    for (const lane of this.#ready) {
      if (this.#open >= this.#options.maxOpen) return;
      this.#ready.delete(lane);
      this.#pump(lane);
    }
  }
}
