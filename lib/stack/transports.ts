import { isIP, isIPv6 } from 'node:net';
import type { Clock } from '../base/clock.ts';
import { messageOf, PpgError } from '../base/errors.ts';
import type { SipLimits } from '../codec/sip/limits.ts';
import { Resolver } from './resolver.ts';
import { TlsKind } from './tls-kind.ts';
import type { TlsOptions } from './tls-options.ts';
import type { Sender, TransportListener } from './transport.ts';
import { type TcpOptions, TcpTransport } from './transport-tcp.ts';
import { UdpTransport } from './transport-udp.ts';
import { WsTransport } from './transport-ws.ts';
import type { Hop, ListenPoint, Protocol } from './types.ts';

export interface TransportsOptions {
  readonly points: readonly ListenPoint[];
  readonly listener: TransportListener;
  readonly limits: SipLimits;
  readonly tcp: TcpOptions;
  readonly tls: TlsOptions | undefined;
  readonly clock: Clock;
  readonly onError: (error: Error) => void;
}

/** How often two sockets are asked for the same port of the system's choice, before each may have its own. */
const PAIRING_TRIES = 8;

/** UDP and TCP have port numbers of their own, so one address can name both. */
const PAIRED: ReadonlySet<Protocol> = new Set(['udp', 'tcp']);

/** All sockets of a stack: chooses by hop, finds addresses of names. Can be started again after it was closed. */
export class Transports {
  readonly #options: TransportsOptions;
  readonly #resolver: Resolver;
  #udp: UdpTransport[] = [];
  readonly #tlsKind: TlsKind;
  #tcp: TcpTransport | undefined;
  #tls: TcpTransport | undefined;
  #ws: WsTransport | undefined;
  #listening: ListenPoint[] = [];

  constructor(options: TransportsOptions) {
    this.#options = options;
    this.#tlsKind = new TlsKind(options.tls);
    this.#resolver = new Resolver(options.clock, () => familyOf(options.points));
  }

  /** What is bound, in the order of the listen points. */
  get listening(): readonly ListenPoint[] {
    return this.#listening;
  }

  get connections(): number {
    return (this.#tcp?.connections ?? 0) + (this.#tls?.connections ?? 0) + (this.#ws?.connections ?? 0);
  }

  /**
   * Binds every point, or none: rejects with PPG_E_SIP_TRANSPORT. Where UDP and TCP of one host leave the port to the
   * system, both get the same, since an address that names no transport stands for both (RFC 3261 section 18.1.1).
   */
  async start(): Promise<void> {
    if (this.#tcp !== undefined) throw new PpgError('PPG_E_STATE', 'the SIP stack is running already');
    for (let attempt = 1; ; attempt++) {
      const refused = await this.#bind(attempt <= PAIRING_TRIES);
      if (refused === undefined) return;
      await this.close();
      if (!refused.paired) throw refused.error;
    }
  }

  /** Why a point could not be bound; `paired` where another port may do. */
  async #bind(pairs: boolean): Promise<{ readonly error: PpgError; readonly paired: boolean } | undefined> {
    const { points, listener, limits, clock, onError } = this.#options;
    const tcp = new TcpTransport(listener, limits, this.#options.tcp, clock, onError);
    const tls = new TcpTransport(listener, limits, this.#options.tcp, clock, onError, this.#tlsKind);
    this.#tcp = tcp;
    this.#tls = tls;
    const ws = new WsTransport(listener, limits, this.#options.tcp, clock, this.#tlsKind, onError);
    this.#ws = ws;
    const bound: ListenPoint[] = [];
    for (const point of points) {
      const port = pairs ? portOfPair(point, points, bound) : undefined;
      try {
        bound.push(await this.#listen(port === undefined ? point : { ...point, port }, { tcp, tls, ws }));
      } catch (cause) {
        const where = `${point.protocol} ${point.host}:${point.port}`;
        const error = new PpgError('PPG_E_SIP_TRANSPORT', `cannot listen on ${where}: ${messageOf(cause)}`, { cause });
        return { error, paired: port !== undefined };
      }
    }
    this.#listening = bound;
    return undefined;
  }

  #listen(
    point: ListenPoint,
    { tcp, tls, ws }: { tcp: TcpTransport; tls: TcpTransport; ws: WsTransport },
  ): Promise<ListenPoint> {
    switch (point.protocol) {
      case 'udp':
        return this.#listenUdp(point);
      case 'tcp':
        return tcp.listen(point);
      case 'tls':
        return tls.listen(point);
      case 'ws':
      case 'wss':
        return ws.listen(point);
    }
  }

  /** See SipStack. Throws PPG_E_OPTIONS. */
  reloadTls(tls: TlsOptions | undefined): void {
    this.#tlsKind.reload(tls);
  }

  /** True when servers can be shown a certificate. */
  get hasCertificate(): boolean {
    return this.#tlsKind.hasCertificate;
  }

  #listenUdp(point: ListenPoint): Promise<ListenPoint> {
    const { listener, limits, onError } = this.#options;
    const transport = new UdpTransport(point, listener, limits, onError);
    this.#udp.push(transport);
    return transport.listen();
  }

  async close(): Promise<void> {
    const udp = this.#udp;
    const streams = [this.#tcp, this.#tls, this.#ws];
    this.#listening = [];
    this.#udp = [];
    this.#tcp = undefined;
    this.#tls = undefined;
    this.#ws = undefined;
    await Promise.all([...udp.map((transport) => transport.close()), ...streams.map((one) => one?.close())]);
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

  #streamsOf(protocol: Protocol): TcpTransport | WsTransport | undefined {
    if (protocol === 'ws' || protocol === 'wss') return this.#ws;
    return protocol === 'tls' ? this.#tls : this.#tcp;
  }

  #sendTo(address: string, octets: Buffer, hop: Hop, sender: Sender | undefined): void {
    if (hop.protocol !== 'udp') {
      const streams = this.#streamsOf(hop.protocol);
      if (streams === undefined) sender?.onSendError(new Error('the transports are closed'));
      else streams.send(octets, address, hop, sender);
      return;
    }
    const family = isIPv6(address) ? 6 : 4;
    const socket = this.#udp.find((transport) => transport.family === family);
    if (socket === undefined) sender?.onSendError(new Error(`no UDP socket for ${address}`));
    else socket.send(octets, address, hop.port, sender);
  }
}

/** The port that the system has given to the other one of UDP and TCP; `bound` are the first of `points`. */
function portOfPair(
  { protocol, host, port }: ListenPoint,
  points: readonly ListenPoint[],
  bound: readonly ListenPoint[],
): number | undefined {
  if (port !== 0 || !PAIRED.has(protocol)) return undefined;
  const isOther = (one: ListenPoint): boolean => PAIRED.has(one.protocol) && one.protocol !== protocol;
  const found = bound[points.findIndex((one) => isOther(one) && one.port === 0 && one.host === host)]?.port;
  const isTaken = bound.some((one) => one.protocol === protocol && one.host === host && one.port === found);
  return isTaken ? undefined : found;
}

function familyOf(points: readonly ListenPoint[]): 0 | 4 | 6 {
  const six = points.some(({ host }) => isIPv6(host));
  const four = points.some(({ host }) => !isIPv6(host));
  return six === four ? 0 : six ? 6 : 4;
}
