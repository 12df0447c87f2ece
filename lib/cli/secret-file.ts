import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { messageOf, PpgError } from '../base/errors.ts';
import { MIN_SECRET } from '../security/token-secret.ts';
import type { NodeConfig } from './config-schema.ts';

const SQLITE = 'sqlite:';

/**
 * What a node signs with: the configured secret, else one that lies beside its database and is made with it, so that what was
 * signed before a restart means something after it. Undefined for a store that does not survive one either.
 * Throws PPG_E_CONFIG for a file that cannot be read or made, or holds too little.
 */
export function secretOf({ secret, store }: Pick<NodeConfig, 'secret' | 'store'>): string | undefined {
  if (secret !== undefined || !store.startsWith(SQLITE)) return secret;
  const file = `${store.slice(SQLITE.length)}.secret`;
  try {
    const kept = read(file) ?? make(file);
    if (Buffer.byteLength(kept) >= MIN_SECRET) return kept;
  } catch (error) {
    throw unusable(file, messageOf(error), error);
  }
  throw unusable(file, `it has fewer than ${MIN_SECRET} octets`);
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function make(file: string): string {
  mkdirSync(dirname(file), { recursive: true });
  const made = randomBytes(MIN_SECRET).toString('base64url');
  // Readable by nobody else, and never over one that another process made meanwhile.
  writeFileSync(file, `${made}\n`, { mode: 0o600, flag: 'wx' });
  return made;
}

const isCode = (error: unknown, code: string): boolean =>
  typeof error === 'object' && error !== null && 'code' in error && error.code === code;

const unusable = (file: string, what: string, cause?: unknown): PpgError =>
  new PpgError(
    'PPG_E_CONFIG',
    `${file}, with what the gateway signs by, cannot be used: ${what}; it lies beside the database (PPG_STORE), or set PPG_SECRET`,
    {
      cause,
    },
  );
