import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { PROGRESS_STAGES } from '../../../../handlers/pap-answers.ts';
import { PAP_DTD } from '../../../../lib/codec/pap/dtd.ts';
import { SUPPORTED_VERSIONS } from '../../../../lib/codec/pap/version.ts';
import { mayStand, PAP } from '../../../../lib/model/result-codes.ts';
import { CARRIERS, TABLED_CODES } from '../../../support/pap-codes.ts';

const ROOT = resolve(import.meta.dirname, '../../../..');
const doc = readFileSync(resolve(ROOT, 'docs/pap.md'), 'utf8');

/** Rows of the table under a heading, cells without the blanks around them. */
const rowsUnder = (heading: string): string[][] => {
  const section = doc.slice(doc.indexOf(`\n${heading}\n`)).split(/\n#+ /)[1] ?? '';
  const rows = section.split('\n').filter((line) => line.startsWith('|'));
  return rows.slice(2).map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
};

describe('docs/pap.md', () => {
  it('has every element and attribute of the DTD, and none that is not there', () => {
    const rows = rowsUnder('## Elements and attributes').map(([element, attribute]) => `${element} ${attribute}`);
    const known = Object.entries(PAP_DTD).flatMap(([element, { attributes }]) =>
      Object.keys(attributes).map((attribute) => `${element} ${attribute}`),
    );
    assert.deepEqual(rows.sort(), known.sort());
  });

  it('has every status code, with its marks where it may stand', () => {
    const rows = rowsUnder('## Status codes');
    const codes = rows.map(([code]) => Number(code));
    const missing = [...TABLED_CODES, ...Object.values(PAP)].filter((code) => code < 5000 && !codes.includes(code));
    assert.deepEqual(missing, []);
    for (const [code, ...marks] of rows) {
      for (const [i, carrier] of CARRIERS.entries()) {
        assert.equal(/^[x.]$/.test(marks[i] ?? ''), mayStand(Number(code), carrier), `${code} in ${carrier}`);
      }
    }
  });

  it('has the stages of progress in their order, and the list of versions', () => {
    const stages = rowsUnder('### Progress notes').map(([stage]) => stage);
    assert.deepEqual(
      stages,
      PROGRESS_STAGES.map((stage) => `\`${stage}\``),
    );
    assert.ok(doc.includes(`supported-versions="${SUPPORTED_VERSIONS}"`));
  });

  it('names a test for every row, and every test it names is there', () => {
    const files = new Map(
      [...doc.matchAll(/^\| (\w+) \| `(test\/[^`]+)` \|$/gm)].map(([, short = '', file = '']) => [
        short,
        readFileSync(resolve(ROOT, file), 'utf8'),
      ]),
    );
    assert.ok(files.size > 10);
    const rows = [...rowsUnder('## Elements and attributes'), ...rowsUnder('## Status codes')];
    const cited = [...doc.matchAll(/(\w+):\s"((?:[^"])+)"/g)].map(([, short = '', title = '']) => ({
      short,
      title: title.replace(/\s+/g, ' '),
    }));
    for (const row of rows) assert.match(row.at(-1) ?? '', /^\w+: ".+"$/, row.join(' | '));
    const absent = cited.filter(({ short, title }) => files.get(short)?.includes(title) !== true);
    assert.deepEqual(absent, []);
  });
});
