import { Counter, Gauge, type Registry } from 'prom-client';
import type { Observed } from './observed.ts';

/** Metrics of MSRP: its endpoint counts by itself, so it is read when asked for. */
export function countMsrp(ppg: Observed, registers: Registry[]): void {
  new Gauge({
    name: 'ppg_msrp_sessions',
    help: 'MSRP sessions open now, those between two pushes among them',
    registers,
    collect() {
      this.set(ppg.msrp?.sessions ?? 0);
    },
  });
  new Gauge({
    name: 'ppg_msrp_connections',
    help: 'MSRP connections open now',
    registers,
    collect() {
      this.set(ppg.msrp?.connections ?? 0);
    },
  });
  new Gauge({
    name: 'ppg_msrp_relay_ready',
    help: "1 while the gateway's own MSRP relay is there and has authorised it, else 0; no value without a relay",
    registers,
    collect() {
      const ready = ppg.msrp?.relayReady;
      if (ready === undefined) this.remove();
      else this.set(ready ? 1 : 0);
    },
  });
  new Counter({
    name: 'ppg_msrp_bytes_total',
    help: 'Octets of MSRP, framing included, by direction: in, out',
    labelNames: ['direction'],
    registers,
    collect() {
      this.reset();
      this.inc({ direction: 'in' }, ppg.msrp?.bytesReceived ?? 0);
      this.inc({ direction: 'out' }, ppg.msrp?.bytesSent ?? 0);
    },
  });
}
