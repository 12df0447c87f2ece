import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PpgError } from '../base/errors.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Variables of the command line; those of the configuration are in the file. */
export const PASSWORD_VARIABLE = 'PPG_PASSWORD';
export const ADMIN_TOKEN_VARIABLE = 'PPG_ADMIN_TOKEN';

const OURS = 'PPG_';

/** The directory of the package's own configuration: beside the sources, one level further up when run from `dist`. */
export function ownDirectory(): string {
  const found = ['../../config', '../../../config']
    .map((path) => join(import.meta.dirname, path))
    .find((path) => existsSync(variablesFile(path)));
  if (found === undefined) {
    throw new PpgError('PPG_E_CONFIG', 'the config directory of drachtio-ppg is missing; install the package again');
  }
  return found;
}

/** The map of option to variable, in that directory. */
export const variablesFile = (directory: string): string => join(directory, 'custom-environment-variables.json');

/**
 * A line for each variable of the environment that is named like the gateway's and is none of them, with the one that may
 * be meant. Never a value: it may be a password.
 */
export function misspeltVariables(env: Environment = process.env): string[] {
  const strange = Object.keys(env).filter((name) => env[name] !== undefined && isOurs(name, env[name]));
  if (strange.length === 0) return [];
  const known = knownVariables();
  return strange
    .filter((name) => !known.includes(name))
    .map((name) => {
      const meant = nearest(name.toUpperCase(), known);
      const shown = name.replace(/[^\x21-\x7e]/g, '?').slice(0, LONGEST);
      return `${shown} is not known${meant === undefined ? '' : `; did you mean ${meant}?`}`;
    });
}

/** Longest name that is looked at as a whole. */
const LONGEST = 64;

/** Variables by which containers tell where a service named `ppg` is; PPG_TEST_… are those of the test suite. */
const OF_OTHERS = /^PPG_(?:TEST_|(?:.+_)?SERVICE_(?:HOST|PORT)|(?:.+_)?PORT_\d+_(?:TCP|UDP))/;

const isOurs = (name: string, value = ''): boolean =>
  name.startsWith(OURS) && !OF_OTHERS.test(name) && !/^(?:tcp|udp):\/\//.test(value);

function knownVariables(): string[] {
  const names = [PASSWORD_VARIABLE, ADMIN_TOKEN_VARIABLE];
  const walk = (node: unknown): void => {
    if (typeof node === 'string') names.push(node);
    else if (typeof node === 'object' && node !== null) Object.values(node).forEach(walk);
  };
  walk(JSON.parse(readFileSync(variablesFile(ownDirectory()), 'utf8')));
  return names.filter((name) => name.startsWith(OURS));
}

/** The known name with the fewest slips of the keyboard; undefined when every third letter would be one. */
function nearest(name: string, known: readonly string[]): string | undefined {
  if (name.length > LONGEST) return undefined;
  let best: string | undefined;
  let least = Math.ceil((name.length - OURS.length) / 3);
  for (const other of known) {
    const slips = slipsBetween(name, other);
    if (slips < least) [best, least] = [other, slips];
  }
  return best;
}

/** Letters left out, put in, exchanged, or swapped with their neighbour: the distance of optimal string alignment. */
function slipsBetween(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      const swapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row[j] = Math.min(
        (last[j] ?? 0) + 1,
        (row[j - 1] ?? 0) + 1,
        (last[j - 1] ?? 0) + (same ? 0 : 1),
        swapped ? (before[j - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY,
      );
    }
    [before, last] = [last, row];
  }
  return last[b.length] ?? 0;
}
