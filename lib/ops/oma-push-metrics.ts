import { Counter, Gauge, type Registry } from 'prom-client';
import type { Observed } from './observed.ts';

/** Metrics of the subscriptions of devices to pushes; they count by themselves, so they are read when asked for. */
export function countOmaPush(ppg: Observed, registers: Registry[]): void {
  new Gauge({
    name: 'ppg_oma_push_subscriptions',
    help: 'Subscriptions of devices to pushes that are open now',
    registers,
    collect() {
      this.set(ppg.omaPush?.subscriptions ?? 0);
    },
  });
  new Counter({
    name: 'ppg_oma_push_subscribes_total',
    help: 'SUBSCRIBEs to pushes by result: accepted, refreshed, refused, locked (lock-out), shed (no room)',
    labelNames: ['result'],
    registers,
    collect() {
      this.reset();
      for (const [result, count] of Object.entries(ppg.omaPush?.subscribes ?? {})) this.inc({ result }, count);
    },
  });
  new Counter({
    name: 'ppg_oma_push_notifies_total',
    help: 'NOTIFYs with pushes by result: taken, refused, silent (no answer), not-sent (the subscription was gone)',
    labelNames: ['result'],
    registers,
    collect() {
      this.reset();
      for (const [result, count] of Object.entries(ppg.omaPush?.notifies ?? {})) this.inc({ result }, count);
    },
  });
}
