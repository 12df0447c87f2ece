import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = join(import.meta.dirname, '../fixtures/tls');

/** Name of a fixture file, such as `server.pem`. */
export const tlsFile = (name: string): string => join(FOLDER, name);

export const tlsText = (name: string): string => readFileSync(tlsFile(name), 'utf8');

/** Certificate and key of a fixture, as texts. */
export const tlsPair = (name: string): { cert: string; key: string } => ({
  cert: tlsText(`${name}.pem`),
  key: tlsText(`${name}.key`),
});
