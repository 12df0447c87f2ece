import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { z } from 'zod';
import { nodeConfigSchema } from '../../../lib/cli/config-schema.ts';
import { optionsSchema } from '../../../lib/options/options.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const read = (file: string): string => readFileSync(resolve(ROOT, file), 'utf8');

type Values = ReadonlyMap<string, unknown>;

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly anyOf?: readonly Schema[];
  readonly default?: unknown;
}

/** Every option of a schema with its default, by path; what may be `false` or an object is both an option and has some. */
function optionsOf(schema: Schema, path = '', out = new Map<string, unknown>(), given = schema.default): Values {
  const forms = schema.anyOf ?? [schema];
  const object = forms.find(({ properties }) => properties !== undefined)?.properties;
  if (object === undefined || forms.length > 1) out.set(path, given);
  const members = (typeof given === 'object' ? given : {}) as Readonly<Record<string, unknown>> | null;
  for (const [name, one] of Object.entries(object ?? {}))
    optionsOf(one, path ? `${path}.${name}` : name, out, one.default ?? members?.[name]);
  return out;
}

const optionsIn = (schema: z.ZodType): Values =>
  optionsOf(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Schema);

/** The leaves of an object of objects, by path. */
function leaves(node: object, path = '', out = new Map<string, unknown>()): Values {
  for (const [name, value] of Object.entries(node)) {
    const below = path ? `${path}.${name}` : name;
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) leaves(value, below, out);
    else out.set(below, value);
  }
  return out;
}

interface Row {
  readonly options: readonly string[];
  readonly cells: readonly string[];
  readonly text: string;
}

/** The rows of the table with this head; `.name` of a cell stands beside the option before it. */
function table(page: string, head: string, prefix = ''): readonly Row[] {
  const from = page.indexOf(`\n${head}`);
  assert.ok(from >= 0, `there is no table ${head}`);
  const rows = page.slice(from + 1).split('\n');
  const end = rows.findIndex((line) => !line.startsWith('|'));
  return rows.slice(2, end).map((text) => {
    const cells = text.split('|').slice(1, -1);
    let parent = '';
    const options = [...(cells[0] ?? '').matchAll(/`([\w.]+)`/g)].map(([, name = '']) => {
      const path = name.startsWith('.') ? parent + name : prefix + name;
      parent = path.slice(0, Math.max(0, path.lastIndexOf('.')));
      return path;
    });
    return { options, cells: cells.slice(1).map((cell) => cell.trim()), text };
  });
}

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  min: 60_000,
  h: 3_600_000,
  days: 86_400_000,
  KiB: 1024,
  MiB: 1024 * 1024,
};

