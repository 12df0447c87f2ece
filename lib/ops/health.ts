import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import { countsReader } from './counts.ts';
import type { Observed } from './observed.ts';

/** Whether the gateway should be given work, and by what it was judged. */
export interface Readiness {
  readonly ready: boolean;
  readonly checks: {
    /** `ok`, or why no push can leave now. */
    readonly sip: string;
    /** Each leg: `ok` or `down`. */
    readonly legs: Readonly<Record<string, 'ok' | 'down'>>;
    /** `ok`, or why nothing can be stored. */
    readonly store: string;
    /** `running` or `stopping`. */
    readonly process: string;
  };
}

export interface Health {
  /** For a readiness probe. Never rejects; answers within about two seconds. */
  readiness(): Promise<Readiness>;
  /** From now on the gateway is not ready: load balancers shall look elsewhere while it drains. */
  stopping(): void;
}

/**
 * Readiness of a gateway: a leg has a way out, the store answers, nobody is stopping it. Being alive needs no check:
 * a process that answers is alive, and to kill it for a broken link would lose what is in flight.
 */
export function createHealth(ppg: Pick<Observed, 'counts' | 'ready' | 'legs'>, clock: Clock): Health {
  const counts = countsReader(ppg, clock);
  let stopping = false;
  const storeCheck = async (): Promise<string> => {
    try {
      await counts();
      return 'ok';
    } catch (error) {
      return messageOf(error);
    }
  };
  return {
    async readiness() {
      const store = await storeCheck();
      const sip = ppg.ready ? 'ok' : 'no SIP leg has a way out; pushes are taken and wait';
      const legs = Object.fromEntries(ppg.legs.map(({ name, ready }) => [name, ready ? 'ok' : 'down'] as const));
      const checks = { sip, legs, store, process: stopping ? 'stopping' : 'running' };
      return { ready: sip === 'ok' && store === 'ok' && !stopping, checks };
    },
    stopping() {
      stopping = true;
    },
  };
}
