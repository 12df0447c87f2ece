import { closeSync, openSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type DestinationStream, type LoggerOptions, pino } from 'pino';
import { messageOf, PpgError } from '../base/errors.ts';
import type { Logger, LogMethod } from '../base/log.ts';
import type { AuditLog } from '../ops/audit.ts';
import type { LogLevel } from './config-schema.ts';

/** The log of a standalone gateway: JSON lines on standard output; readable ones on a terminal where pino-pretty is installed. */
export function createLog(level: LogLevel, interactive = false, destination?: DestinationStream): Logger {
  const options: LoggerOptions = { level, base: null, serializers: { err: pino.stdSerializers.err } };
  if (destination !== undefined) return pino(options, destination);
  if (interactive && installed('pino-pretty')) return pino({ ...options, transport: { target: 'pino-pretty' } });
  return pino(options);
}

export interface AuditFile {
  readonly log: AuditLog;
  /** Opens the file anew, after it was moved away. */
  reopen(): void;
  /** Writes what is left. */
  close(): void;
}

/**
 * Audit lines as JSON, appended to a file that its owner alone can read. A disk that is full, or a directory that is gone,
 * is told to `log`; what could not be written is tried again with the next line. Throws PPG_E_CONFIG.
 */
export function openAudit(file: string, log: Pick<Logger, 'error'>): AuditFile {
  try {
    // Opened once at first: what cannot be written is said at start and not when the first decision falls.
    closeSync(openSync(file, 'a', 0o600));
  } catch (error) {
    const text = `ppg.audit.file (PPG_AUDIT_FILE): ${file} cannot be written: ${messageOf(error)}`;
    throw new PpgError('PPG_E_CONFIG', text, { cause: error });
  }
  const destination = pino.destination({ dest: file, append: true, mode: 0o600, sync: false });
  destination.on('error', (error: Error) =>
    log.error({ file, cause: error.message }, 'the audit file cannot be written'),
  );
  // Every line has its own time and none is worse than another, and pino's begin with one or the other.
  const info: LogMethod = (fields: object | string, message?: string) => {
    const line = typeof fields === 'string' ? { msg: fields } : { ...fields, msg: message };
    destination.write(`${JSON.stringify(line)}\n`);
  };
  return {
    log: { info },
    reopen: () => destination.reopen(),
    close: () => destination.end(),
  };
}

function installed(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name);
    return true;
  } catch {
    return false; // it is an extra: without it the log is JSON
  }
}
