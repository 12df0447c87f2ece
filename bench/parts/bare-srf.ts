import { systemClock } from '../../lib/base/clock.ts';
import { loadSrf } from '../../lib/cli/srf.ts';
import { type SrfSentRequest, srfPort } from '../../lib/sip/drachtio/srf-like.ts';
import { connectSrf } from '../../lib/sip/drachtio/srf-link.ts';
import { micros, runPart } from './part.ts';

export interface BareSrfOptions {
  readonly host: string;
  readonly port: number;
  readonly secret: string;
  /** SIP URI of the device. */
  readonly device: string;
}

export interface SrfJob {
  readonly inFlight: number;
  /** Milliseconds. */
  readonly time: number;
  readonly most: number;
}

export interface SrfResult {
  readonly answered: number;
  readonly failed: number;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly latencies: readonly number[];
}

export interface BareSrfCommands {
  run(job: SrfJob): Promise<SrfResult>;
}

const CONTENT =
  '<?xml version="1.0"?>\r\n<!DOCTYPE si PUBLIC "-//WAPFORUM//DTD SI 1.0//EN" "http://www.wapforum.org/DTD/si.dtd">\r\n' +
  '<si><indication href="http://pi.example.com/?at=0" action="signal-high">You have mail</indication></si>';

/** drachtio-srf and nothing else: sends MESSAGEs of a push's size to the device through a drachtio server. */
runPart(async ({ host, port, secret, device: proxy }: BareSrfOptions): Promise<BareSrfCommands> => {
  const newSrf = await loadSrf();
  const srf = newSrf();
  await connectSrf(srf, { host, port, secret, clock: systemClock });
  const { request } = srfPort(srf);
  let number = 0;

  const send = (ended: (ok: boolean, latency: number) => void): void => {
    const sentAt = micros();
    const tag = `${process.pid}x${number++}`;
    request.call(
      srf,
      'sip:+358400000000@ims.localhost;user=phone',
      {
        method: 'MESSAGE',
        proxy,
        headers: {
          From: `<sip:push@ims.localhost>;tag=${tag}`,
          To: '<sip:+358400000000@ims.localhost>',
          'Call-ID': `${tag}@ims.localhost`,
          'P-Asserted-Identity': '<sip:push@ims.localhost>',
          'P-Charging-Vector': `icid-value=${tag};icid-generated-at=ims.localhost;orig-ioi=ims.localhost`,
          'Accept-Contact': '*;+g.oma.pusheventapp="wml.ua";require;explicit',
          'Request-Disposition': 'fork, parallel',
          Expires: '604800',
          'X-Wap-Push-Id': tag,
          'Content-Type': 'text/vnd.wap.si',
          'X-Wap-Application-Id': 'x-wap-application:wml.ua',
        },
        body: CONTENT,
      },
      (error: unknown, sent?: SrfSentRequest) => {
        if (error !== null && error !== undefined) ended(false, 0);
        // drachtio-srf's types say once more than once; each MESSAGE here has one final answer
        sent?.on('response', (response) => ended(response.status === 200, micros() - sentAt));
      },
    );
  };

  return {
    run: ({ inFlight, time, most }) =>
      new Promise((resolve) => {
        const startedAt = micros();
        const latencies: number[] = [];
        let [sent, failed, over] = [0, 0, false];
        setTimeout(() => {
          over = true;
        }, time);
        const one = (): void => {
          sent++;
          send((ok, latency) => {
            if (ok) latencies.push(latency);
            else failed++;
            if (!over && sent < most) one();
            else if (latencies.length + failed === sent)
              resolve({ answered: latencies.length, failed, startedAt, endedAt: micros(), latencies });
          });
        };
        for (let i = 0; i < inFlight; i++) one();
      }),
  };
});
