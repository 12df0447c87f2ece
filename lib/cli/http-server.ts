import { statSync } from 'node:fs';
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import { leaveWaiting } from '../base/invitation.ts';
import type { Logger } from '../base/log.ts';
import { readCredentials, type TlsOptions } from '../stack/tls-options.ts';

/** Times in milliseconds. */
export interface HttpLimits {
  /** A whole request. */
  readonly requestWithin: number;
  readonly headersWithin: number;
  /** How often connections are looked at for both; Node's own is 30 s. */
  readonly checkEvery: number;
  /** Between two requests of a connection. */
  readonly keepAlive: number;
  readonly maxHeaderBytes: number;
  readonly maxHeaders: number;
  readonly maxConnections: number;
}

export const HTTP_LIMITS: HttpLimits = {
  requestWithin: 60_000,
  headersWithin: 10_000,
  checkEvery: 5000,
  keepAlive: 65_000,
  maxHeaderBytes: 16 * 1024,
  maxHeaders: 100,
  maxConnections: 10_000,
};

/** Certificates are looked at so often, for those that a program renews without telling anybody. */
const LOOK_EVERY = 60_000;

export interface HttpServer {
  readonly server: Server | TlsServer;
  /** Reads certificate and key again. Throws PPG_E_OPTIONS when they cannot be used, and goes on with the old ones. */
  reload(): void;
  /** Looks at the files no more. */
  unwatch(): void;
}

export interface HttpServerOptions {
  readonly tls: TlsOptions | undefined;
  readonly limits?: Partial<HttpLimits> | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * An HTTP server with bounds on what a client may send and how slowly; with `tls` an HTTPS one, from TLS 1.2 on, that
 * asks clients for a certificate when it has a CA to check them by. Clients that wait to be asked for their body
 * (`Expect: 100-continue`) wait until the listener does: inviteBody. Throws PPG_E_OPTIONS.
 */
export function createHttpServer(options: HttpServerOptions, listener: RequestListener): HttpServer {
  const limits = { ...HTTP_LIMITS, ...options.limits };
  const bounds: ServerOptions = {
    maxHeaderSize: limits.maxHeaderBytes,
    requestTimeout: limits.requestWithin,
    headersTimeout: limits.headersWithin,
    connectionsCheckingInterval: limits.checkEvery,
  };
  const made = options.tls === undefined ? plain(bounds, listener) : secure(options.tls, options, bounds, listener);
  made.server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    leaveWaiting(request, response);
    listener(request, response);
  });
  made.server.keepAliveTimeout = limits.keepAlive;
  made.server.maxHeadersCount = limits.maxHeaders;
  made.server.maxConnections = limits.maxConnections;
  return made;
}

const nothing = (): void => undefined;

const plain = (bounds: ServerOptions, listener: RequestListener): HttpServer => ({
  server: createServer(bounds, listener),
  reload: nothing,
  unwatch: nothing,
});

function secure(
  tls: TlsOptions,
  { clock, log }: HttpServerOptions,
  bounds: ServerOptions,
  listener: RequestListener,
): HttpServer {
  const { contextOptions, asksClient, requiresClient } = readCredentials(tls);
  const server = createTlsServer(
    {
      ...bounds,
      ...contextOptions,
      requestCert: asksClient,
      rejectUnauthorized: requiresClient,
      handshakeTimeout: bounds.headersTimeout ?? HTTP_LIMITS.headersWithin,
    },
    listener,
  );
  server.on('tlsClientError', (error) => log.debug({ cause: error.message }, 'a TLS handshake failed'));
  const files = [tls.cert, tls.key, tls.ca].filter((name) => name !== undefined);
  let seen = ages(files);
  const reload = (): void => {
    seen = ages(files);
    server.setSecureContext(readCredentials(tls).contextOptions);
  };
  const look = (): void => {
    timer = clock.setTimeout(look, LOOK_EVERY);
    if (ages(files) === seen) return;
    try {
      reload();
      log.info('the certificate of HTTPS was read again');
    } catch (error) {
      // Likely in the middle of being replaced: the next look finds the other half.
      log.warn({ cause: messageOf(error) }, 'the new certificate of HTTPS cannot be used; the old one stays');
    }
  };
  let timer = clock.setTimeout(look, LOOK_EVERY);
  return { server, reload, unwatch: () => clock.clearTimeout(timer) };
}

/** When the files were changed last, as one text. */
const ages = (files: readonly string[]): string =>
  files.map((file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0).join(' ');
