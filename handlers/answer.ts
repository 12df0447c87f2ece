import { messageOf } from '../lib/base/errors.ts';
import type { Logger } from '../lib/base/log.ts';
import type { RequestLike, ResponseLike } from '../lib/sip/leg.ts';

/** Sends a final answer. A link that is gone makes drachtio-srf throw; then nobody is left to hear it, so it is logged. */
export function answer(
  req: Pick<RequestLike, 'method'>,
  res: ResponseLike,
  log: Logger,
  status: number,
  headers: Readonly<Record<string, string>> = {},
): void {
  try {
    res.send(status, { headers: { ...headers } });
  } catch (error) {
    log.warn({ method: req.method, status, cause: messageOf(error) }, 'an answer could not be sent');
  }
}
