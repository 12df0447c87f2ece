import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { TimerValues } from '../../stack/timers.ts';
import type { SipStack } from '../../stack/types.ts';
import type { CallRecords } from './call-records.ts';
import type { Client } from './client.ts';
import type { Dialogs } from './dialogs.ts';
import type { SipdLimits } from './limits.ts';
import type { Routes } from './routes.ts';

/** What the parts of one server share. */
export interface SipdContext {
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits: SipdLimits;
  /** Those of the stack: they pace what is repeated outside of transactions. */
  readonly timers: TimerValues;
  readonly stack: SipStack;
  /** What Contact and the like name instead of the host that is listened on. */
  readonly advertise: string | undefined;
  readonly routes: Routes<Client>;
  readonly dialogs: Dialogs;
  readonly records: CallRecords;
}
