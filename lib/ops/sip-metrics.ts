import { Counter, Gauge, type Registry } from 'prom-client';
import type { Observed } from './observed.ts';

/** Metrics of the gateway's own SIP stack (the direct leg), which counts by itself; 0 without one. */
export function countSip(ppg: Observed, registers: Registry[]): void {
  new Counter({
    name: 'ppg_sip_malformed_total',
    help: 'SIP messages that came to the direct leg and could not be read',
    registers,
    collect() {
      this.reset();
      this.inc(ppg.sipCounters?.malformed ?? 0);
    },
  });
  new Counter({
    name: 'ppg_sip_retransmissions_total',
    help: 'SIP messages of the direct leg that were repeated, by direction: in (absorbed), out (sent)',
    labelNames: ['direction'],
    registers,
    collect() {
      this.reset();
      this.inc({ direction: 'in' }, ppg.sipCounters?.retransmissionsAbsorbed ?? 0);
      this.inc({ direction: 'out' }, ppg.sipCounters?.retransmissionsSent ?? 0);
    },
  });
  new Gauge({
    name: 'ppg_sip_transactions',
    help: 'SIP transactions of the direct leg that are open now, by side: client, server',
    labelNames: ['side'],
    registers,
    collect() {
      this.set({ side: 'client' }, ppg.sipCounters?.clientTransactions ?? 0);
      this.set({ side: 'server' }, ppg.sipCounters?.serverTransactions ?? 0);
    },
  });
  new Gauge({
    name: 'ppg_sip_connections',
    help: 'Connections of the direct leg over TCP and TLS that are open or being made now',
    registers,
    collect() {
      this.set(ppg.sipCounters?.connections ?? 0);
    },
  });
}
