import type { Clock } from '../../base/clock.ts';
import { parseCSeq } from '../../codec/sip/cseq.ts';
import { parseNameAddr } from '../../codec/sip/name-addr.ts';
import type { RequestLike } from '../leg.ts';

/** A request is sent no longer than this (timer F, RFC 3261 section 17.1.2.2): what comes later is of a core that counts anew. */
const UNDER_WAY = 32_000;

/** So many series are remembered. */
const MOST = 20_000;

/** Longest name of one, characters. */
const LONGEST_NAME = 1024;

interface Latest {
  readonly number: number;
  readonly at: number;
}

/**
 * Third-party REGISTERs that a later one has overtaken, as over UDP or by another connection: the same S-CSCF, Call-ID and
 * user, and a lower CSeq within half a minute. RFC 3261 section 10.3 item 7 has a registrar leave its bindings alone then.
 */
export class Overtaken {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #most: number;
  /** In the order in which they were heard. */
  readonly #latest = new Map<string, Latest>();

  constructor(clock: Pick<Clock, 'now'>, most: number = MOST) {
    this.#clock = clock;
    this.#most = most;
  }

  get size(): number {
    return this.#latest.size;
  }

  /** Whether a later one came before; if not, it is the latest now. What cannot be compared was not overtaken. */
  has(request: Pick<RequestLike, 'get'>, aor: string): boolean {
    const now = this.#clock.now();
    const number = numberOf(request);
    const name = nameOf(request, aor);
    if (number === undefined || name === undefined) return false;
    const latest = this.#latest.get(name);
    if (latest !== undefined && number < latest.number && isUnderWay(latest, now)) return true;
    this.#latest.delete(name);
    this.#latest.set(name, { number, at: now });
    this.#forget(now);
    return false;
  }

  #forget(now: number): void {
    for (const [name, latest] of this.#latest) {
      if (this.#latest.size <= this.#most && isUnderWay(latest, now)) return;
      this.#latest.delete(name);
    }
  }
}

/** A clock that was set back is no reason to wait for it. */
const isUnderWay = ({ at }: Latest, now: number): boolean => now >= at && now - at < UNDER_WAY;

function numberOf(request: Pick<RequestLike, 'get'>): number | undefined {
  try {
    return parseCSeq(request.get('CSeq') ?? '').number;
  } catch {
    return undefined; // it stands in no order
  }
}

/** An S-CSCF names itself in From; by which address and with which tag a repetition comes says nothing. */
function nameOf(request: Pick<RequestLike, 'get'>, aor: string): string | undefined {
  const callId = request.get('Call-ID');
  if (callId === undefined) return undefined;
  try {
    const name = `${callId}\n${aor}\n${parseNameAddr(request.get('From') ?? '').uri}`;
    return name.length > LONGEST_NAME ? undefined : name;
  } catch {
    return undefined; // nobody's
  }
}
