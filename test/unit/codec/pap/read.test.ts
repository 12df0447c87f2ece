import assert from 'node:assert/strict';
import { formatDatetime, parseDatetime } from '../../../../lib/codec/pap/datetime.ts';
import { parsePapDocument } from '../../../../lib/codec/pap/document.ts';
import { readPap } from '../../../../lib/codec/pap/read.ts';
import { commonVersion, doctypeOf, isSupportedVersion, readDoctype } from '../../../../lib/codec/pap/version.ts';

describe('parseDatetime', () => {
  for (const [text, time] of [
    ['2026-09-21T14:00:00Z', Date.UTC(2026, 8, 21, 14)],
    ['2024-02-29T23:59:59Z', Date.UTC(2024, 1, 29, 23, 59, 59)],
    ['2000-02-29T00:00:00Z', Date.UTC(2000, 1, 29)],
    ['1970-01-01T00:00:00Z', 0],
    ['9999-12-31T23:59:59Z', Date.UTC(9999, 11, 31, 23, 59, 59)],
  ] as const) {
    it(`reads ${text} and writes it back`, () => {
      assert.equal(parseDatetime(text), time);
      assert.equal(formatDatetime(time), text);
    });
  }

  for (const text of [
    '',
    '2026-09-21',
    '2026-09-21T14:00:00',
    '2026-09-21T14:00:00z',
    '2026-09-21 14:00:00Z',
    '2026-09-21T14:00:00.0Z',
    '2026-09-21T14:00:00+00:00',
    '2026-9-21T14:00:00ZZ',
    '2026-00-01T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-01-00T00:00:00Z',
    '2026-04-31T00:00:00Z',
    '2026-02-29T00:00:00Z',
    '1900-02-29T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T00:60:00Z',
    '2026-01-01T00:00:60Z',
    '-026-01-01T00:00:00Z',
    '\u0662026-01-01T00:00:00',
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.equal(parseDatetime(text), undefined));
  }
});

