import { openSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type DestinationStream, type LoggerOptions, pino } from 'pino';
import { messageOf, PpgError } from '../base/errors.ts';
import type { Logger, LogMethod } from '../base/log.ts';
import type { AuditLog } from '../ops/audit.ts';
import type { LogLevel } from './config-schema.ts';
import { type Environment, misspeltVariables } from './variables.ts';

/** The log of a standalone gateway: JSON lines on standard output; readable ones on a terminal where pino-pretty is installed. */
export function createLog(level: LogLevel, interactive = false, destination?: DestinationStream): Logger {
  const options: LoggerOptions = { level, base: null, serializers: { err: pino.stdSerializers.err } };
  if (destination !== undefined) return pino(options, destination);
  if (interactive && installed('pino-pretty')) return pino({ ...options, transport: { target: 'pino-pretty' } });
  return pino(options);
}

/** Says which variables of the environment are named like the gateway's and are not read: they may be misspelt. */
export function warnOfVariables(log: Pick<Logger, 'warn'>, env?: Environment): void {
  for (const text of misspeltVariables(env)) log.warn(text);
}

export interface AuditFile {
  readonly log: AuditLog;
  /** Opens the file anew, after it was moved away. */
  reopen(): void;
  /** Writes what is left. */
  close(): void;
}

/** What waits for a disk that takes nothing, octets; further lines are lost. */
const AUDIT_WAITS: number = 16 * 1024 * 1024;

/**
 * Audit lines as JSON, appended to a file that its owner alone can read. What cannot be written, or not be opened anew, is told
 * to `log`, and lines go on to where they went. Throws PPG_E_CONFIG.
 */
export function openAudit(file: string, log: Pick<Logger, 'error'>): AuditFile {
  const failed = (error: unknown): void =>
    log.error({ file, cause: messageOf(error) }, 'the audit file cannot be written');
  // Opened here: a destination that opens its file by itself would close the old one twice after an attempt that failed.
  const open = (): ReturnType<typeof pino.destination> => {
    const dest = openSync(file, 'a', 0o600);
    return pino.destination({ dest, sync: false, maxLength: AUDIT_WAITS }).on('error', failed);
  };
  let destination: ReturnType<typeof open>;
  try {
    destination = open();
  } catch (error) {
    const text = `ppg.audit.file (PPG_AUDIT_FILE): ${file} cannot be written: ${messageOf(error)}`;
    throw new PpgError('PPG_E_CONFIG', text, { cause: error });
  }
  // Every line has its own time and none is worse than another, and pino's begin with one or the other.
  const info: LogMethod = (fields: object | string, message?: string) => {
    const line = typeof fields === 'string' ? { msg: fields } : { ...fields, msg: message };
    destination.write(`${JSON.stringify(line)}\n`);
  };
  return {
    log: { info },
    reopen() {
      const before = destination;
      try {
        destination = open();
      } catch (error) {
        return failed(error);
      }
      before.end();
    },
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
