import assert from 'node:assert/strict';
import { MAX_PARTS, readMultipart } from '../../../../lib/codec/mime/multipart.ts';
import { decodedBody } from '../../../../lib/codec/mime/transfer-encoding.ts';
import { cpuTime } from '../../../support/cpu-time.ts';

const TYPE = 'multipart/related; boundary=B; type="application/xml"';
const read = (text: string | Buffer, type = TYPE): { headers: string[]; body: string }[] =>
  readMultipart(Buffer.isBuffer(text) ? text : Buffer.from(text, 'latin1'), type).parts.map((part) => ({
    headers: part.headers.map(({ name, value }) => `${name}: ${value}`),
    body: part.body.toString('latin1'),
  }));

const XML = { headers: ['Content-Type: application/xml'], body: '<?xml?><pap/>' };
const TEXT = { headers: ['Content-Type: text/plain'], body: 'hello' };

describe('readMultipart', () => {
  const cases: [what: string, body: string, type?: string][] = [
    [
      'the form of RFC 2387',
      '--B\r\nContent-Type: application/xml\r\n\r\n<?xml?><pap/>\r\n--B\r\nContent-Type: text/plain\r\n\r\nhello\r\n--B--\r\n',
    ],
    [
      'bare line feeds',
      '--B\nContent-Type: application/xml\n\n<?xml?><pap/>\n--B\nContent-Type: text/plain\n\nhello\n--B--',
    ],
    [
      'a missing closing delimiter',
      '--B\r\nContent-Type: application/xml\r\n\r\n<?xml?><pap/>\r\n--B\r\nContent-Type: text/plain\r\n\r\nhello',
    ],
    [
      'a closing delimiter without its hyphens',
      '--B\r\nContent-Type: application/xml\r\n\r\n<?xml?><pap/>\r\n--B\r\nContent-Type: text/plain\r\n\r\nhello\r\n--B\r\n',
    ],
    [
      'delimiters all written as closing ones',
      '--B--\r\nContent-Type: application/xml\r\n\r\n<?xml?><pap/>\r\n--B--\r\nContent-Type: text/plain\r\n\r\nhello\r\n--B--\r\n',
    ],
    [
      'no blank line before the XML',
      '--B\r\nContent-Type: application/xml\r\n<?xml?><pap/>\r\n--B\r\nContent-Type: text/plain\r\n\r\nhello\r\n--B--\r\n',
    ],
    [
      'a blank line that holds blanks',
      '--B\r\nContent-Type: application/xml\r\n \t \r\n<?xml?><pap/>\r\n--B\r\nContent-Type: text/plain\r\n  \r\nhello\r\n--B--\r\n',
    ],
    [
      'indented delimiters',
      '  --B\r\n  Content-Type: application/xml\r\n\r\n<?xml?><pap/>\r\n\t--B \r\nContent-Type: text/plain\r\n\r\nhello\r\n   --B--\r\n',
    ],
    [
      'leading blank lines',
      '\r\n\r\n--B\r\nContent-Type: application/xml\r\n\r\n<?xml?><pap/>\r\n--B\r\nContent-Type: text/plain\r\n\r\nhello\r\n--B--\r\n',
    ],
    [
      'the MIME header repeated as a preamble, and an epilogue',
      'Content-Type: multipart/related; boundary=B\r\n\r\n--B\r\nContent-Type: application/xml\r\n\r\n<?xml?><pap/>\r\n--B\r\nContent-Type: text/plain\r\n\r\nhello\r\n--B--\r\nbye\r\n',
    ],
    [
      'multipart/mixed without type',
      '--B\r\nContent-Type: application/xml\r\n\r\n<?xml?><pap/>\r\n--B\r\nContent-Type: text/plain\r\n\r\nhello\r\n--B--\r\n',
      'multipart/mixed; boundary=B',
    ],
    [
      'folded headers',
      '--B\r\nContent-Type:\r\n application/xml\r\n\r\n<?xml?><pap/>\r\n--B\r\nContent-Type: text/plain\r\n\r\nhello\r\n--B--\r\n',
    ],
  ];
  for (const [what, body, type] of cases) {
    it(`reads ${what}`, () => assert.deepEqual(read(body, type), [XML, TEXT]));
  }

  for (const [boundary, type] of [
    ['a#b+c=', 'multipart/related; boundary=a#b+c=; type=application/xml'],
    ['q', 'multipart/related; boundary=\\"q\\"; type=\\"application/xml\\"'],
    ['a"b', 'multipart/related; boundary="a\\"b"'],
    ['a b', 'multipart/related; type="x;y"; boundary="a b"'],
    ['up', 'Multipart/Related; TYPE=application/xml;; BOUNDARY=up;'],
  ] as const) {
    it(`takes the boundary out of ${type}`, () =>
      assert.deepEqual(read(`--${boundary}\r\n\r\nhello\r\n--${boundary}--`, type), [{ headers: [], body: 'hello' }]));
  }

  it('hands over every octet of a part, as a view of the message', () => {
    const octets = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    const content = Buffer.concat([octets, Buffer.from('\r\n\r\n-- B\r\nx--B\r\n--'), octets, Buffer.from('\r\n')]);
    const body = Buffer.concat([
      Buffer.from('--B\r\n\r\n<pap/>\r\n--B\r\nA: b\r\n\r\n'),
      content,
      Buffer.from('\r\n--B--'),
    ]);
    const part = readMultipart(body, TYPE).parts[1];
    assert.ok(part);
    assert.ok(part.body.equals(content));
    assert.equal(part.body.buffer, body.buffer);
  });

  it('leaves an indented delimiter inside content alone when the delimiters at the line start make a whole', () => {
    const parts = read('--B\r\n\r\n<pap/>\r\n--B\r\n\r\nsee\r\n  --B\r\nthere\r\n--B--\r\n');
    assert.equal(parts[1]?.body, 'see\r\n  --B\r\nthere');
  });

  it('reads parts without headers and without a body', () => {
    assert.deepEqual(read('--B\r\nA: b\r\n\r\n--B\r\n\r\n\r\n--B\r\n--B--'), [
      { headers: ['A: b'], body: '' },
      { headers: [], body: '' },
      { headers: [], body: '' },
    ]);
  });

  it('keeps header octets that are no UTF-8 as characters of their own', () => {
    const body = Buffer.concat([
      Buffer.from('--B\r\nA: caf'),
      Buffer.from([0xe9]),
      Buffer.from('\r\nB: \u00e9\r\n\r\nx\r\n--B--'),
    ]);
    assert.deepEqual(read(body)[0]?.headers, ['A: caf\u00e9', 'B: \u00e9']);
  });

  const refused: [what: string, body: string, type?: string][] = [
    ['a body without its boundary', 'hello'],
    ['an empty body', ''],
    ['no boundary', '--B\r\n\r\nx\r\n--B--', 'multipart/related'],
    ['an empty boundary', '--\r\n\r\nx\r\n----', 'multipart/related; boundary=""'],
    ['two boundaries', '--B\r\n\r\nx\r\n--B--', 'multipart/related; boundary=B; boundary=C'],
    ['an endless boundary', '--B\r\n\r\nx\r\n--B--', `multipart/related; boundary=${'B'.repeat(300)}`],
    ['a first delimiter with other text', '--Bcd\r\n\r\nx\r\n--B--'],
    ['a later delimiter with other text', '--B\r\n\r\nx\r\n--B y\r\n\r\n--B--'],
    ['a body cut in its headers', '--B\r\n\r\n<pap/>\r\n--B\r\nContent-Ty'],
    ['a body cut after its headers', '--B\r\n\r\n<pap/>\r\n--B\r\nContent-Type: text/plain\r\n'],
    ['a body cut in its closing delimiter', '--BOUND\r\n\r\nx\r\n--BOUND\r\n\r\nhello\r\n--BOU', 'a/b; boundary=BOUND'],
    ['only a delimiter', '--B'],
    ['a header line without a colon', '--B\r\nhello\r\n\r\nx\r\n--B--'],
    ['a control character in a header', '--B\r\nA: b\u0000c\r\n\r\nx\r\n--B--'],
    ['a lone carriage return in a header', '--B\r\nA: b\rX: c\r\n\r\nx\r\n--B--'],
    ['too many headers', `--B\r\n${'A: b\r\n'.repeat(65)}\r\nx\r\n--B--`],
    ['too long headers', `--B\r\nA: ${'b'.repeat(17000)}\r\n\r\nx\r\n--B--`],
    ['too many parts', `${'--B\r\n\r\nx\r\n'.repeat(MAX_PARTS + 1)}--B--`],
    ['thousands of delimiters', '--B\r\n'.repeat(50_000)],
  ];
  for (const [what, body, type] of refused) {
    it(`refuses ${what}`, () =>
      assert.throws(() => read(body, type), { name: 'PpgError', code: 'PPG_E_MULTIPART', papCode: 2000 }));
  }

  it('takes time in proportion to the size of what it refuses', () => {
    const blanks = Buffer.from(`--B\r\n\r\n${' '.repeat(2_000_000)}--B${'--B'.repeat(300_000)}`);
    const body = Buffer.concat([blanks, Buffer.from('\r\n--')]);
    assert.ok(cpuTime(() => assert.throws(() => readMultipart(body, TYPE))) < 2000);
  });
});

describe('decodedBody', () => {
  const part = (encoding: string, body: string) => {
    const [first] = readMultipart(
      Buffer.from(`--B\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n${body}\r\n--B--`),
      TYPE,
    ).parts;
    assert.ok(first);
    return first;
  };

  for (const [encoding, body, decoded] of [
    ['binary', '<pap/>', '<pap/>'],
    ['Base64', 'PHBh\r\ncC8+', '<pap/>'],
    ['quoted-printable', '<pap a=3D"1" =\r\n b=3D"=C3=A9"/>  ', '<pap a="1"  b="\u00e9"/>\n'],
  ] as const) {
    it(`takes ${encoding} off`, () => assert.equal(decodedBody(part(encoding, body)).toString(), decoded));
  }

  for (const [encoding, body] of [
    ['base64', '<pap/>'],
    ['quoted-printable', '<pap a=zz/>'],
    ['x-uuencode', '<pap/>'],
  ] as const) {
    it(`refuses broken ${encoding}`, () =>
      assert.throws(() => decodedBody(part(encoding, body)), { code: 'PPG_E_MULTIPART' }));
  }
});
