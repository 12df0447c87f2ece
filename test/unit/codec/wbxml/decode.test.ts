import assert from 'node:assert/strict';
import { PpgError } from '../../../../lib/base/errors.ts';
import { decompile } from '../../../../lib/codec/wbxml/convert.ts';
import { type DecodeOptions, decode } from '../../../../lib/codec/wbxml/decode.ts';

const octets = (hex: string): Buffer => Buffer.from(hex.replace(/\s/g, ''), 'hex');

/** Octets of a string as hexadecimal text. */
const str = (string: string, encoding: BufferEncoding = 'utf8'): string =>
  Buffer.from(string, encoding).toString('hex');

/** Text form without its prologue. */
const text = (hex: string, options: DecodeOptions = {}): string =>
  decompile(octets(hex), options)
    .toString()
    .replace(/^<\?xml.*?\?><!DOCTYPE[^>]*>/, '');

const refusedWith = (pattern: RegExp, hex: string, options: DecodeOptions = {}): void =>
  assert.throws(
    () => decode(octets(hex), options),
    (error) => error instanceof PpgError && pattern.test(error.message),
    `${pattern}`,
  );

/** A service indication of an indication with that content. */
const si = (content: string, table = ''): string => {
  const length = (table.replace(/\s/g, '').length / 2).toString(16).padStart(2, '0');
  return `03 05 6a ${length} ${table} 45 46 ${content} 01 01`;
};

const indication = (inner: string): string => `<si><indication>${inner}</indication></si>`;

