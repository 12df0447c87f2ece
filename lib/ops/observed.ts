import type { Listener } from '../base/events.ts';
import type { EngineEvents } from '../model/engine-events.ts';
import type { MsrpCounters } from '../msrp/endpoint.ts';
import type { OmaPushCounts } from '../sip/oma-push/oma-push.ts';
import type { RegEventCounts } from '../sip/reg-event/options.ts';
import type { StackCounters } from '../stack/types.ts';
import type { StoreCounts } from '../store/store.ts';

/** What ops sees of a gateway: a Ppg is one. */
export interface Observed {
  on<K extends keyof EngineEvents>(event: K, listener: Listener<EngineEvents[K]>): () => void;
  counts(): Promise<StoreCounts>;
  /** Attempts under way. */
  readonly inFlight: number;
  /** Devices whose capabilities were known when a push came, and those that had to be asked. */
  readonly capabilityCounts: { readonly hits: number; readonly misses: number };
  /** Users who registered and are not woken yet. */
  readonly wakesWaiting?: number | undefined;
  readonly ready: boolean;
  /** The SIP legs, and which of them has a way out now. */
  readonly legs: readonly { readonly name: string; readonly ready: boolean }[];
  /** Subscriptions to the reg event; undefined where there are none. */
  readonly regEvents?: RegEventCounts | undefined;
  /** Subscriptions of devices to pushes; undefined without. */
  readonly omaPush?: OmaPushCounts | undefined;
  /** What the stack of the direct leg counts; undefined without that leg. */
  readonly sipCounters?: Readonly<StackCounters> | undefined;
  /** Undefined without MSRP. */
  readonly msrp?: Readonly<MsrpCounters> | undefined;
}
