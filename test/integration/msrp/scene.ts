import { systemClock } from '../../../lib/base/clock.ts';
import { silentLogger } from '../../../lib/base/log.ts';
import { type Core, createCore } from '../../../lib/embedded/core/core.ts';
import type { PhoneMsrpOptions } from '../../../lib/embedded/phone/msrp.ts';
import { createPhone, type Phone, type PhoneOptions } from '../../../lib/embedded/phone/phone.ts';
import type { ReceivedPush } from '../../../lib/embedded/phone/push-log.ts';
import type { AttemptRecord } from '../../../lib/model/push.ts';
import { createPpg, type Ppg, type PpgOptions } from '../../../lib/ppg.ts';
import type { PushRequest } from '../../../lib/push-request.ts';
import { connectSrf } from '../../../lib/sip/drachtio/srf-link.ts';
import { createSipStack } from '../../../lib/stack/stack.ts';
import type { SipTrace } from '../../../lib/stack/trace.ts';
import type { ListenPoint, Protocol } from '../../../lib/stack/types.ts';
import { createMemoryBindings } from '../../../lib/store/memory-bindings.ts';
import { freePorts } from '../../support/ports.ts';
import { SipdNet } from '../../support/sipd-net.ts';

const point = (protocol: Protocol): ListenPoint => ({ protocol, host: '127.0.0.1', port: 0 });

export type Leg = 'drachtio' | 'direct';

/** How a push ended. */
export interface Ending {
  readonly state: string;
  readonly code: number;
  readonly deliveredBy: string;
  readonly attempts: readonly AttemptRecord[];
}

/** A gateway with MSRP, a pocket core, and phones, on loopback. */
export class MsrpScene {
  readonly leg: Leg;
  readonly #net: SipdNet | undefined;
  readonly #phones: Phone[] = [];
  #core: Core | undefined;
  #corePort = 0;
  /** Answers of the gateway to the core's third-party REGISTERs, and who waits for them. */
  #told = 0;
  #onTold: (() => void)[] = [];
  /** Methods of the requests that came to the core. */
  readonly methods: string[] = [];
  #ppg: Ppg | undefined;

  constructor(leg: Leg) {
    this.leg = leg;
    this.#net = leg === 'drachtio' ? new SipdNet() : undefined;
  }

  get ppg(): Ppg {
    if (this.#ppg === undefined) throw new Error('the scene has not been started');
    return this.#ppg;
  }

  async start(more: Partial<PpgOptions> = {}): Promise<this> {
    await this.#net?.start();
    const [port = 0, direct = 0] = await freePorts(2);
    this.#corePort = port;
    const at = (one: number): ListenPoint[] => [
      { ...point('udp'), port: one },
      { ...point('tcp'), port: one },
    ];
    const stack = createSipStack({
      clock: systemClock,
      log: silentLogger,
      listen: at(port),
      trace: (one) => this.#onTrace(one),
    });
    const gateway = this.#net === undefined ? direct : this.#net.sipPort('udp');
    this.#core = createCore({
      clock: systemClock,
      log: silentLogger,
      stack,
      domain: 'example.com',
      applicationServers: [`sip:127.0.0.1:${gateway}`],
      bindings: createMemoryBindings(),
    });
    await this.#core.start();
    const srf = this.#net?.srf();
    srf?.on('error', () => undefined);
    if (srf !== undefined) await connectSrf(srf, this.#net?.connectOptions() ?? { host: '', port: 0, secret: '' });
    const { sip, msrp, ...rest } = more;
    this.#ppg = createPpg({
      domain: 'example.com',
      store: 'memory',
      ...(srf !== undefined && { srf }),
      ...rest,
      sip: {
        leg: this.leg,
        nextHop: `sip:127.0.0.1:${this.#corePort}`,
        ...(this.leg === 'direct' && { direct: { listen: at(direct) } }),
        ...sip,
      },
      msrp: msrp ?? { listen: { host: '127.0.0.1', port: 0 }, above: 0 },
    });
    if (srf !== undefined) this.#ppg.mount(srf);
    await this.#ppg.start();
    return this;
  }

  async phone(user: string, msrp: PhoneMsrpOptions = {}, more: Partial<PhoneOptions> = {}): Promise<Phone> {
    const phone = createPhone({
      clock: systemClock,
      log: silentLogger,
      server: { host: '127.0.0.1', port: this.#corePort },
      user: `${user}@example.com`,
      applications: ['mms.ua'],
      msrp,
      ...more,
    });
    this.#phones.push(phone);
    const told = this.#told;
    await phone.start();
    // Until the gateway knows of the device, pushes would fork.
    while (this.#told === told) await new Promise<void>((resolve) => this.#onTold.push(resolve));
    return phone;
  }

  #onTrace({ direction, octets }: SipTrace): void {
    const text = octets.toString('latin1');
    if (direction === 'in') {
      const [method = ''] = text.split(' ', 1);
      this.methods.push(method);
    }
    if (direction !== 'in' || !/^SIP\/2.0 200 .*^CSeq: \d+ REGISTER/ims.test(text)) return;
    this.#told++;
    for (const wake of this.#onTold.splice(0)) wake();
  }

  /** Submits a push and waits for its end. */
  async push(to: string, body: Buffer, more: Partial<PushRequest> = {}): Promise<Ending> {
    const ended = new Map<string, true>();
    let wake = (): void => undefined;
    const off = this.ppg.on('state', ({ pushId, state }) => {
      if (!ENDS.has(state)) return;
      ended.set(pushId, true);
      wake();
    });
    const { pushId } = await this.ppg.submit({
      to: `sip:${to}@example.com`,
      type: 'application/octet-stream',
      application: 'mms.ua',
      deliveryMethod: 'confirmed',
      body,
      ...more,
    });
    while (!ended.has(pushId)) await new Promise<void>((resolve) => (wake = resolve));
    off();
    const recipient = (await this.ppg.status(pushId))?.recipients[0];
    if (recipient === undefined) throw new Error('the push is gone');
    return recipient;
  }

  async stop(): Promise<void> {
    await this.#ppg?.stop();
    await Promise.all(this.#phones.map((phone) => phone.stop()));
    await this.#core?.stop();
    await this.#net?.stop();
  }
}

/** States that a test waits for; a push that is to be tried again is `pending`. */
const ENDS = new Set([
  'delivered',
  'undeliverable',
  'aborted',
  'timeout',
  'expired',
  'pending',
  'awaiting-confirmation',
]);

/** The next push of a phone. */
export const nextPush = (phone: Phone): Promise<ReceivedPush> =>
  new Promise((resolve) => {
    const off = phone.on('push', (push) => {
      off();
      resolve(push);
    });
  });
