import type { RequestListener, Server } from 'node:http';
import express, { type ErrorRequestHandler, type RequestHandler } from 'express';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { AuditLog } from '../ops/audit.ts';
import type { Health } from '../ops/health.ts';
import type { Metrics } from '../ops/metrics.ts';
import { type OperatorDenial, OperatorDenials } from '../ops/operator-denials.ts';
import type { Ppg } from '../ppg.ts';
import type { TlsOptions } from '../stack/tls-options.ts';
import { adminRouter } from './admin.ts';
import { createHttpServer, type HttpLimits } from './http-server.ts';
import { opening, type PortNames } from './listen.ts';

export interface HttpOptions {
  readonly ppg: Pick<Ppg, 'pap' | 'content' | 'deadNotifications' | 'replayNotifications' | 'erase'>;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly clock: Clock;
  readonly host: string;
  readonly port: number;
  /** HTTPS in place of HTTP. */
  readonly tls?: TlsOptions | undefined;
  readonly limits?: Partial<HttpLimits> | undefined;
  /** Opens /admin for peers on loopback. Default: there is none. */
  readonly adminToken?: string | undefined;
  /** Told of who was refused there. */
  readonly audit?: AuditLog | undefined;
}

export interface RunningHttp {
  readonly port: number;
  /** Takes no new connection and closes the idle ones; the rest end with what they are at. */
  drain(): Promise<void>;
  /** Ends every connection. */
  close(): void;
  /** Reads the certificate again. Throws PPG_E_OPTIONS, and the old one stays. */
  reload(): void;
}

const portName = (host: string, port: number): PortNames => ({
  host,
  hostSetBy: 'PPG_HTTP_HOST',
  ports: [{ what: 'HTTP', port, setBy: 'PPG_HTTP_PORT' }],
});

/** The HTTP side of a standalone gateway: PAP, health and metrics. Rejects with PPG_E_LISTEN. */
export async function startHttp(options: HttpOptions): Promise<RunningHttp> {
  const { host, port, audit, clock } = options;
  const denials = audit && new OperatorDenials(audit, clock);
  const app = application(options, denials);
  const http = createHttpServer({ tls: undefined, ...options }, entrance(options.ppg.pap(), app));
  const { server } = http;
  await opening(portName(host, port), () => listen(server, host, port));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    drain: () =>
      new Promise((resolve) => {
        http.unwatch();
        server.close(() => resolve());
        server.closeIdleConnections();
      }),
    close() {
      server.closeAllConnections();
      denials?.end();
    },
    reload: () => http.reload(),
  };
}

/**
 * PAP goes straight to its handler: Express costs more than reading the document does (docs/performance.md). The rest,
 * paths below /pap included, is the application's.
 */
function entrance(pap: ReturnType<Ppg['pap']>, app: express.Express): RequestListener {
  return (request, response) => {
    const url = request.url ?? '';
    if (url === '/pap' || url.startsWith('/pap?')) {
      request.url = `/${url.slice('/pap'.length)}`;
      pap(request, response, () => app(request, response));
    } else app(request, response);
  };
}

function application(options: HttpOptions, denials: OperatorDenials | undefined): express.Express {
  const { ppg, health, metrics, log, clock, adminToken: token } = options;
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  // the address of a peer limits its guesses at passwords: no header may name another
  app.set('trust proxy', false);
  app.use('/pap', ppg.pap());
  app.use('/content', ppg.content());
  const onDenied = denials && ((denial: OperatorDenial) => denials.add(denial));
  if (token !== undefined) app.use('/admin', adminRouter({ ppg, token, clock, log, onDenied }));
  app.get('/healthz', (_req, res) => void res.type('text/plain').send('ok\n'));
  app.get('/readyz', async (_req, res) => {
    const readiness = await health.readiness();
    res.status(readiness.ready ? 200 : 503).json(readiness);
  });
  app.get('/metrics', async (_req, res) => {
    res.set('Content-Type', metrics.contentType).send(await metrics.text());
  });
  app.use(notHere);
  app.use(failed(log));
  return app;
}

const notHere: RequestHandler = (_req, res) => {
  res.status(404).type('text/plain').send('Nothing here. PAP: POST /pap. Operation: /healthz, /readyz, /metrics.\n');
};

/** Express knows an error handler by its four parameters. */
const failed =
  (log: Logger): ErrorRequestHandler =>
  (error, req, res, _next) => {
    const { status } = error as { status?: unknown };
    const code = typeof status === 'number' && status >= 400 && status < 500 ? status : 500;
    if (code === 500) log.error({ err: error, path: req.path }, 'an HTTP request failed');
    if (res.headersSent) res.destroy();
    else
      res
        .status(code)
        .type('text/plain')
        .send(code === 500 ? 'Internal error.\n' : 'Bad request.\n');
  };

const listen = (server: Server, host: string, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
