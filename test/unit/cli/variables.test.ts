import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { runProgram } from '../../../lib/cli/program.ts';
import type { Terminal } from '../../../lib/cli/terminal.ts';
import { misspeltVariables } from '../../../lib/cli/variables.ts';

const ROOT = resolve(import.meta.dirname, '../../..');

describe('environment variables that are not known', () => {
  it('are named with the nearest known one', () => {
    for (const [given, meant] of [
      ['PPG_HTTP_PROT', 'PPG_HTTP_PORT'],
      ['PPG_HTTPPORT', 'PPG_HTTP_PORT'],
      ['PPG_TRUSTED_PEER', 'PPG_TRUSTED_PEERS'],
      ['PPG_INITATORS', 'PPG_INITIATORS'],
      ['PPG_PASWORD', 'PPG_PASSWORD'],
      ['PPG_http_port', 'PPG_HTTP_PORT'],
    ])
      assert.deepEqual(misspeltVariables({ [given as string]: '1' }), [
        `${given} is not known; did you mean ${meant}?`,
      ]);
  });

  it('are named alone where none is near', () => {
    assert.deepEqual(misspeltVariables({ PPG_COLOUR_OF_THE_SKY: 'blue' }), ['PPG_COLOUR_OF_THE_SKY is not known']);
  });

  it('are told by name, never by value, and not with what ends a line', () => {
    const [told = ''] = misspeltVariables({ 'PPG_SECRET\nX': 'hush' });
    assert.match(told, /^PPG_SECRET\S+ is not known/);
    assert.doesNotMatch(told, /hush|\n/);
  });

  it('are those of the gateway alone', () => {
    const env = {
      HOME: '/',
      DRACHTIO_HOST: 'x',
      PPGX: '1',
      PPG_HTTP_PORT: '1',
      PPG_ADMIN_TOKEN: 'x',
      PPG_TEST_SEED: '1',
      PPG_HTTP_PROT: undefined,
      // of containers that know a service by the name ppg
      PPG_SERVICE_HOST: '10.0.0.1',
      PPG_SERVICE_PORT_HTTP: '80',
      PPG_PORT: 'tcp://10.0.0.1:80',
      PPG_PORT_80_TCP_ADDR: '10.0.0.1',
    };
    assert.deepEqual(misspeltVariables(env), []);
  });

  it('are none that the sources read', () => {
    const files = ['lib/cli', 'config'].flatMap((folder) =>
      readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name)),
    );
    const texts = [...files, join(ROOT, 'docs/operations.md')].map((file) => readFileSync(file, 'utf8'));
    const named = texts.flatMap((text) => text.match(/\bPPG_(?!E_)[A-Z_]*[A-Z]\b/g) ?? []);
    const prefixes = new Set(['PPG_HTTP_TLS', 'PPG_SIP_TLS', 'PPG_MSRP_TLS']); // where two files are spoken of at once
    const unknown = misspeltVariables(Object.fromEntries(named.map((name) => [name, 'x'])));
    assert.deepEqual(
      unknown.filter((line) => !prefixes.has(line.split(' ')[0] ?? '') && !line.startsWith('PPG_HTTP_PROT ')),
      [],
    );
  });

  it('are said by a command that variables set, once each, and it goes on', async () => {
    const notes: string[] = [];
    const terminal: Terminal = {
      interactive: false,
      line: () => undefined,
      octets: () => undefined,
      note: (text) => void notes.push(text),
      input: () => Promise.resolve(Buffer.alloc(0)),
    };
    process.env['PPG_PASWORD'] = 'hush';
    try {
      await runProgram(['node', 'drachtio-ppg', 'status', 'x', '--url', 'http://127.0.0.1:1/pap'], terminal);
      await runProgram(['node', 'drachtio-ppg', 'hash', 'secret'], terminal);
    } finally {
      delete process.env['PPG_PASWORD'];
    }
    assert.equal(notes[0], 'warning: PPG_PASWORD is not known; did you mean PPG_PASSWORD?');
    assert.equal(notes.filter((note) => note.includes('PASWORD')).length, 1);
    assert.equal(notes.length, 2, 'and why it failed');
  });
});
