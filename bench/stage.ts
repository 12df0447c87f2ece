import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BareSrfCommands, BareSrfOptions } from './parts/bare-srf.ts';
import type { DeviceCommands } from './parts/device.ts';
import type { GatewayCommands, GatewayOptions } from './parts/gateway.ts';
import type { LoadCommands } from './parts/load.ts';
import type { RelayCommands, RelayOptions } from './parts/relay.ts';
import type { ResponderCommands } from './parts/responder.ts';
import type { SinkCommands } from './parts/sink.ts';
import type { SipdCommands } from './parts/sipd.ts';
import { Part } from './process.ts';

/** The secret of the sipd that the bench starts. */
const SECRET = 'bench';

/** A drachtio server and its protocol port. */
export interface DrachtioServer {
  readonly host: string;
  readonly port: number;
  readonly secret: string;
}

export type Transport = 'udp' | 'tcp';

export interface StageOptions {
  /** A drachtio server on this machine, in the place of sipd. */
  readonly drachtio?: DrachtioServer | undefined;
  /** By which the device is reached, but from the relay. Default udp. */
  readonly transport?: Transport | undefined;
  /** Where databases are made; on the disk that is to be measured. */
  readonly directory?: string | undefined;
  /** Leave a CPU profile of each gateway in this directory. */
  readonly profile?: string | undefined;
}

/**
 * The processes of one bench. Each starts when a row first asks for it, stays warm for the other rounds, and ends with
 * the stage.
 */
export class Stage {
  readonly #parts = new Map<string, Promise<Part<object>>>();
  readonly #options: StageOptions;
  #directory: string | undefined;
  #ended = false;

  constructor(options: StageOptions) {
    this.#options = options;
  }

  load(): Promise<Part<LoadCommands>> {
    return this.#once('load', () => Part.start<LoadCommands>('load'));
  }

  device(): Promise<Part<DeviceCommands>> {
    return this.#once('device', () => Part.start<DeviceCommands>('device'));
  }

  sink(): Promise<Part<SinkCommands>> {
    return this.#once('sink', () => Part.start<SinkCommands>('sink'));
  }

  responder(): Promise<Part<ResponderCommands>> {
    return this.#once('responder', () => Part.start<ResponderCommands>('responder'));
  }

  relay(notifies: boolean): Promise<Part<RelayCommands>> {
    return this.#once(`relay ${notifies}`, async () => {
      const device = await (await this.device()).call('port');
      const sink = notifies ? await (await this.sink()).call('port') : undefined;
      const options: RelayOptions = { device, sink };
      return Part.start<RelayCommands>('relay', options);
    });
  }

  sipd(): Promise<Part<SipdCommands>> {
    return this.#once('sipd', () => Part.start<SipdCommands>('sipd', { secret: SECRET }));
  }

  bareSrf(): Promise<Part<BareSrfCommands>> {
    return this.#once('bare-srf', async () => {
      const options: BareSrfOptions = { ...(await this.#drachtio()), device: await this.#nextHop() };
      return Part.start<BareSrfCommands>('bare-srf', options);
    });
  }

  /** A gateway by that name, with a database of its own. */
  gateway(name: string, leg: 'direct' | 'sipd', tenants = false): Promise<Part<GatewayCommands>> {
    return this.#once(`gateway ${name}`, async () => {
      const options: GatewayOptions = {
        file: join(this.#temporary(), `${name}.db`),
        device: await this.#nextHop(),
        tenants,
        drachtio: leg === 'direct' ? undefined : await this.#drachtio(),
      };
      const { profile } = this.#options;
      // one file for each thread: the main one and the store's
      const flags = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${join(profile, name)}`];
      return Part.start<GatewayCommands>('gateway', options, flags);
    });
  }

  /** Ends every process and removes what they wrote. */
  async end(): Promise<void> {
    this.#ended = true;
    const parts = await Promise.allSettled(this.#parts.values());
    await Promise.all(parts.map((part) => (part.status === 'fulfilled' ? part.value.end() : undefined)));
    if (this.#directory !== undefined) rmSync(this.#directory, { recursive: true, force: true });
  }

  async #drachtio(): Promise<DrachtioServer> {
    const { drachtio } = this.#options;
    return drachtio ?? { host: '127.0.0.1', port: await (await this.sipd()).call('drachtioPort'), secret: SECRET };
  }

  async #nextHop(): Promise<string> {
    const { transport = 'udp' } = this.#options;
    const port = await (await this.device()).call(transport === 'udp' ? 'port' : 'streamPort');
    return `sip:127.0.0.1:${port};transport=${transport}`;
  }

  #temporary(): string {
    this.#directory ??= mkdtempSync(join(this.#options.directory ?? tmpdir(), 'drachtio-ppg-bench-'));
    return this.#directory;
  }

  #once<C extends object>(name: string, start: () => Promise<Part<C>>): Promise<Part<C>> {
    if (this.#ended) return Promise.reject(new Error('the bench has ended'));
    const known = this.#parts.get(name) as Promise<Part<C>> | undefined;
    if (known !== undefined) return known;
    const part = start();
    this.#parts.set(name, part);
    return part;
  }
}
