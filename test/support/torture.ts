import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = join(import.meta.dirname, '../fixtures/sip');

export type TortureSource = 'rfc4475' | 'rfc5118';

/** The octets of one message, by its name in the RFC. */
export const tortureMessage = (source: TortureSource, name: string): Buffer =>
  readFileSync(join(FOLDER, source, `${name}.sip`));

/** The names of all messages of an RFC. */
export const tortureNames = (source: TortureSource): string[] =>
  readdirSync(join(FOLDER, source))
    .filter((file) => file.endsWith('.sip'))
    .map((file) => file.slice(0, -'.sip'.length))
    .sort();
