import assert from 'node:assert/strict';
import { PpgError } from '../../../../lib/base/errors.ts';
import { charsetName, charsetOfMib, decodeCharset, encodeCharset } from '../../../../lib/codec/mime/charset.ts';
import { charsetOfXml, declareEncoding } from '../../../../lib/codec/mime/charset-xml.ts';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');
const refusedWith = (pattern: RegExp, work: () => unknown): void =>
  assert.throws(
    work,
    (error) => error instanceof PpgError && error.code === 'PPG_E_CHARSET' && pattern.test(error.message),
  );

describe('charsets', () => {
  it('octets are read in the charsets of the field', () => {
    for (const [charset, octets, text] of [
      ['UTF-8', 'efbbbfe282ac', '€'],
      ['us-ascii', '4142', 'AB'],
      ['ISO-8859-1', 'e980', 'é\x80'],
      ['windows-1252', '80e9819f', '€é\x81Ÿ'],
      ['iso-8859-5', 'bfe0d8d2d5e2', 'Привет'],
      ['koi8-r', 'd0d2', 'пр'],
      ['Shift_JIS', '8abf8e9a', '漢字'],
      ['big5', 'baf4', '網'],
      ['euc-kr', 'b0a1', '가'],
      ['utf-16', '00e90041', 'éA'],
      ['utf-16', 'fffee900', 'é'],
      ['utf-16', 'feff00e9', 'é'],
      ['utf-16le', 'e900', 'é'],
      ['ucs-2', '00e9', 'é'],
    ] as const) {
      assert.equal(decodeCharset(hex(octets), charset), text, charset);
    }
  });

  it('what is not in the charset, or in one that nobody knows, is refused', () => {
    refusedWith(/not in utf-8/, () => decodeCharset(hex('c3'), 'utf-8'));
    refusedWith(/not in us-ascii/, () => decodeCharset(hex('80'), 'ASCII'));
    refusedWith(/not in shift_jis/, () => decodeCharset(hex('81'), 'shift_jis'));
    refusedWith(/not in utf-16be/, () => decodeCharset(hex('d800'), 'utf-16'));
    refusedWith(/charset martian is not known/, () => decodeCharset(hex('00'), 'Martian'));
    refusedWith(/charset __proto__ is not known/, () => decodeCharset(hex('00'), '__proto__'));
  });

  it('text is written whole or not at all', () => {
    for (const charset of ['utf-8', 'utf-16', 'iso-8859-1']) {
      assert.equal(decodeCharset(encodeCharset('Größe', charset), charset), 'Größe');
    }
    assert.deepEqual(encodeCharset('é', 'utf-16'), hex('feff00e9'));
    refusedWith(/us-ascii has no character U\+00F6/, () => encodeCharset('Größe', 'us-ascii'));
    refusedWith(/iso-8859-1 has no character U\+1F600/, () => encodeCharset('a😀', 'latin1'));
    refusedWith(/utf-8 has no character U\+D800/, () => encodeCharset('\ud800', 'utf-8'));
    refusedWith(/big5 is not written/, () => encodeCharset('a', 'big5'));
  });

  it('a charset has one name, whoever writes it', () => {
    assert.deepEqual(['UTF8', ' Latin1 ', 'ISO646-US', 'KOI8-R'].map(charsetName), [
      'utf-8',
      'iso-8859-1',
      'us-ascii',
      'koi8-r',
    ]);
    assert.deepEqual([106, 3, 17, 9999].map(charsetOfMib), ['utf-8', 'us-ascii', 'shift_jis', undefined]);
  });

  it('of XML the byte order mark counts, then the Content-Type, then the declaration', () => {
    const declared = Buffer.from('<?xml version="1.0" encoding=\'ISO-8859-1\'?><a/>');
    assert.equal(charsetOfXml(declared), 'iso-8859-1');
    assert.equal(charsetOfXml(declared, 'UTF8'), 'utf-8');
    assert.equal(charsetOfXml(Buffer.concat([hex('efbbbf'), declared]), 'iso-8859-1'), 'utf-8');
    assert.equal(charsetOfXml(Buffer.from('<a/>')), 'utf-8');
    assert.equal(charsetOfXml(Buffer.from('<a/>', 'utf16le')), 'utf-16le');
    assert.equal(charsetOfXml(Buffer.from('<a/>', 'utf16le').swap16()), 'utf-16be');
    assert.equal(charsetOfXml(Buffer.alloc(0)), 'utf-8');
  });

  it('a declaration names the charset it is written in; none is added', () => {
    assert.equal(declareEncoding('<?xml version="1.0"?><a/>', 'utf-8'), '<?xml version="1.0" encoding="UTF-8"?><a/>');
    assert.equal(
      declareEncoding(`<?xml version='1.1' encoding='big5' standalone="no"?><a/>`, 'us-ascii'),
      `<?xml version='1.1' encoding="US-ASCII" standalone="no"?><a/>`,
    );
    assert.equal(declareEncoding('<a/>', 'utf-8'), '<a/>');
  });
});
