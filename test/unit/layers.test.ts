import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

/** Layer of every room, docs/architecture.md. A file imports from lower layers and from its own room only. */
const LAYERS: Record<string, number> = {
  'lib/base': 0,
  'lib/model': 1,
  'lib/codec': 2,
  'lib/stack': 3,
  'lib/msrp': 3,
  'lib/store': 3,
  'lib/security': 3,
  'lib/addressing': 4,
  'lib/sip': 4,
  'lib/embedded': 4,
  'lib/bearer': 5,
  'lib/engine': 6,
  'lib/ops': 6,
  handlers: 7,
  'lib/options': 7,
  'lib/assembly': 8,
  lib: 9,
  'lib/cli': 10,
};

/** What the package exports for tests of others: not the library, which it may not pull its stand-ins into. */
const TESTING = join('lib', 'testing.ts');

/** Rooms whose wiring is private: only these others may import them. */
const ONLY_FROM: Record<string, string[]> = {
  'lib/embedded': ['lib/embedded', 'lib/cli'],
  'lib/ops': ['lib/ops', 'lib/assembly', 'lib', 'lib/cli'],
};

function room(file: string): string {
  const parts = file.split(sep);
  if (parts[0] === 'handlers') return 'handlers';
  return parts.length > 2 ? `${parts[0]}/${parts[1]}` : 'lib';
}

function sourceFiles(): string[] {
  return ['lib', 'handlers'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => join(folder, file)),
  );
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  const found = [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map((match) => match[1] as string);
  return found.map((path) => relative(ROOT, resolve(ROOT, dirname(file), path)));
}

describe('layers', () => {
  const files = sourceFiles();

  it('every room is known to the layer table', () => {
    const unknown = files.filter((file) => LAYERS[room(file)] === undefined);
    assert.deepEqual(unknown, []);
  });

  it('imports go down only', () => {
    const upward = files.flatMap((file) =>
      importsOf(file)
        .filter((target) => room(target) !== room(file))
        .filter((target) => (LAYERS[room(target)] ?? 99) >= (LAYERS[room(file)] ?? -1))
        .map((target) => `${file} -> ${target}`),
    );
    assert.deepEqual(upward, []);
  });

  it('embedded and ops are reached only by those who compose them', () => {
    assert.deepEqual(
      files.filter((file) => importsOf(file).includes(TESTING)),
      [],
    );
    const stray = files.flatMap((file) =>
      importsOf(file)
        .filter(() => file !== TESTING)
        .filter((target) => ONLY_FROM[room(target)] !== undefined && !ONLY_FROM[room(target)]?.includes(room(file)))
        .map((target) => `${file} -> ${target}`),
    );
    assert.deepEqual(stray, []);
  });

  it('the library never imports drachtio-srf', () => {
    const guilty = files.filter((file) =>
      /from 'drachtio-srf'|require\('drachtio-srf'\)/.test(readFileSync(join(ROOT, file), 'utf8')),
    );
    assert.deepEqual(
      guilty.filter((file) => !file.startsWith(join('lib', 'cli'))),
      [],
    );
  });
});
