import { Counter, Gauge, type Registry } from 'prom-client';
import type { Observed } from './observed.ts';

/** Metrics of the subscriptions to the reg event (RFC 3680): the source counts by itself, so they are read when asked for. */
export function countRegEvents(ppg: Observed, registers: Registry[]): void {
  new Gauge({
    name: 'ppg_reg_event_subscriptions',
    help: 'Users whose registrations the core tells of by the reg event now',
    registers,
    collect() {
      this.set(ppg.regEvents?.subscriptions ?? 0);
    },
  });
  new Gauge({
    name: 'ppg_reg_event_refused',
    help: 'Users of whom the core does not tell for now; they are asked for again later',
    registers,
    collect() {
      this.set(ppg.regEvents?.refused ?? 0);
    },
  });
  totals(registers, {
    name: 'ppg_reg_event_subscribes_total',
    help: 'First SUBSCRIBEs by result: accepted, refused, failed (no answer or no NOTIFY), shed (limits.regEventSubscriptions)',
    read: () => ppg.regEvents?.subscribes,
  });
  totals(registers, {
    name: 'ppg_reg_event_notifies_total',
    help: 'NOTIFYs by result: taken, gap (one before was missing), old, empty, bad (refused)',
    read: () => ppg.regEvents?.notifies,
  });
}

interface Totals {
  readonly name: string;
  readonly help: string;
  readonly read: () => Readonly<Record<string, number>> | undefined;
}

function totals(registers: Registry[], { name, help, read }: Totals): void {
  new Counter({
    name,
    help,
    labelNames: ['result'],
    registers,
    collect() {
      this.reset();
      for (const [result, count] of Object.entries(read() ?? {})) this.inc({ result }, count);
    },
  });
}
