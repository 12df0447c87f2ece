import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { PpgError } from '../../lib/base/errors.ts';
import { compile, decompile } from '../../lib/codec/wbxml/convert.ts';
import { decode } from '../../lib/codec/wbxml/decode.ts';
import { encode } from '../../lib/codec/wbxml/encode.ts';
import { TABLES } from '../../lib/codec/wbxml/tables.ts';
import { readXml } from '../../lib/codec/wbxml/xml-read.ts';
import { writeXml } from '../../lib/codec/wbxml/xml-write.ts';
import { anyDocument, everyToken } from '../support/wbxml-documents.ts';

describe('WBXML, whatever the document', () => {
  it('what was written in binary is read again as it was', () => {
    fc.assert(
      fc.property(anyDocument, fc.constantFrom('shared', 'inline'), (document, strings) => {
        assert.deepEqual(decode(encode(document, { strings: strings as 'shared' | 'inline' })), document);
      }),
      { numRuns: 600 },
    );
  });

  it('what was written as text is read again as it was', () => {
    fc.assert(
      fc.property(anyDocument, (document) => {
        assert.deepEqual(readXml(writeXml(document)), document);
      }),
      { numRuns: 600 },
    );
  });

  it('text to binary to text to binary ends where it began', () => {
    fc.assert(
      fc.property(anyDocument, (document) => {
        const xml = Buffer.from(writeXml(document));
        const octets = compile(xml);
        assert.deepEqual(decompile(octets), xml);
        assert.deepEqual(compile(decompile(octets)), octets);
      }),
      { numRuns: 200 },
    );
  });

  it('every token of every table goes there and back', () => {
    for (const document of TABLES.flatMap(everyToken)) assert.deepEqual(decode(encode(document)), document);
  });

  it('octets with anything in them are read, or refused with a code', () => {
    const anything = fc.tuple(
      fc.constantFrom(...TABLES.map(({ publicNumber }) => publicNumber)),
      fc.uint8Array({ maxLength: 200 }),
    );
    fc.assert(
      fc.property(anything, ([number, octets]) => {
        try {
          decompile(Buffer.from([3, number, 0x6a, 0, ...octets]));
        } catch (error) {
          assert.ok(error instanceof PpgError, String(error));
          assert.ok(error.code === 'PPG_E_WBXML' || error.code === 'PPG_E_CHARSET');
        }
      }),
      { numRuns: 3000 },
    );
  });
});
