import { createRequire } from 'node:module';
import { type DestinationStream, type LoggerOptions, pino } from 'pino';
import type { Logger } from '../base/log.ts';
import type { LogLevel } from './config-schema.ts';

/** The log of a standalone gateway: JSON lines on standard output; readable ones on a terminal where pino-pretty is installed. */
export function createLog(level: LogLevel, interactive = false, destination?: DestinationStream): Logger {
  const options: LoggerOptions = { level, base: null, serializers: { err: pino.stdSerializers.err } };
  if (destination !== undefined) return pino(options, destination);
  if (interactive && installed('pino-pretty')) return pino({ ...options, transport: { target: 'pino-pretty' } });
  return pino(options);
}

function installed(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name);
    return true;
  } catch {
    return false; // it is an extra: without it the log is JSON
  }
}
