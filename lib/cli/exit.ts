import { CommanderError } from 'commander';
import { PpgError } from '../base/errors.ts';
import type { Terminal } from './terminal.ts';

/** Exit codes of every command. */
export const EXIT = {
  OK: 0,
  /** It was tried and did not come out well: a push that was not delivered, a server that cannot be reached. */
  FAILED: 1,
  /** The command line or the configuration cannot be used; nothing was tried. */
  USAGE: 2,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

const USAGE_CODES: ReadonlySet<string> = new Set([
  'PPG_E_OPTIONS',
  'PPG_E_CONFIG',
  'PPG_E_ADDRESS',
  'PPG_E_SIP_SYNTAX',
]);

/** Says what went wrong in words, without a stack unless it is a fault of ours, and answers the exit code. */
export function reportFailure(error: unknown, terminal: Terminal): ExitCode {
  if (error instanceof CommanderError) {
    // commander has written its own message; --help and --version come here too
    return error.exitCode === 0 ? EXIT.OK : EXIT.USAGE;
  }
  if (isPpgError(error)) {
    terminal.note(`drachtio-ppg: ${error.message}${causeOf(error)}`);
    return USAGE_CODES.has(error.code) ? EXIT.USAGE : EXIT.FAILED;
  }
  if (error instanceof Error && systemErrorOf(error) === undefined) {
    terminal.note(`drachtio-ppg: unexpected failure, please report it:\n${error.stack ?? error.message}`);
    return EXIT.FAILED;
  }
  terminal.note(`drachtio-ppg: ${error instanceof Error ? error.message : String(error)}`);
  return EXIT.FAILED;
}

/** What the system could not do: `{ code: 'EADDRINUSE', syscall: 'bind', port: 5060 }`. */
export interface SystemError {
  readonly code: string;
  readonly syscall?: string;
  readonly port?: number;
}

/** The system error, looked for through the causes. */
export function systemErrorOf(error: unknown): SystemError | undefined {
  let at: unknown = error;
  for (let depth = 0; depth < 8 && at instanceof Error; depth++) {
    const { code } = at as { code?: unknown };
    if (typeof code === 'string' && /^E[A-Z0-9_]+$/.test(code)) return at as Error & SystemError;
    at = at.cause;
  }
  return undefined;
}

/** Also one of another copy of the package, as loaders make when a module is both required and imported. */
const isPpgError = (error: unknown): error is PpgError =>
  error instanceof PpgError || (error instanceof Error && error.name === 'PpgError');

function causeOf(error: PpgError): string {
  const { cause } = error;
  return cause instanceof Error && !error.message.includes(cause.message) ? ` (${cause.message})` : '';
}
