import assert from 'node:assert/strict';
import { systemClock } from '../../lib/base/clock.ts';
import { silentLogger } from '../../lib/base/log.ts';
import { type RunningCore, type RunningSipd, startCore, startSipd } from '../../lib/cli/embedded.ts';
import { bracketed } from '../../lib/codec/sip/host.ts';
import { createPhone, type Phone } from '../../lib/embedded/phone/phone.ts';
import type { EngineEvents } from '../../lib/model/engine-events.ts';
import type { DeliveryMethod } from '../../lib/model/push.ts';
import { createPpg, type Ppg } from '../../lib/ppg.ts';
import { connectSrf, disconnectSrf } from '../../lib/sip/drachtio/srf-link.ts';
import type { SipTrace } from '../../lib/stack/trace.ts';
import type { ListenPoint } from '../../lib/stack/types.ts';
import { createMemoryBindings } from '../../lib/store/memory-bindings.ts';
import { freePorts } from '../support/ports.ts';
import { newSrf, type RealSrf, realServer, SECRET } from '../support/sipd-net.ts';
import { tlsPair, tlsText } from '../support/tls-fixtures.ts';

const DOMAIN = 'example.com';
const TLS = { ...tlsPair('server'), ca: tlsText('ca.pem') };
const ENDS = ['delivered', 'undeliverable', 'aborted', 'expired', 'timeout', 'cancelled'];
const common = { clock: systemClock, log: silentLogger };

interface Row {
  readonly leg: 'direct' | 'drachtio';
  readonly protocol: 'udp' | 'tcp' | 'tls';
  readonly host: '127.0.0.1' | '::1';
}

const ROWS: readonly Row[] = (['direct', 'drachtio'] as const).flatMap((leg) =>
  (['udp', 'tcp', 'tls'] as const).flatMap((protocol) =>
    (['127.0.0.1', '::1'] as const).map((host) => ({ leg, protocol, host })),
  ),
);

/** `sip:[::1]:5061;transport=tls` */
const uriOf = ({ protocol, host }: Row, port: number): string =>
  `sip:${bracketed(host)}:${port}${protocol === 'udp' ? '' : `;transport=${protocol}`}`;

/** Core, gateway and phones that speak to each other by one transport and one family of addresses alone. */
class Net {
  readonly row: Row;
  /** How messages came to the core and left it, as `tls [::1]`. */
  readonly ways: Set<string> = new Set();
  readonly #phones: Phone[] = [];
  readonly #waiting: (() => void)[] = [];
  #core: RunningCore | undefined;
  #sipd: RunningSipd | undefined;
  #srf: RealSrf | undefined;
  #ppg: Ppg | undefined;
  #port = 0;

  constructor(row: Row) {
    this.row = row;
  }

  get ppg(): Ppg {
    return this.#ppg ?? assert.fail('not started');
  }

