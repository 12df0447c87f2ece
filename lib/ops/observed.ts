import type { Listener } from '../base/events.ts';
import type { EngineEvents } from '../model/engine-events.ts';
import type { StoreCounts } from '../store/store.ts';

/** What ops sees of a gateway: a Ppg is one. */
export interface Observed {
  on<K extends keyof EngineEvents>(event: K, listener: Listener<EngineEvents[K]>): () => void;
  counts(): Promise<StoreCounts>;
  /** Attempts under way. */
  readonly inFlight: number;
  readonly ready: boolean;
}
