import { connect as connectTcp, createServer, isIP, type Server, type Socket } from 'node:net';
import {
  connect as connectTls,
  createServer as createTlsServer,
  type SecureContextOptions,
  TLSSocket,
  type Server as TlsServer,
} from 'node:tls';
import type { Clock } from '../base/clock.ts';
import { messageOf, PpgError } from '../base/errors.ts';
import { randomToken } from '../base/ids.ts';
import type { Logger } from '../base/log.ts';
import { PeerRoom } from '../base/peer-room.ts';
import { headerOf, type MsrpRequestHead } from '../codec/msrp/message.ts';
import { type MsrpUri, parsePath } from '../codec/msrp/uri.ts';
import { writeResponse } from '../codec/msrp/write.ts';
import type { Fingerprint } from '../codec/sdp/message-media.ts';
import { fingerprintOf, hasShown, type MsrpCertificate } from './certificate.ts';
import { type ConnectionOwner, MsrpConnection } from './connection.ts';
import type { SendTimes } from './outgoing.ts';
import { isBeyond, lookupWithin, type Reach, reachOf } from './reach.ts';
import type { RemoteSide } from './remote.ts';
import { type MessageTaker, MsrpSession, type SessionHost } from './session.ts';

export interface MsrpEndpointOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** Where peers connect to; undefined: this side always connects. Port 0: any that is free. */
  readonly listen?: { readonly host: string; readonly port: number } | undefined;
  /** With it sessions over TLS are possible, at a port of their own (0: any that is free). */
  readonly tls?: (MsrpCertificate & { readonly port: number }) | undefined;
  /** Host in our paths. Default: where it listens, or 127.0.0.1. */
  readonly advertise?: string | undefined;
  /** Addresses and networks that a peer's SDP may lead to. Default: all but link-local, multicast and reserved ones. */
  readonly networks?: readonly string[] | undefined;
  readonly limits?: Partial<MsrpEndpointLimits> | undefined;
}

/** Times in milliseconds. */
export interface MsrpEndpointLimits extends SendTimes {
  readonly connectTime: number;
  /** How long a session waits for its peer to connect. */
  readonly bindTime: number;
  /** A connection that no session uses is closed after this. */
  readonly connectionIdle: number;
  readonly maxConnections: number;
  readonly maxSessions: number;
}

export const DEFAULT_MSRP: MsrpEndpointLimits = {
  // Kamailio's relay takes frames up to 11,240 octets, paths and all.
  chunkBytes: 8_192,
  transactionTime: 30_000,
  reportTime: 30_000,
  connectTime: 10_000,
  bindTime: 15_000,
  connectionIdle: 5_000,
  maxConnections: 4_096,
  maxSessions: 10_000,
};

export interface MsrpCounters {
  /** Open now. */
  sessions: number;
  connections: number;
  /** Since it was made. */
  bytesReceived: number;
  bytesSent: number;
  /** Whether the gateway's own relay is there and has authorised it; undefined without one. */
  relayReady?: boolean;
}

/** RFC 7525 and RFC 8996: nothing older than TLS 1.2. */
const MIN_VERSION = 'TLSv1.2';

const contextOf = ({ cert, key }: MsrpCertificate): SecureContextOptions => ({ cert, key, minVersion: MIN_VERSION });

/** RFC 6135 section 4.2.1: the port of whoever does not listen. */
const DISCARD_PORT = 9;

/** MSRP over our own sockets: listeners, connections, and the sessions on them. */
export class MsrpEndpoint implements ConnectionOwner, SessionHost {
  readonly clock: Clock;
  readonly times: SendTimes;
  readonly bindTime: number;
  readonly counters: MsrpCounters = { sessions: 0, connections: 0, bytesReceived: 0, bytesSent: 0 };
  readonly #options: MsrpEndpointOptions;
  readonly #limits: MsrpEndpointLimits;
  readonly #reach: Reach;
  readonly #room: PeerRoom;
  readonly #servers: Server[] = [];
  #tls: { readonly certificate: MsrpCertificate; readonly fingerprint: Fingerprint } | undefined;
  #tlsServer: TlsServer | undefined;
  readonly #sessions = new Map<string, MsrpSession>();
  readonly #connections = new Set<MsrpConnection>();
  /** Those that we made, by where they go. */
  readonly #reusable = new Map<string, MsrpConnection>();
  /** Ports that are listened on. */
  #port: number | undefined;
  #tlsPort: number | undefined;
  #stopped = false;

  /** Throws PPG_E_OPTIONS for a certificate that cannot be read, and for a network that is none. */
  constructor(options: MsrpEndpointOptions) {
    this.#options = options;
    this.clock = options.clock;
    const given = Object.entries(options.limits ?? {}).filter(([, value]) => value !== undefined);
    this.#limits = { ...DEFAULT_MSRP, ...Object.fromEntries(given) };
    this.times = this.#limits;
    this.bindTime = this.#limits.bindTime;
    this.#reach = reachOf(options.networks);
    const { maxConnections, connectTime } = this.#limits;
    // One address may be that of a relay or a border controller, which speaks for all devices.
    this.#room = new PeerRoom({ maxPerAddress: maxConnections, isExempt: () => true, connectTime }, this.clock);
    if (options.tls !== undefined) this.reloadTls(options.tls);
  }

