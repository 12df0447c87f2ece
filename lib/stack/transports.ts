import { isIP, isIPv6 } from 'node:net';
import type { Clock } from '../base/clock.ts';
import { PpgError } from '../base/errors.ts';
import type { SipLimits } from '../codec/sip/limits.ts';
import { Resolver } from './resolver.ts';
import type { Sender, TransportListener } from './transport.ts';
import { type TcpOptions, TcpTransport } from './transport-tcp.ts';
import { UdpTransport } from './transport-udp.ts';
import type { Hop, ListenPoint } from './types.ts';

/** All sockets of a stack: chooses by hop, finds addresses of names. */
export class Transports {
  readonly #points: readonly ListenPoint[];
  readonly #udp: UdpTransport[];
  readonly #tcp: TcpTransport;
  readonly #resolver: Resolver;
  #listening: ListenPoint[] = [];

  constructor(
    points: readonly ListenPoint[],
    listener: TransportListener,
    limits: SipLimits,
    tcp: TcpOptions,
    clock: Clock,
    onError: (error: Error) => void,
  ) {
    this.#points = points;
    this.#udp = points
      .filter(({ protocol }) => protocol === 'udp')
      .map((point) => new UdpTransport(point, listener, limits, onError));
    this.#tcp = new TcpTransport(listener, limits, tcp, clock, onError);
    this.#resolver = new Resolver(clock, () => familyOf(points));
  }

  /** What is bound, in the order of the listen points. */
  get listening(): readonly ListenPoint[] {
    return this.#listening;
  }

  get connections(): number {
    return this.#tcp.connections;
  }

  /** Binds every point, or none: rejects with PPG_E_SIP_TRANSPORT. */
  async start(): Promise<void> {
    const udp = this.#udp.values();
    const bound: ListenPoint[] = [];
    for (const point of this.#points) {
      try {
        bound.push(point.protocol === 'tcp' ? await this.#tcp.listen(point) : await listenUdp(udp.next().value));
      } catch (cause) {
        await this.close();
        const where = `${point.protocol} ${point.host}:${point.port}`;
        throw new PpgError('PPG_E_SIP_TRANSPORT', `cannot listen on ${where}`, { cause });
      }
    }
    this.#listening = bound;
  }

  async close(): Promise<void> {
    this.#listening = [];
    await Promise.all([...this.#udp.map((transport) => transport.close()), this.#tcp.close()]);
  }

  /** Sends to a hop; the outcome comes to `sender`, never before this returns for a name that must be looked up. */
  send(octets: Buffer, hop: Hop, sender: Sender | undefined): void {
    if (isIP(hop.host) !== 0) {
      this.#sendTo(hop.host, octets, hop, sender);
      return;
    }
    const address = this.#resolver.resolve(hop.host);
    if (typeof address === 'string') this.#sendTo(address, octets, hop, sender);
    else
      address.then(
        (found) => this.#sendTo(found, octets, hop, sender),
        (error: Error) => sender?.onSendError(error),
      );
  }

  #sendTo(address: string, octets: Buffer, hop: Hop, sender: Sender | undefined): void {
    if (hop.protocol === 'tcp') {
      this.#tcp.send(octets, address, hop.port, sender);
      return;
    }
    const family = isIPv6(address) ? 6 : 4;
    const socket = this.#udp.find((transport) => transport.family === family);
    if (socket === undefined) sender?.onSendError(new Error(`no UDP socket for ${address}`));
    else socket.send(octets, address, hop.port, sender);
  }
}

async function listenUdp(transport: UdpTransport | undefined): Promise<ListenPoint> {
  if (transport === undefined) throw new Error('no UDP transport for this listen point');
  await transport.listen();
  return transport.local;
}

function familyOf(points: readonly ListenPoint[]): 0 | 4 | 6 {
  const six = points.some(({ host }) => isIPv6(host));
  const four = points.some(({ host }) => !isIPv6(host));
  return six === four ? 0 : six ? 6 : 4;
}
