import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../../lib/base/clock.ts';
import { PpgError } from '../../../lib/base/errors.ts';
import { silentLogger } from '../../../lib/base/log.ts';
import { formatHostPort, parseHostPort } from '../../../lib/codec/sip/host.ts';
import { createPhone, type Phone, type PhoneOptions } from '../../../lib/embedded/phone/phone.ts';
import type { ReceivedPush } from '../../../lib/embedded/phone/push-log.ts';
import { createSipStack } from '../../../lib/stack/stack.ts';
import type { Protocol } from '../../../lib/stack/types.ts';
import { tlsFile, tlsPair, tlsText } from '../../support/tls-fixtures.ts';
import { DOMAIN, Gateway, type GatewayOptions, type Leg } from '../gateway.ts';
import { freePort } from '../ports.ts';
import { Kamailio } from './kamailio.ts';

/** How everybody reaches everybody. */
export interface Way {
  readonly protocol: Extract<Protocol, 'udp' | 'tcp' | 'tls'>;
  readonly host: '127.0.0.1' | '::1';
}

/** Tables of Debian's package that usrloc's neighbours look for, though they keep nothing there. */
const TABLES = '/usr/share/kamailio/dbtext/kamailio';
const NEEDED = ['version', 'presentity', 'active_watchers', 'watchers', 'pua'];

/** Kamailio as the registrar of the domain, with devices at it and a gateway that it tells of them. */
export class Registrar {
  readonly kamailio: Kamailio;
  readonly #devices: Device[] = [];
  readonly #gateways: Gateway[] = [];
  readonly #visited: Kamailio[] = [];

  private constructor(kamailio: Kamailio) {
    this.kamailio = kamailio;
  }

  /** Resolves once devices may register. */
  static async start(): Promise<Registrar> {
    return new Registrar(
      await Kamailio.start({
        config: 'registrar.cfg',
        ports: ['TLS_PORT'],
        values: { DEBUG: process.env['KAMAILIO_DEBUG'] ?? '1', CERTIFICATES: tlsFile('') },
        files: Object.fromEntries(NEEDED.map((name) => [name, readFileSync(join(TABLES, name), 'latin1')])),
      }),
    );
  }

  at({ protocol, host }: Way): { readonly host: string; readonly port: number } {
    return { host, port: protocol === 'tls' ? this.kamailio.portOf('TLS_PORT') : this.kamailio.port };
  }

  /** A gateway whose next hop this is, and which is told of every registration from now on. */
  async gateway(leg: Leg, way: Way, options: Omit<GatewayOptions, 'leg' | 'nextHop'> = {}): Promise<Gateway> {
    const { protocol, host } = way;
    const transport = `;transport=${protocol}`;
    const gateway = await withPort((port) =>
      Gateway.start({
        ...options,
        leg,
        nextHop: `sip:${formatHostPort(this.at(way))}${transport}`,
        environment: {
          PPG_SIP_HOST: host,
          // one number for UDP and TCP; any that is free would be two
          [leg === 'direct' ? 'PPG_DIRECT_PORT' : 'PPG_SIPD_PORT']: String(port),
          ...(protocol === 'tls' && TLS),
          ...options.environment,
        },
      }),
    );
    this.#gateways.push(gateway);
    await this.tell(protocol === 'tls' ? gateway.tlsUri : `${gateway.uri}${transport}`);
    return gateway;
  }

  /** Registrations are told to this URI from now on, to nobody with `none`. */
  async tell(applicationServer: string): Promise<void> {
    await this.kamailio.command('pv.shvSet', 'as', 'str', applicationServer);
  }

  /** The P-CSCF of another network: whoever registers at it registers here. It stops with this. */
  async visited(): Promise<Kamailio> {
    const values = { DEBUG: process.env['KAMAILIO_DEBUG'] ?? '1', HOME: this.kamailio.address };
    const visited = await Kamailio.start({ config: 'visited.cfg', values });
    this.#visited.push(visited);
    return visited;
  }

  /** A device that has registered, here or where `options.server` says. */
  async device(way: Way, user: string, options: Partial<PhoneOptions> = {}): Promise<Device> {
    const device = new Device(this.at(way), way, user, options);
    this.#devices.push(device);
    await device.phone.start();
    return device;
  }

  /** Every device leaves, every gateway stops; Kamailio stays. */
  async clear(): Promise<void> {
    await Promise.all(this.#devices.splice(0).map((device) => device.phone.stop()));
    await Promise.all(this.#gateways.splice(0).map((gateway) => gateway.stop()));
  }

  async stop(): Promise<void> {
    await this.clear();
    await Promise.all([this.kamailio, ...this.#visited].map((one) => one.end()));
  }
}

/** Another program may take a free port first. */
const PORT_TRIES = 5;

async function withPort<T>(start: (port: number) => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await start(await freePort());
    } catch (error) {
      if (!(error instanceof PpgError && error.code === 'PPG_E_LISTEN') || tries === PORT_TRIES) throw error;
    }
  }
}

const TLS = {
  PPG_SIP_TLS_CERT: tlsFile('server.pem'),
  PPG_SIP_TLS_KEY: tlsFile('server.key'),
  PPG_SIP_TLS_CA: tlsFile('ca.pem'),
  PPG_SIPD_TLS_PORT: '0',
};

/** A scripted phone, and what it was pushed. */
export class Device {
  readonly phone: Phone;
  readonly pushes: ReceivedPush[] = [];

  constructor(server: PhoneOptions['server'], { protocol, host }: Way, user: string, options: Partial<PhoneOptions>) {
    const stack = createSipStack({
      clock: systemClock,
      log: silentLogger,
      listen: [{ protocol, host, port: options.listen?.port ?? 0 }],
      ...(protocol === 'tls' && { tls: { ...tlsPair('server'), ca: tlsText('ca.pem') } }),
    });
    this.phone = createPhone({
      clock: systemClock,
      log: silentLogger,
      server,
      user: `${user}@${DOMAIN}`,
      applications: ['mms.ua'],
      transport: protocol,
      stack,
      ...options,
    });
    this.phone.on('push', (push) => this.pushes.push(push));
  }

  get port(): number {
    return parseHostPort(this.phone.contact.replace(/^.*@|;.*$/g, '')).port ?? 0;
  }

  /** What it got, as texts, in order. */
  get texts(): string[] {
    return this.pushes.map(({ body }) => body.toString());
  }
}
