import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { runProgram } from '../../lib/cli/program.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
const filesIn = (folder: string): string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((file) => `${folder}/${file}`);

const PAGES = ['README.md', 'SECURITY.md', 'CONTRIBUTING.md', 'CHANGELOG.md'].concat(
  filesIn('docs').filter((file) => file.endsWith('.md')),
);

/** Without what is code in a block of its own. */
const prose = (page: string): string => read(page).replace(/^```.*?^```$/gms, '');

/** As GitHub makes anchors of headings. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');

const headings = (page: string): string[] => [...prose(page).matchAll(/^#+ (.+)$/gm)].map(([, text = '']) => text);

describe('the pages of docs', () => {
  for (const page of PAGES) {
    const text = prose(page);

    it(`${page}: its links lead somewhere`, () => {
      const broken = [...text.matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g)].flatMap(([, file, anchor]) => {
        const target = file ? join(dirname(page), file) : page;
        if (!existsSync(join(ROOT, target))) return [target];
        if (anchor === undefined || headings(target).map(anchorOf).includes(anchor)) return [];
        return [`${target}#${anchor}`];
      });
      assert.deepEqual(broken, []);
    });

    it(`${page}: what it names is there`, () => {
      const named = [
        ...text.matchAll(/(?<![\w/.@-])((?:lib|handlers|test|docs|bench|config|examples)\/[\w./*-]*[\w*])/g),
      ]
        .map(([, file = '']) => file)
        .filter((file) => !file.includes('*') && !existsSync(join(ROOT, file)));
      assert.deepEqual(named, []);
      const sections = [...text.matchAll(/(docs\/[\w-]+\.md), "([^"]+)"/g)]
        .filter(([, file = '', title = '']) => !headings(file).includes(title))
        .map(([whole]) => whole);
      assert.deepEqual(sections, []);
    });
  }

  it('name no npm script that is not there', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = PAGES.flatMap((page) => [...read(page).matchAll(/\bnpm (?:run )?(?:-s )?([\w:-]+)/g)]);
    const own = named.map(([, name = '']) => name).filter((name) => !['ci', 'install', 'test', 'run'].includes(name));
    assert.ok(own.length > 5);
    assert.deepEqual(
      own.filter((name) => scripts[name] === undefined),
      [],
    );
  });

  it('name every namespace of the debug package', () => {
    const code = filesIn('lib').filter((file) => file.endsWith('.ts'));
    const names = code.flatMap((file) => read(file).match(/(?<=')drachtio:ppg:[\w:]+(?=')/g) ?? []);
    assert.ok(names.length > 0);
    assert.deepEqual(
      names.filter((name) => !read('docs/operations.md').includes(`DEBUG=${name}`)),
      [],
    );
  });

  it('name no command or option of drachtio-ppg that is not there', async () => {
    const helps = new Map<string, Promise<string>>();
    const helpOf = async (command: string): Promise<string> => {
      const lines: string[] = [];
      const { write } = process.stdout;
      process.stdout.write = (text) => lines.push(String(text)) > 0;
      try {
        const terminal = { interactive: false, line: () => {}, note: () => {}, octets: () => {} };
        const input = (): Promise<Buffer> => Promise.resolve(Buffer.alloc(0));
        await runProgram(['node', 'drachtio-ppg', ...command.split(' '), '--help'], { ...terminal, input });
      } finally {
        process.stdout.write = write;
      }
      return lines.join('');
    };
    const code = PAGES.flatMap((page) => read(page).match(/^```.*?^```$|`[^`\n]+`/gms) ?? []).join('\n');
    const commands = [...code.matchAll(/(?:drachtio-ppg|npm run ppg --) ((?:wbxml )?[a-z]+)\b([^\n`|]*)/g)];
    assert.ok(commands.length > 10);
    const strange: string[] = [];
    for (const [whole, name = '', rest = ''] of commands) {
      if (!helps.has(name)) helps.set(name, helpOf(name));
      const help = (await helps.get(name)) ?? '';
      const options = rest.match(/(?<= )--[a-z-]+/g) ?? [];
      if (!help.startsWith(`Usage: drachtio-ppg ${name}`) || options.some((option) => !help.includes(option)))
        strange.push(whole);
    }
    assert.deepEqual(strange, []);
  });
});

describe('docs/interop.md', () => {
  const page = read('docs/interop.md');

  it('names every package that .ci/run installs, and every test against a peer', () => {
    const [, packages = ''] = /^peers=\((.*?)\)$/ms.exec(read('.ci/run')) ?? [];
    const [, installed = ''] = /^apt-get install --no-install-recommends (.*?)^npm/ms.exec(page) ?? [];
    const names = (text: string): string[] => (text.match(/[\w-]+/g) ?? []).sort();
    assert.ok(names(packages).length > 5);
    assert.deepEqual(names(installed), names(packages));
    const tests = filesIn('test/interop').filter((file) => file.endsWith('.test.ts'));
    assert.deepEqual(
      tests.filter((file) => !page.includes(file.replace(/^.*\//, ''))),
      [],
    );
  });

  it('names no test that is not there', () => {
    const named = [...page.matchAll(/`((?:\.\.\/)?[\w/-]+\.test\.ts)`/g)].map(([, file = '']) => file);
    const all = filesIn('test').filter((file) => file.endsWith('.test.ts'));
    assert.deepEqual(
      named.filter((file) => !all.some((one) => one.endsWith(`/${file.replace('../', '')}`))),
      [],
    );
  });
});

describe('docs/architecture.md', () => {
  it('has every room of lib, and none that is not there', () => {
    const listed = [...read('docs/architecture.md').matchAll(/^\| `((?:lib|handlers)[\w/]*)` \|/gm)];
    const rooms = readdirSync(join(ROOT, 'lib'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    assert.deepEqual(
      listed.map(([, room]) => room).sort(),
      ['handlers', ...rooms.map(({ name }) => `lib/${name}`)].sort(),
    );
  });
});
