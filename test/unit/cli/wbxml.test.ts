import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { runProgram } from '../../../lib/cli/program.ts';
import { temporaryDirectory } from '../../support/cli.ts';

async function run(args: readonly string[], input: Buffer = Buffer.alloc(0)): Promise<[number, Buffer, string]> {
  const out: Buffer[] = [];
  const notes: string[] = [];
  const code = await runProgram(['node', 'drachtio-ppg', 'wbxml', ...args], {
    interactive: false,
    line: (text) => void out.push(Buffer.from(`${text}\n`)),
    octets: (octets) => void out.push(octets),
    note: (text) => void notes.push(text),
    input: () => Promise.resolve(input),
  });
  return [code, Buffer.concat(out), notes.join('\n')];
}

const SL = '<?xml version="1.0"?><sl href="http://www.xyz.com/ppaid/123/abc.wml"/>';
const HEX = '02066A00850A0378797A00850370706169642F3132332F6162632E776D6C0001'; // WAP-168 appendix

describe('drachtio-ppg wbxml', () => {
  const folder = temporaryDirectory();
  after(() => folder.remove());

  it('encodes a file or standard input, to octets or hexadecimal text', async () => {
    const file = folder.file('sl.xml');
    writeFileSync(file, SL);
    assert.deepEqual(await run(['encode', file]), [0, Buffer.from(HEX, 'hex'), '']);
    assert.deepEqual(await run(['encode', '--hex', '-'], Buffer.from(SL)), [0, Buffer.from(`${HEX}\n`), '']);
  });

  it('decodes octets or hexadecimal text', async () => {
    const text = /<!DOCTYPE sl PUBLIC .*><sl href="http:\/\/www.xyz.com\/ppaid\/123\/abc.wml"\/>\n$/;
    for (const [options, input] of [
      [[], Buffer.from(HEX, 'hex')],
      [['--hex'], Buffer.from(`${HEX.slice(0, 10)} ${HEX.slice(10)}\n`)],
    ] as const) {
      const [code, out] = await run(['decode', ...options, '-'], input);
      assert.equal(code, 0);
      assert.match(out.toString(), text);
    }
  });

  it('--inline leaves the string table out', async () => {
    const twice = '<co><invalidate-object uri="abcd"/><invalidate-object uri="abcd"/></co>';
    const [, shared] = await run(['encode', '-'], Buffer.from(twice));
    const [, inline] = await run(['encode', '--inline', '-'], Buffer.from(twice));
    assert.deepEqual([shared[3], inline[3]], [5, 0]);
  });

  it('says what is wrong and where', async () => {
    for (const [args, input, said] of [
      [['encode', '-'], '<sl', /wellformed|well-formed XML: 1:\d+/],
      [['encode', '-'], '<html/>', /html is no document type/],
      [['decode', '-'], 'no', /octet 0: version octet 110 is not WBXML/],
      [['decode', '--hex', '-'], 'xyz', /not hexadecimal/],
      [['encode', '/nonexistent/file'], '', /cannot be read/],
    ] as const) {
      const [code, out, notes] = await run(args, Buffer.from(input));
      assert.notEqual(code, 0);
      assert.equal(out.length, 0);
      assert.match(notes, said);
    }
  });
});
