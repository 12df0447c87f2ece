import { PpgError } from '../../lib/base/errors.ts';

/** Runs `work`; only a PpgError is swallowed, since refusing is what parsers do. */
export function tolerated(work: () => unknown): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof PpgError)) throw error;
  }
}

/** Octets of lines that end in CRLF, but for the last. */
export const lines = (...all: string[]): Buffer => Buffer.from(all.join('\r\n'), 'latin1');

/** Octets of each text. */
export const buffers = (...texts: string[]): Buffer[] => texts.map((one) => Buffer.from(one, 'utf8'));