describe('the version of a document', () => {
  for (const [doctype, version, supported] of [
    [undefined, '2.0'],
    [' pap', '2.0'],
    [' pap PUBLIC "-//WAPFORUM//DTD PAP 1.0//EN" "http://www.wapforum.org/DTD/pap_1.0.dtd"', '1.0'],
    [" pap PUBLIC '-//OMA//DTD PAP 2.1//EN' 'x'", '2.1'],
    [' pap PUBLIC "-/WAPFORUM/DTD PAP 2.0/EN" "x"', '2.0'],
    [' pap PUBLIC "-//WAPFORUM//DTD PAP//EN" "http://www.wapforum.org/DTD/pap_1.0.dtd"', '1.0'],
    [' pap SYSTEM "http://x/pap_2.1.dtd"', '2.1'],
    [' html PUBLIC "-//W3C//DTD XHTML 1.0//EN" "x"', '2.0'],
    [' pap PUBLIC "-//WAPFORUM//DTD PAP 2.10//EN" "x"', '2.10'],
    [
      ' pap PUBLIC "-//WAPFORUM//DTD PAP 2.0//EN" "x" [<?wap-pap-ver supported-versions="2.0,1.*"?>]',
      '2.0',
      ['2.0', '1.*'],
    ],
    [' pap PUBLIC "-//WAPFORUM//DTD PAP 2.1//EN" "x"[<?wap-pap-ver supported-versions=\'2.0\'?>]', '2.1', ['2.0']],
    [' pap [<!ELEMENT pap ANY> <?wap-pap-ver supported-versions="x, 1.0 ,2."?>]', '2.0', ['1.0']],
    [' pap [<?wap-pap-ver versions="2.0"?>]', '2.0'],
  ] as [string | undefined, string, string[]?][]) {
    it(`of ${doctype} is ${version}`, () =>
      assert.deepEqual(readDoctype(doctype), { version, ...(supported !== undefined && { supported }) }));
  }

  it('is supported in majors 1 and 2', () => {
    assert.deepEqual(['1.0', '1.9', '2.0', '2.10', '3.0', '0.9', '20.0'].map(isSupportedVersion), [
      true,
      true,
      true,
      true,
      false,
      false,
      false,
    ]);
  });

  it('that both sides know is the first of the other side\u2019s list', () => {
    assert.equal(commonVersion(['3.0', '2.1', '1.*']), '2.1');
    assert.equal(commonVersion(['3.*', '2.*']), '2.0');
    assert.equal(commonVersion(['3.*']), '1.0');
    assert.equal(commonVersion(undefined), '1.0');
  });

  it('tells what is supported only to those who know more than 1.0', () => {
    assert.equal(
      doctypeOf('1.0'),
      '<!DOCTYPE pap PUBLIC "-//WAPFORUM//DTD PAP 1.0//EN" "http://www.wapforum.org/DTD/pap_1.0.dtd">',
    );
    assert.match(doctypeOf('2.0'), / \[<\?wap-pap-ver supported-versions="[^"]+"\?>\]>$/);
  });
});

describe('what a client leaves empty', () => {
  it('is as if it were not there', () => {
    const attributes = 'source-reference="" ppg-notify-requested-to=""';
    const qos = '<quality-of-service network="" bearer="" bearer-required="true"/>';
    const push = `<push-message push-id="1" ${attributes}><address address-value="a"/>${qos}</push-message>`;
    const message = readPap(Buffer.from(`<pap>${push}</pap>`));
    assert.ok(message.message === 'push-message');
    assert.deepEqual(
      [message.sourceReference, message.notifyUrl, message.qos?.network, message.qos?.bearer],
      [undefined, undefined, undefined, undefined],
    );
  });
});

describe('the encoding of a document', () => {
  const document = (value: string, declared = '') =>
    `<?xml version="1.0"${declared}?><pap product-name="${value}"><cancel-message push-id="1"/></pap>`;
  const name = (octets: Buffer, charset?: string) =>
    readPap(octets, charset === undefined ? {} : { charset }).productName;

  it('is UTF-8 by default, with or without a byte order mark', () => {
    assert.equal(name(Buffer.from(document('\u20ac'))), '\u20ac');
    assert.equal(name(Buffer.from(`\ufeff${document('\u20ac')}`)), '\u20ac');
  });

  it('is what the charset says before what the declaration says', () => {
    const octets = Buffer.from(document('\u00e9', ' encoding="UTF-8"'), 'latin1');
    assert.equal(name(octets, 'ISO-8859-1'), '\u00e9');
    assert.throws(() => name(octets), { code: 'PPG_E_PAP_XML' });
  });

  it('is what the declaration says', () => {
    assert.equal(name(Buffer.from(document('\u00e9', " encoding='ISO-8859-1'"), 'latin1')), '\u00e9');
    assert.throws(() => name(Buffer.from(document('\u00e9', ' encoding="US-ASCII"'), 'latin1')), {
      code: 'PPG_E_PAP_XML',
    });
  });

  it('is any other that is known by its name', () => {
    const euro = Buffer.from(document('\x80', ' encoding="Windows-1252"'), 'latin1');
    assert.equal(name(euro), '\u20ac');
    assert.equal(name(Buffer.from(document('\xa4'), 'latin1'), 'ISO-8859-15'), '\u20ac');
    assert.throws(() => name(euro, 'shift_jis'), { code: 'PPG_E_PAP_XML' });
    assert.throws(() => name(euro, 'x-nobody'), { code: 'PPG_E_PAP_XML' });
  });

  it('is UTF-16 when its octets say so', () => {
    const text = document('\u20ac \u{1f600}', ' encoding="UTF-16"');
    const little = Buffer.from(`\ufeff${text}`, 'utf16le');
    assert.equal(name(little), '\u20ac \u{1f600}');
    assert.equal(name(Buffer.from(little).swap16(), 'utf-8'), '\u20ac \u{1f600}');
    assert.equal(name(little.subarray(2)), '\u20ac \u{1f600}');
    assert.throws(() => name(Buffer.from(document('\ud800'), 'utf16le')), { code: 'PPG_E_PAP_XML' });
  });

  it('does not matter while every octet is ASCII', () => {
    assert.equal(name(Buffer.from(document('x', ' encoding="utf-16"')), 'windows-1252'), 'x');
  });

  it('lets white space go before the declaration', () => {
    assert.equal(name(Buffer.from(`\r\n  ${document('x')}`)), 'x');
  });
});

describe('a document that is no XML', () => {
  it('is refused with line and column', () => {
    assert.throws(() => parsePapDocument(Buffer.from('<pap>\n  <a></b>\n</pap>')), /2:9: unexpected close tag/);
  });

  it('is refused for any entity of its own', () => {
    for (const subset of ['<!ENTITY a "x">', '<!ENTITY a SYSTEM "file:///etc/passwd">', '<!ENTITY % a "x">']) {
      const text = `<!DOCTYPE pap [${subset}]><pap product-name="&a;"><cancel-message push-id="1"/></pap>`;
      assert.throws(() => readPap(Buffer.from(text)), { code: 'PPG_E_PAP_XML' });
      const unused = text.replace('&a;', '&lt;&#233;');
      assert.equal(readPap(Buffer.from(unused)).productName, '<\u00e9');
    }
  });
});