/** What a default says, as a value; undefined where it is said in words. */
function defaultIn(text: string): unknown {
  const plain = text.replace(/ \(.*/, '').replace(/^`(.*)`$/, '$1');
  if (plain === 'loopback') return ['127.0.0.1', '::1'];
  if (plain === 'true' || plain === 'false' || plain === '[]') return JSON.parse(plain);
  if (/^[\d,]+$/.test(plain)) return Number(plain.replaceAll(',', ''));
  const spans = plain.split(' and ').map((one) => /^(\d+) (\w+)$/.exec(one));
  if (spans.every((span) => span !== null)) {
    return spans.reduce((sum, span) => sum + Number(span[1]) * (UNITS[span[2] ?? ''] ?? Number.NaN), 0);
  }
  return text.startsWith('`') && text.replace(/ \(.*/, '').endsWith('`') ? plain : undefined;
}

const isEmpty = (value: unknown): boolean =>
  value === undefined || (typeof value === 'object' && value !== null && Object.keys(value).length === 0);

/** What a table says otherwise than the code, a line each. */
function wrongDefaults(rows: readonly Row[], column: number, defaults: Values, names: ReadonlySet<unknown>): string[] {
  return rows.flatMap(({ options, cells }) => {
    const said = (cells[column] ?? '').split(', ');
    return options.flatMap((option, index) => {
      const text = (said.length === 1 ? said[0] : said[index]) ?? '';
      const [wanted, found] = [defaults.get(option), defaultIn(text)];
      // Without a default in the schema there is nothing to compare; another option may stand for it as well.
      if (wanted === undefined || names.has(found)) return [];
      const fits = found === undefined ? isEmpty(wanted) : JSON.stringify(found) === JSON.stringify(wanted);
      return fits ? [] : [`${option}: ${JSON.stringify(wanted)}, not ${text}`];
    });
  });
}

describe('the options in docs', () => {
  const operations = read('docs/operations.md');
  const ofServe = table(operations, '| option (`ppg.`…) |');
  const ofApps = table(read('README.md'), '| option | default |');
  const schema = optionsIn(optionsSchema);
  const node = optionsIn(nodeConfigSchema);
  const file = leaves((JSON.parse(read('config/default.json')) as { ppg: object }).ppg);
  const variables = leaves((JSON.parse(read('config/custom-environment-variables.json')) as { ppg: object }).ppg);
  const names = new Set([...schema.keys(), ...node.keys()]);
  /** What `serve` does when nothing is said. */
  const served = new Map([...schema, ...[...node].filter(([, value]) => value !== undefined), ...file]);
  const parts: readonly (readonly [page: string, head: string, prefix: string])[] = [
    ['docs/oma-push.md', '| option | default |', 'sip.omaPush.'],
    ['docs/routing.md', '| option of `sip.capabilities` |', 'sip.capabilities.'],
    ['docs/bearers.md', '| option of `msrp` |', 'msrp.'],
  ];
  /** What is a value of code, and so in no schema. */
  const [, ofCode = ''] = /interface PpgOptions .*?\{\n(.*?)^\}/ms.exec(read('lib/gateway.ts')) ?? [];
  const code = [...ofCode.matchAll(/^ {2}readonly (\w+)\?:/gm)].map(([, name = '']) => name);

  it('are all there: each in a table, or on the page that the table leads to for what is above it', () => {
    const rows = [...ofServe, ...ofApps, ...parts.flatMap(([page, head, prefix]) => table(read(page), head, prefix))];
    const isTold = (option: string): boolean => {
      const ofNode = option.replace(/^sip\.direct\./, 'direct.'); // as `serve` has it
      if (rows.some(({ options }) => options.includes(option) || options.includes(ofNode))) return true;
      const name = option.slice(option.lastIndexOf('.') + 1);
      const above = rows.filter(({ options }) => options.some((one) => option.startsWith(`${one}.`)));
      const pages = above.flatMap(({ text }) =>
        [...text.matchAll(/\((?:docs\/)?([\w.-]*)#?[\w-]*\)/g)].map(([, page]) => page || 'operations.md'),
      );
      const linked = pages.filter((page) => page.endsWith('.md')).map((page) => read(`docs/${page}`));
      const texts = [...above.map(({ text }) => text), ...linked];
      return texts.some((text) => new RegExp(`\\b${name}\\b`).test(text));
    };
    const isAbove = (option: string): boolean => [...names].some((one) => one.startsWith(`${option}.`));
    const own = new Set(['accounts']); // PPG_INITIATORS alone
    const missing = [...names].filter((option) => !isAbove(option) && !own.has(option) && !isTold(option));
    assert.deepEqual(missing, []);
  });

  it('of an app, which are values of code, stand in README.md', () => {
    assert.ok(code.length > 5);
    const listed = ofApps.flatMap(({ options }) => options);
    const missing = code.filter((name) => name !== 'clock' && !listed.includes(name)); // a clock is for tests
    assert.deepEqual(missing, []);
  });

  it('are all options of the code', () => {
    const known = (option: string): boolean =>
      [...names, ...code].some((one) => one === option || one.startsWith(`${option}.`));
    const unknown = [...ofServe, ...ofApps].flatMap(({ options }) => options).filter((option) => !known(option));
    assert.deepEqual(unknown, []);
    for (const [page, head, prefix] of parts) {
      const strange = table(read(page), head, prefix).flatMap(({ options }) => options.filter((one) => !known(one)));
      assert.deepEqual(strange, [], page);
    }
  });

  it('have the defaults of the code', () => {
    assert.deepEqual(wrongDefaults(ofServe, 1, served, names), [], 'docs/operations.md');
    assert.deepEqual(wrongDefaults(ofApps, 0, schema, names), [], 'README.md');
    for (const [page, head, prefix] of parts) {
      assert.deepEqual(wrongDefaults(table(read(page), head, prefix), 0, schema, names), [], page);
    }
  });

  it('have the variables of config/custom-environment-variables.json, each beside its option', () => {
    const listed = ofServe.flatMap(({ options, cells }) => {
      const names = [...(cells[0] ?? '').matchAll(/`(\w+)`/g)].map(([, name]) => name);
      assert.ok(names.length === 0 || options.length === 0 || names.length === options.length, `${options}: ${names}`);
      return names.map((name, index) => `${options[index] ?? 'accounts'} ${name}`);
    });
    assert.deepEqual(listed.sort(), [...variables].map(([option, name]) => `${option} ${name}`).sort());
  });

  it('are options where config/ sets them or takes them from a variable', () => {
    const set = [...file.keys(), ...variables.keys()];
    assert.deepEqual(
      set.filter((option) => !names.has(option)),
      [],
    );
  });
});