  /** False where a server that is not ours does not listen so. */
  async start(): Promise<boolean> {
    const { leg, protocol, host } = this.row;
    const [plain = 0, secure = 0, direct = 0, directTls = 0] = await freePorts(4);
    this.#port = protocol === 'tls' ? secure : plain;
    const gateway = leg === 'direct' ? (protocol === 'tls' ? directTls : direct) : await this.#server();
    if (gateway === undefined) return false;
    this.#core = await startCore({
      ...common,
      host,
      port: plain,
      tls: { ...TLS, port: secure },
      domain: DOMAIN,
      applicationServers: [uriOf(this.row, gateway)],
      services: {},
      bindings: createMemoryBindings(),
      trace: (one) => this.#onTrace(one),
    });
    const listen: ListenPoint[] = (['udp', 'tcp', 'tls'] as const).map((one) => ({
      protocol: one,
      host,
      port: one === 'tls' ? directTls : direct,
    }));
    this.#ppg = createPpg({
      domain: DOMAIN,
      store: 'memory',
      ...(this.#srf !== undefined && { srf: this.#srf }),
      sip: {
        leg,
        nextHop: uriOf(this.row, this.#port),
        trustedPeers: [host],
        tls: TLS,
        ...(leg === 'direct' && { direct: { listen } }),
      },
    });
    if (this.#srf !== undefined) this.#ppg.mount(this.#srf);
    await this.#ppg.start();
    return true;
  }

  /** The server that drachtio-srf is an application of; the port at which it takes what the row speaks. */
  async #server(): Promise<number | undefined> {
    const { protocol, host } = this.row;
    const server = realServer ?? (await this.#startSipd());
    this.#srf = newSrf();
    const points = (await connectSrf(this.#srf, server)).split(',');
    const prefix = `${protocol}/${bracketed(host)}:`;
    const point = points.find((one) => one.startsWith(prefix));
    return point === undefined ? undefined : Number(point.slice(prefix.length));
  }

  async #startSipd(): Promise<{ host: string; port: number; secret: string }> {
    const { host } = this.row;
    const options = { ...common, host, port: 0, drachtioPort: 0, secret: SECRET, tls: { ...TLS, port: 0 } };
    this.#sipd = await startSipd(options);
    return { host: '127.0.0.1', port: this.#sipd.drachtioPort, secret: SECRET };
  }

  /** A device that has registered, and of which the gateway has been told. */
  async phone(user: string, answers = '200'): Promise<Phone> {
    const { protocol, host } = this.row;
    const server = { host, port: this.#port };
    const phone = createPhone({
      ...common,
      user: `${user}@${DOMAIN}`,
      applications: [],
      transport: protocol,
      tls: { ca: TLS.ca },
      server,
      answers,
    });
    this.#phones.push(phone);
    const told = this.told();
    await phone.start();
    await told;
    return phone;
  }

  /** Resolves when the gateway has taken the next third-party REGISTER. */
  told(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #onTrace({ protocol, remote, direction, octets }: SipTrace): void {
    this.ways.add(`${protocol} ${remote.slice(0, remote.lastIndexOf(':'))}`);
    const text = octets.toString('latin1');
    if (direction === 'in' && text.startsWith('SIP/2.0 200') && /\r\nCSeq: \d+ REGISTER/.test(text))
      for (const wake of this.#waiting.splice(0)) wake();
  }

  /** Submits, and resolves at the first state that `which` names. */
  async push(user: string, which: readonly string[], deliveryMethod: DeliveryMethod): Promise<EngineEvents['state']> {
    const reached = this.reached(user, which);
    await this.ppg.submit({ to: `sip:${user}@${DOMAIN}`, type: 'text/plain', body: 'hello', deliveryMethod });
    return reached;
  }

  reached(user: string, which: readonly string[]): Promise<EngineEvents['state']> {
    return new Promise((resolve) => {
      const off = this.ppg.on('state', (event) => {
        if (!which.includes(event.state) || !event.address.includes(user)) return;
        off();
        resolve(event);
      });
    });
  }

  async stop(): Promise<void> {
    for (const phone of this.#phones) await phone.stop();
    await this.#ppg?.stop();
    if (this.#srf !== undefined) disconnectSrf(this.#srf);
    await this.#core?.stop();
    await this.#sipd?.stop();
  }
}

const title = ({ leg, protocol, host }: Row): string =>
  `${protocol.toUpperCase()} over ${host === '::1' ? 'IPv6' : 'IPv4'}, by the ${leg} leg`;

describe('REQ6: core, gateway and devices that have one way alone', function () {
  this.timeout(20_000);

  for (const row of ROWS) {
    describe(title(row), () => {
      let net: Net;

      before(async function () {
        net = new Net(row);
        if (!(await net.start())) this.skip();
      });
      after(() => net.stop());

      it('tell of a registration, deliver and confirm', async () => {
        const phone = await net.phone('alice');
        const got = new Promise<string>((resolve) => phone.on('push', ({ body }) => resolve(body.toString())));
        const { state, code } = await net.push('alice', ENDS, 'confirmed');
        assert.deepEqual([state, code, await got], ['delivered', 1000, 'hello']);
      });

      it('bring a refusal back', async () => {
        await net.phone('bob', '415');
        const { state, code } = await net.push('bob', ENDS, 'confirmed');
        assert.deepEqual([state, code], ['aborted', 5238]);
      });

      it('wake what waits when the device is back', async () => {
        const phone = await net.phone('carol');
        const gone = net.told();
        await phone.deregister();
        await gone;
        const waits = await net.push('carol', ['pending'], 'confirmed');
        assert.equal(waits.state, 'pending');
        const delivered = net.reached('carol', ['delivered']);
        await phone.register();
        assert.equal((await delivered).state, 'delivered');
      });

      it('and use no other', () => {
        assert.deepEqual([...net.ways], [`${row.protocol} ${bracketed(row.host)}`]);
      });
    });
  }
});