  /** What an SDP has to say of our certificate; undefined without one. */
  get fingerprint(): Fingerprint | undefined {
    return this.#tls?.fingerprint;
  }

  /**
   * Takes another certificate for the connections that are made from now on. A session that was offered with the old one and
   * has no connection yet is lost, and its push tried again. Throws PPG_E_OPTIONS, and then nothing has changed.
   */
  reloadTls(certificate: MsrpCertificate): void {
    try {
      const fingerprint = fingerprintOf(certificate.cert);
      this.#tlsServer?.setSecureContext(contextOf(certificate));
      this.#tls = { certificate, fingerprint };
    } catch (cause) {
      throw new PpgError('PPG_E_OPTIONS', `the certificate for MSRP cannot be read: ${messageOf(cause)}`, { cause });
    }
  }

  /** Listens. Rejects with PPG_E_LISTEN. */
  async start(): Promise<void> {
    const { listen } = this.#options;
    const tls = this.#tls;
    this.#stopped = false;
    if (listen === undefined) return;
    const accept = (socket: Socket): void => {
      if (this.#hasRoom(socket)) this.#accept(socket);
    };
    this.#port = await this.#listen(createServer(accept), listen);
    if (tls === undefined) return;
    // The certificate proves itself by the fingerprint of the SDP, not by who signed it (RFC 8122).
    const options = {
      ...contextOf(tls.certificate),
      requestCert: true,
      rejectUnauthorized: false,
    } as const;
    const server = createTlsServer({ ...options, handshakeTimeout: this.#limits.connectTime });
    server.on('connection', (socket: Socket) => {
      if (this.#hasRoom(socket)) this.#room.awaitHandshake(socket);
    });
    server.on('secureConnection', (socket: Socket) => {
      this.#room.settle(socket);
      this.#accept(socket);
    });
    server.on('tlsClientError', (_error, socket) => socket.destroy());
    this.#tlsServer = server;
    this.#tlsPort = await this.#listen(server, { ...listen, port: this.#options.tls?.port ?? 0 });
  }

  /** Closes all sessions and connections. */
  async stop(): Promise<void> {
    this.#stopped = true;
    const closed = this.#servers
      .splice(0)
      .map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    for (const session of [...this.#sessions.values()]) session.lost('stopped');
    for (const connection of [...this.#connections]) connection.close('stopped');
    this.#room.close();
    await Promise.all(closed);
    this.#port = undefined;
    this.#tlsServer = undefined;
    this.#tlsPort = undefined;
  }

  /** The port for TCP, or for TLS; undefined while it does not listen. */
  port(secure = false): number | undefined {
    return secure ? this.#tlsPort : this.#port;
  }

  get host(): string {
    return this.#options.advertise ?? this.#options.listen?.host ?? '127.0.0.1';
  }

  /** A session with a path of its own. Throws PPG_E_OVERLOAD beyond `maxSessions`, PPG_E_STATE when stopped. */
  open(secure = false, taker?: MessageTaker): MsrpSession {
    if (this.#stopped) throw new PpgError('PPG_E_STATE', 'MSRP has been stopped');
    if (this.#sessions.size >= this.#limits.maxSessions) throw new PpgError('PPG_E_OVERLOAD', 'too many MSRP sessions');
    // RFC 4975 section 14.1: 80 bits of randomness; this has 128. Who knows it may take the session.
    const session = randomToken(16);
    const port = this.port(secure) ?? DISCARD_PORT;
    const made = new MsrpSession(
      this,
      { secure, host: this.host.toLowerCase(), port, session, transport: 'tcp' },
      taker,
    );
    this.#sessions.set(session, made);
    this.counters.sessions = this.#sessions.size;
    return made;
  }

  // ---- SessionHost

  /** Throws PPG_E_SDP for an address out of reach; a name that leads to such ends the connection. */
  connectTo(session: MsrpSession, { path, fingerprints, authority, configured }: RemoteSide): MsrpConnection {
    const [uri] = path as readonly [MsrpUri];
    if (configured !== true && isBeyond(uri.host, this.#reach))
      throw new PpgError('PPG_E_SDP', `the SDP cannot be used: ${uri.host} is out of reach (msrp.networks)`);
    // A connection is proven for one certificate only.
    const proof = [...(authority === undefined ? [] : ['authority']), ...fingerprints.map(({ value }) => value)].join();
    const key = `${uri.host} ${uri.port} ${session.uri.secure ? proof : ''}`;
    const known = this.#reusable.get(key);
    if (known !== undefined && known.closed === undefined) return known;
    const { host, port } = uri;
    const at = { host, port, ...(configured !== true && { lookup: lookupWithin(this.#reach) }) };
    const socket = session.uri.secure
      ? connectTls({
          ...this.#clientOptions(),
          ...at,
          rejectUnauthorized: false,
          ...(authority?.ca !== undefined && { ca: authority.ca }),
          ...(isIP(host) === 0 && { servername: host }),
        })
      : connectTcp(at);
    const connection = this.#add(socket, key, false);
    this.#reusable.set(key, connection);
    const timer = this.clock.setTimeout(
      () => connection.close('it took too long to connect'),
      this.#limits.connectTime,
    );
    socket.once(session.uri.secure ? 'secureConnect' : 'connect', () => {
      this.clock.clearTimeout(timer);
      const signed = authority !== undefined && socket instanceof TLSSocket && socket.authorized;
      if (session.uri.secure && !signed && !hasShown(socket, fingerprints))
        connection.close(
          authority === undefined
            ? 'the certificate of the peer is not that of its SDP'
            : 'the certificate of the relay is not signed for its host',
        );
      else connection.opened();
    });
    socket.once('close', () => this.clock.clearTimeout(timer));
    return connection;
  }

  forget(session: MsrpSession): void {
    this.#sessions.delete(session.id);
    this.counters.sessions = this.#sessions.size;
  }

  // ---- ConnectionOwner

  route(head: MsrpRequestHead, connection: MsrpConnection): MsrpSession | { status: number; comment: string } {
    if (head.malformed !== undefined) return { status: 400, comment: head.malformed };
    let to: readonly MsrpUri[];
    let from: readonly MsrpUri[];
    try {
      to = parsePath(headerOf(head.headers, 'To-Path') ?? '');
      from = parsePath(headerOf(head.headers, 'From-Path') ?? '');
    } catch {
      return { status: 400, comment: 'A path cannot be read' };
    }
    const [own] = to;
    // By the session-id alone: what peers write for our host and port is their matter (several addresses, NAT).
    const session = to.length === 1 && own?.session !== undefined ? this.#sessions.get(own.session) : undefined;
    if (session === undefined || session.uri.secure !== own?.secure) return { status: 481, comment: 'No such session' };
    return session.admit(head, from, connection) ?? session;
  }

  refuse(
    head: MsrpRequestHead,
    { status, comment }: { status: number; comment: string },
    connection: MsrpConnection,
  ): void {
    // A REPORT is never answered (RFC 4975 section 7.1.2).
    if (head.method === 'REPORT' || headerOf(head.headers, 'Failure-Report')?.toLowerCase() === 'no') return;
    const first = (name: string): string => headerOf(head.headers, name)?.split(' ', 1)[0] ?? '';
    const [to, from] = [first('From-Path'), first('To-Path')];
    if (to !== '' && from !== '') connection.write([writeResponse(head.transaction, status, comment, to, from)]);
  }

  onClosed(connection: MsrpConnection): void {
    this.#connections.delete(connection);
    this.counters.connections = this.#connections.size;
    if (connection.key !== undefined && this.#reusable.get(connection.key) === connection)
      this.#reusable.delete(connection.key);
    this.#options.log.debug({ cause: connection.closed }, 'an MSRP connection ended');
  }

  count(received: number, sent: number): void {
    this.counters.bytesReceived += received;
    this.counters.bytesSent += sent;
  }

  #clientOptions(): SecureContextOptions {
    return this.#tls === undefined ? { minVersion: MIN_VERSION } : contextOf(this.#tls.certificate);
  }

  /** For one more that a peer makes; where there is none, the one that was of no use for longest gives way. */
  #hasRoom(socket: Socket): boolean {
    socket.on('error', () => undefined);
    const isFull = this.#connections.size + this.#room.arriving >= this.#limits.maxConnections;
    if (!this.#stopped && this.#room.enter(socket) && (!isFull || this.#room.makeRoom(this.#connections))) return true;
    socket.destroy();
    return false;
  }

  #accept(socket: Socket): void {
    if (this.#stopped) socket.destroy();
    else this.#add(socket, undefined, true);
  }

  #add(socket: Socket, key: string | undefined, ready: boolean): MsrpConnection {
    const idle = this.#limits.connectionIdle;
    const connection = new MsrpConnection({ socket, clock: this.clock, owner: this, key, idle }, ready);
    this.#connections.add(connection);
    this.counters.connections = this.#connections.size;
    return connection;
  }

  #listen(server: Server, { host, port }: { host: string; port: number }): Promise<number> {
    return new Promise((resolve, reject) => {
      server.once('error', (cause) =>
        reject(new PpgError('PPG_E_LISTEN', `MSRP cannot listen on ${host} port ${port}: ${cause.message}`, { cause })),
      );
      server.listen({ host, port }, () => {
        this.#servers.push(server);
        server.on('error', (error) => this.#options.log.warn({ cause: error.message }, 'an MSRP listener failed'));
        const address = server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : port);
      });
    });
  }
}
