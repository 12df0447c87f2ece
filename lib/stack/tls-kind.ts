import { isIP, type Server, type Socket } from 'node:net';
import {
  connect,
  createServer,
  type SecureContext,
  TLSSocket,
  type Server as TlsServer,
  type TlsOptions as TlsServerOptions,
} from 'node:tls';
import { PpgError } from '../base/errors.ts';
import type { AcceptsStreams, StreamKind } from './stream-kind.ts';
import { streamKey } from './stream-kind.ts';
import { sipDomainsOf, standsFor } from './tls-identity.ts';
import { readCredentials, type TlsCredentials, type TlsOptions } from './tls-options.ts';
import type { Hop } from './types.ts';

/** SIP over TLS (RFC 3261 section 26.2, RFC 5922, RFC 5923): the sockets of the stream transport, and whom they are for. */
export class TlsKind implements StreamKind {
  readonly protocol = 'tls';
  readonly ready = 'secureConnect';
  readonly #servers = new Set<TlsServer>();
  #options: TlsOptions | undefined;
  #credentials: TlsCredentials;

  /** Throws PPG_E_OPTIONS. */
  constructor(options: TlsOptions | undefined) {
    this.#options = options;
    this.#credentials = readCredentials(options);
  }

  /** True when this side can prove who it is to a server, so that the server may use the connection for its own requests. */
  get hasCertificate(): boolean {
    return this.#credentials.hasCertificate;
  }

  /**
   * Reads certificates, keys and authorities again, `options` in place of those before. Connections that are there stay
   * as they are; new ones use the new. Whether clients are asked for a certificate does not change while it listens.
   * Throws PPG_E_OPTIONS and leaves everything as it was.
   */
  reload(options: TlsOptions | undefined): void {
    const credentials = readCredentials(options ?? this.#options);
    if (this.#servers.size > 0 && !credentials.hasCertificate) throw noCertificate();
    this.#options = options ?? this.#options;
    this.#credentials = credentials;
    for (const server of this.#servers) server.setSecureContext(credentials.contextOptions);
  }

  /** What a server that takes TLS is made with. Throws PPG_E_OPTIONS without a certificate. */
  serverOptions(): TlsServerOptions {
    const { contextOptions, asksClient, requiresClient, hasCertificate } = this.#credentials;
    if (!hasCertificate) throw noCertificate();
    return {
      ...contextOptions,
      requestCert: asksClient,
      rejectUnauthorized: requiresClient,
      SNICallback: (name, callback) => callback(null, this.#contextFor(name)),
    };
  }

  /** Lets a server have the new certificates at every reload. */
  register<T extends TlsServer>(server: T): T {
    this.#servers.add(server);
    server.on('close', () => this.#servers.delete(server));
    return server;
  }

  createServer(accepts: AcceptsStreams): Server {
    const server = this.register(createServer(this.serverOptions()));
    // Before node begins the handshake, so that peers without room cost none.
    server.prependListener('connection', (socket: Socket) => {
      if (!accepts.onArriving(socket)) socket.destroy();
    });
    server.on('secureConnection', (socket) => accepts.onAccepted(socket));
    server.on('tlsClientError', (error, socket) => accepts.onRejected(socket, error));
    return server;
  }

  connect(address: string, hop: Hop): Socket {
    const domain = domainOf(address, hop);
    const { context, verifiesServer } = this.#credentials;
    return connect({
      host: address,
      port: hop.port,
      secureContext: context,
      rejectUnauthorized: verifiesServer,
      // RFC 6066 section 3: no IP literals in SNI.
      ...(isIP(domain) === 0 && { servername: domain }),
      checkServerIdentity: (_host, certificate) =>
        standsFor(certificate, domain) ? undefined : new Error(`the certificate of ${address} is not for ${domain}`),
    });
  }

  /** One connection for each domain at an address: what one is trusted with, another is not. */
  keyOf(address: string, hop: Hop): string {
    return `${streamKey(address, hop.port)}|${domainOf(address, hop).toLowerCase()}`;
  }

  /** RFC 5923 section 8.2: only a peer who has proved to be the domain gets its requests over a connection it made. */
  mayCarry(socket: Socket, address: string, hop: Hop): boolean {
    if (!this.#credentials.verifiesServer) return true;
    if (!(socket instanceof TLSSocket) || !socket.authorized) return false;
    const certificate = socket.getPeerCertificate();
    return certificate !== null && standsFor(certificate, domainOf(address, hop));
  }

  verified(socket: Socket): readonly string[] | undefined {
    if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
    return sipDomainsOf(socket.getPeerCertificate()?.subjectaltname);
  }

  /** The certificate for a name; node's own one where there is none. */
  #contextFor(name: string): SecureContext | undefined {
    return this.#credentials.hosts.get(name.toLowerCase());
  }
}

const domainOf = (address: string, { domain, host }: Hop): string => domain ?? (host === '' ? address : host);

const noCertificate = (): PpgError =>
  new PpgError('PPG_E_OPTIONS', 'tls.cert and tls.key are missing: TLS cannot be listened to without them');
