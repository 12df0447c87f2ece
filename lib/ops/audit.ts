import type { Logger } from '../base/log.ts';
import { isTerminal } from '../model/states.ts';
import type { Observed } from './observed.ts';

/** Where audit lines go: any pino-shaped logger, apart from the one for operation. */
export type AuditLog = Pick<Logger, 'info'>;

/**
 * Writes one line for every decision, see "Audit" in docs/operations.md: what was taken or refused and by which rule, how
 * each recipient ended, which notification was given up, which log-in was refused, what an operator did. Never content,
 * credentials or addresses of subscribers. The function it returns ends that.
 */
export function createAudit(ppg: Pick<Observed, 'on'>, audit: AuditLog): () => void {
  const off = [
    ppg.on('accepted', ({ initiator, pushId, push, recipients, at }) =>
      audit.info({ event: 'accepted', at, initiator, pushId, push, recipients }, 'a push was accepted'),
    ),
    ppg.on('refused', ({ initiator, pushId, code, rule, at }) =>
      audit.info({ event: 'refused', at, initiator, pushId, code, rule }, 'a request was refused'),
    ),
    ppg.on('state', ({ initiator, pushId, push, index, state, code, cause, at }) => {
      if (!isTerminal(state)) return;
      const event = state === 'cancelled' ? 'cancelled' : 'final';
      audit.info({ event, at, initiator, pushId, push, index, state, code, cause }, 'a recipient came to the end');
    }),
    ppg.on('notification', ({ initiator, pushId, push, index, result, tries, cause, at }) => {
      if (result !== 'dead') return;
      const fields = { event: 'notification-dead', at, initiator, pushId, push, index, tries, cause };
      audit.info(fields, 'a result notification was given up');
    }),
    ppg.on('denied', ({ source, reason, initiator, at }) => {
      // Clients that wait for the challenge begin without credentials.
      if (reason !== 'missing') audit.info({ event: 'denied', at, source, reason, initiator }, 'a log-in was refused');
    }),
    ppg.on('operator', ({ action, at, ...what }) =>
      audit.info({ event: 'operator', at, action, ...what }, 'an operator acted'),
    ),
  ];
  return () => {
    for (const take of off) take();
  };
}
