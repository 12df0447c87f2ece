import { messageOf } from '../lib/base/errors.ts';
import type { Logger } from '../lib/base/log.ts';
import type { RequestLike, SipHandler } from '../lib/sip/leg.ts';
import type { OwnAddress } from '../lib/sip/own-address.ts';
import { answer } from './answer.ts';

/**
 * Reads one kind of report on our pushes (a disposition notification, an RP-ACK). Answers the SIP status for a MESSAGE
 * that is such a report, undefined for one that is not; it does its work by itself afterwards. `identity` is the user whom
 * the core vouches for as its sender; undefined when it vouches for nobody.
 */
export type ReportReader = (req: RequestLike, identity?: readonly string[]) => number | undefined;

export interface MessageHandlerOptions {
  readonly own: Pick<OwnAddress, 'isIdentity'>;
  /** Asked in turn; the first that knows the MESSAGE answers it. */
  readonly readers: readonly ReportReader[];
  /** Who sent a request, see assertedIdentity. Default: nobody can say. */
  readonly identityOf?: (req: RequestLike) => readonly string[] | undefined;
  readonly log: Logger;
}

/**
 * MESSAGE to the gateway's identity that reports on a push is consumed; every other goes to next() untouched, and where
 * no app is behind the gateway its leg answers. A reader that fails makes 500: the report comes again.
 */
export function createMessageHandler({ own, readers, identityOf, log }: MessageHandlerOptions): SipHandler {
  function statusOf(req: RequestLike): number | undefined {
    try {
      const identity = identityOf?.(req);
      for (const read of readers) {
        const status = read(req, identity);
        if (status !== undefined) return status;
      }
      return undefined;
    } catch (error) {
      log.error({ err: error }, `a report could not be read: ${messageOf(error)}`);
      return 500;
    }
  }

  return (req, res, next) => {
    const status = own.isIdentity(req.uri) ? statusOf(req) : undefined;
    if (status === undefined) next();
    else answer(req, res, log, status);
  };
}