describe('reading WBXML', () => {
  it('the text form has declaration and DOCTYPE', () => {
    assert.equal(
      decompile(octets('03 06 6a 00 05')).toString(),
      '<?xml version="1.0"?><!DOCTYPE sl PUBLIC "-//WAPFORUM//DTD SL 1.0//EN" "http://www.wapforum.org/DTD/sl.dtd"><sl/>',
    );
  });

  it('inline strings, references, entities and opaque data are one text', () => {
    const table = `${str('one')}00 ${str('two')}00`;
    const content = `03${str('a<')}00 8300 02c12c c302${str('xy')} 8305`;
    assert.equal(text(si(content, table)), indication('a&lt;one€xywo'), 'a reference may begin within a string');
  });

  it('the last string of the table may go without its NUL', () => {
    assert.equal(text(si('8300', str('end'))), indication('end'));
  });

  it('values are put together of start, tokens, strings and entities', () => {
    assert.equal(
      text(`02 06 6a 00 85 0a 03${str('a')}00 85 03${str('b')}00 0226 88 01`),
      '<sl href="http://www.a.com/b&amp;.org/"/>',
    );
    assert.equal(text('02 06 6a 00 85 05 08 01'), '<sl action="execute-low" href=""/>');
  });

  it('literal elements and attributes have their names in the string table', () => {
    const table = `${str('own')}00 ${str('a.b')}00`;
    const content = `c400 0404 03${str('1')}00 01 0400 440001 8400 0404 01 01`;
    assert.equal(
      text(`03 05 6a 08 ${table} 45 ${content} 01`),
      '<si><own a.b="1"><own/><own/><own a.b=""/></own></si>',
    );
  });

  it('code pages of tags and of attributes switch apart from each other', () => {
    const parm = `0001 87 36 0000 06 03${str('w2')}00 01`;
    assert.equal(
      text(`03 0b 6a 00 45 0001 c6 0001 55 01 ${parm.slice(5)} 0000 86 50 03${str('X')}00 01 01 01`),
      '<wap-provisioningdoc><characteristic type="APPLICATION"><parm name="APPID" value="w2"/><characteristic type="X"/></characteristic></wap-provisioningdoc>',
    );
    assert.equal(
      text('03 0b 6a 00 45 86 50 0001 8d 01 01'),
      '<wap-provisioningdoc><characteristic type="APPSRV"/></wap-provisioningdoc>',
    );
  });

  it('dates are opaque, trailing zeros left out', () => {
    const created = (value: string): string => text(`02 05 6a 00 45 86 0a ${value} 01 01`);
    const date = (value: string): string => `<si><indication created="${value}"/></si>`;
    assert.equal(created('c3 04 19990630'), date('1999-06-30T00:00:00Z'));
    assert.equal(created('c3 06 200204160640'), date('2002-04-16T06:40:00Z'));
    assert.equal(created('c3 07 19990625152315'), date('1999-06-25T15:23:15Z'));
    assert.equal(created(''), date(''));
    assert.equal(created(`03${str('soon')}00`), date('soon'), 'a string is what it says');
    for (const wrong of ['c3 03 199906', 'c3 04 1999061a', 'c3 04 19991301', 'c3 08 1999063000000000', 'c3 00']) {
      refusedWith(/is no date/, `02 05 6a 00 45 86 0a ${wrong} 01 01`);
    }
  });

  it('the charset of the document counts, then that of the transport, then UTF-8', () => {
    const of = (charset: string, content: string, options: DecodeOptions = {}): string =>
      text(`03 05 ${charset} 00 45 46 ${content} 01 01`, options);
    assert.equal(of('04', '03 e9 00'), indication('é'));
    assert.equal(of('11', '03 8abf8e9a 00'), indication('漢字'));
    assert.equal(of('87 68', '03 6f22 5b57 0041 0000'), indication('漢字A'), 'UCS-2: a NUL has two octets');
    assert.equal(of('00', '03 c3a9 00'), indication('é'));
    assert.equal(of('00', '03 e9 00', { charset: 'ISO-8859-1' }), indication('é'));
    assert.equal(text(`03 05 87 77 06 0061 0062 0000 45 46 83 02 01 01`), indication('b'), 'in the table as well');
    refusedWith(/not in utf-8/, si('03 e9 00'));
    refusedWith(/charset 9999 /, '03 05 ce0f 00 45');
    refusedWith(/string without an end/, '03 05 8768 00 45 46 03 0041 00 01');
  });

  it('processing instructions are passed over', () => {
    const pi = '43 05 03 6100 01';
    assert.equal(text(`03 06 6a 00 ${pi} 05 ${pi}`), '<sl/>');
    assert.equal(text(si(`03${str('a')}00 ${pi} 03${str('b')}00`)), indication('ab'));
  });

  it('the type is told by number, by name in the string table, or by the media type', () => {
    const name = '-//WAPFORUM//DTD SL 1.0//EN';
    assert.equal(text(`03 00 00 6a ${(name.length + 1).toString(16)} ${str(name)}00 05`), '<sl/>');
    assert.equal(text('03 01 6a 00 05', { kind: 'sl' }), '<sl/>');
    refusedWith(/not known/, '03 01 6a 00 05');
    refusedWith(/not known/, '03 04 6a 00 05');
    refusedWith(/the document is sl, not si/, '03 06 6a 00 05', { kind: 'si' });
    refusedWith(/document element is indication, not si/, '03 05 6a 00 06');
  });

  it('extension tokens are refused: they mean nothing here', () => {
    for (const token of ['40 6100', '41 6100', '42 6100', '80 00', '81 00', '82 00', 'c0', 'c1', 'c2']) {
      refusedWith(/extension token/, si(token));
      refusedWith(/extension token/, `02 06 6a 00 85 08 ${token} 01`);
    }
  });

  it('tokens that mean nothing are refused, with the octet where they stand', () => {
    refusedWith(/^octet 6: no tag has the token 0x3f of page 0/, '03 05 6a 00 45 3f 01');
    refusedWith(/no tag has the token 0x05 of page 7/, '03 05 6a 00 00 07 05');
    refusedWith(/no attribute has the token 0x7f/, '03 06 6a 00 85 7f 01');
    refusedWith(/no value has the token 0x99/, '03 06 6a 00 85 08 99 01');
    refusedWith(/version octet 0 /, '00 06 6a 00 05');
    refusedWith(/version octet 4 /, '04 06 6a 00 05');
  });

  it('what ends too soon, or goes on, is refused', () => {
    const whole = '03 05 6a 04 61620063 45 c6 0a c304 19990630 01 03 61 00 8300 01 01'.replace(/\s/g, '');
    assert.equal(decode(octets(whole)).root.name, 'si');
    for (let length = 0; length < whole.length; length += 2) {
      refusedWith(/ends too soon|fewer are there|without an end|nothing stands/, whole.slice(0, length));
    }
    refusedWith(/behind the document/, `${whole}00`);
  });

  it('what no XML can say is refused', () => {
    refusedWith(/no way to write/, si('02 00'));
    refusedWith(/no way to write/, si('03 07 00'));
    refusedWith(/is no character/, si('02 83b000'));
    refusedWith(/is no character/, si('02 8f ff ff ff 7f'));
    refusedWith(/more than 32 bits/, si('02 9f ff ff ff 7f'));
    refusedWith(/more than 32 bits/, si('02 80 80 80 80 80 00'));
    refusedWith(/is no name/, `03 05 6a 02 ${str('<')}00 45 04 00 01`);
    refusedWith(/is no name/, '03 05 6a 01 00 45 04 00 01');
    refusedWith(/href stands twice/, '02 06 6a 00 85 08 09 01');
    refusedWith(/nothing stands at 3/, si('83 03', '61 62 00'));
  });

  it('depth, elements, attributes and length are bounded', () => {
    refusedWith(/32 levels/, `03 05 6a 00 ${'45'.repeat(40)} ${'01'.repeat(40)}`);
    refusedWith(/4000 elements/, `03 05 6a 00 45 ${'07'.repeat(4001)} 01`);
    refusedWith(/131072 octets/, '00'.repeat(128 * 1024 + 1));
    const big = `03 05 6a 8800 ${str('x'.repeat(1023))}00 45 46 ${'8300'.repeat(300)} 01 01`;
    refusedWith(/262144 characters/, big);
    const names = Array.from({ length: 33 }, (_, i) => `${String.fromCharCode(97 + (i % 26))}${Math.trunc(i / 26)}`);
    const attributes = names.map((_, i) => `04 ${(3 * i).toString(16).padStart(2, '0')}`).join(' ');
    refusedWith(/32 attributes/, `03 06 6a 63 ${names.map((name) => `${str(name)}00`).join('')} 85 ${attributes} 01`);
  });
});
