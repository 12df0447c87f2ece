import { createHash, timingSafeEqual } from 'node:crypto';
import express, { type ErrorRequestHandler, type RequestHandler, type Router } from 'express';
import { z } from 'zod';
import type { Clock } from '../base/clock.ts';
import { PpgError } from '../base/errors.ts';
import { inviteBody } from '../base/invitation.ts';
import type { Logger } from '../base/log.ts';
import type { Notification } from '../model/delivery.ts';
import type { OperatorDenial } from '../ops/operator-denials.ts';
import type { Ppg } from '../ppg.ts';
import { FailureLimiter } from '../security/failure-limiter.ts';

export interface AdminOptions {
  readonly ppg: Pick<Ppg, 'deadNotifications' | 'replayNotifications' | 'erase'>;
  /** What an operator must know. */
  readonly token: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Told of everybody on loopback who did not know the token. */
  readonly onDenied?: ((denial: OperatorDenial) => void) | undefined;
}

const FAILURES = { failures: 10, window: 60_000 };
const MAX_BODY = '16kb';

const id = z.string().min(1).max(1024);
const filter = z.strictObject({
  initiator: id.optional(),
  pushId: id.optional(),
  limit: z.coerce.number().int().min(1).max(1000).optional(),
});
const subscriber = z.strictObject({ user: z.string().min(1).max(255) });

/**
 * The operator's side of a running gateway, JSON over HTTP: for peers on loopback that know the token, and nobody else.
 *
 * - `GET /notifications?initiator&pushId&limit`: notifications that were given up
 * - `POST /notifications/replay` with the same as JSON: send them again
 * - `POST /erase` with `user`: remove a subscriber
 */
export function adminRouter(options: AdminOptions): Router {
  const { ppg } = options;
  const router = express.Router();
  router.use(onlyOperators(options));
  router.use((req, _res, next) => {
    inviteBody(req);
    next();
  });
  router.use(express.json({ limit: MAX_BODY }));
  router.get('/notifications', async (req, res) => {
    const { limit, ...which } = filter.parse(req.query);
    res.json({ notifications: (await ppg.deadNotifications(which, limit)).map(shown) });
  });
  router.post('/notifications/replay', async (req, res) => {
    const { limit, ...which } = filter.parse(req.body ?? {});
    res.json({ replayed: await ppg.replayNotifications(which, limit) });
  });
  router.post('/erase', async (req, res) => {
    const { ended, erased, remaining } = await ppg.erase(subscriber.parse(req.body ?? {}).user);
    res.json({ ended: ended.length, erased, remaining });
  });
  router.use((_req, res) => void res.status(404).json({ error: 'no such operation' }));
  router.use(failed(options.log));
  return router;
}

function onlyOperators({ token, clock, log, onDenied }: AdminOptions): RequestHandler {
  const wanted = digest(`Bearer ${token}`);
  const failures = new FailureLimiter(clock, FAILURES, 1000);
  return (req, res, next) => {
    const source = req.socket.remoteAddress ?? '';
    if (!LOOPBACK.test(source)) return void res.status(404).type('text/plain').send('Nothing here.\n');
    if (failures.blockedFor(source) > 0) {
      onDenied?.({ source, reason: 'limited' });
      return void res.status(429).set('Retry-After', '60').json({ error: 'too many wrong tokens' });
    }
    if (timingSafeEqual(digest(req.headers.authorization ?? ''), wanted)) return next();
    failures.charge(source);
    onDenied?.({ source, reason: 'wrong' });
    log.warn({ source }, 'an operator without the token was refused');
    res.status(401).set('WWW-Authenticate', 'Bearer realm="admin"').json({ error: 'the admin token is needed' });
  };
}

const LOOPBACK = /^(::ffff:)?127\.|^::1$/;

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

const shown = ({
  initiator,
  pushId,
  index,
  address,
  notifyUrl,
  state,
  code,
  eventTime,
  tries,
}: Notification): object => ({
  initiator,
  pushId,
  index,
  address: address.text,
  notifyUrl,
  state,
  code,
  eventTime: new Date(eventTime).toISOString(),
  tries,
});

/** Express knows an error handler by its four parameters. */
const failed =
  (log: Logger): ErrorRequestHandler =>
  (error, _req, res, _next) => {
    if (error instanceof z.ZodError) {
      const text = error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
      return void res.status(400).json({ error: text });
    }
    if (error instanceof PpgError && error.code === 'PPG_E_ADDRESS')
      return void res.status(400).json({ error: error.message });
    const { status } = error as { status?: unknown };
    if (typeof status === 'number' && status >= 400 && status < 500)
      return void res.status(status).json({ error: 'bad request' });
    log.error({ err: error }, 'an operation failed');
    res.status(500).json({ error: error instanceof PpgError ? error.code : 'internal error' });
  };
