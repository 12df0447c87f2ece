import assert from 'node:assert/strict';
import { papHandler } from '../../../handlers/pap.ts';
import type { Logger } from '../../../lib/base/log.ts';
import { readPap } from '../../../lib/codec/pap/read.ts';
import { dependencies, Endpoint, type FakeEngine } from '../../support/pap-endpoint.ts';

const MULTIPART = 'multipart/related; boundary=B; type="application/xml"';
const DTD = '<!DOCTYPE pap PUBLIC "-//WAPFORUM//DTD PAP 2.0//EN" "http://www.wapforum.org/DTD/pap_2.0.dtd">';
const ADDRESS = '<address address-value="WAPPUSH=+358401234567/TYPE=PLMN@ppg"/>';

const push = (attributes = '', children = ADDRESS): string =>
  `<?xml version="1.0"?>${DTD}<pap><push-message push-id="1@pi" ${attributes}>${children}</push-message></pap>`;
const content = 'Content-Type: text/plain\r\n\r\nhello';
const body = (control: string | Buffer, part: string | Buffer = content): Buffer =>
  Buffer.concat([
    Buffer.from('--B\r\nContent-Type: application/xml\r\n\r\n'),
    Buffer.from(control),
    Buffer.from('\r\n--B\r\n'),
    Buffer.from(part),
    Buffer.from('\r\n--B--\r\n'),
  ]);

/** What is sent, and the one answer it gets. */
type Case = [what: string, sent: string | Buffer, answer: string, code: number, type?: string];
const bad = 'badmessage-response';
const response = 'push-response';
const XML = 'application/xml';

const profile = (attributes: string): string =>
  '<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#" ' +
  'xmlns:p="http://www.wapforum.org/profiles/UAPROF/ccppschema-20010430#">' +
  `<r:Description><p:component><r:Description>${attributes}</r:Description></p:component></r:Description></r:RDF>`;
const withProfile = (rdf: string): string => `${content}\r\n--B\r\nContent-Type: application/xml\r\n\r\n${rdf}`;

const CASES: Case[] = [
  // no multipart that can be read
  ['an empty body', '', bad, 2000, MULTIPART],
  ['an empty document', '', bad, 2000, XML],
  ['a body without its boundary', push(), bad, 2000, MULTIPART],
  ['a multipart without a boundary', body(push()), bad, 2000, 'multipart/related'],
  ['a first delimiter with other text', body(push()).toString().replace('--B', '--B x'), bad, 2000, MULTIPART],
  ['a body cut in the content headers', body(push()).subarray(0, -25), bad, 2000, MULTIPART],
  ['17 parts', `${'--B\r\n\r\nx\r\n'.repeat(17)}--B--`, bad, 2000, MULTIPART],
  ['a control character in a part header', body(push(), 'Content-Type: a/b\r\nX: \u0001\r\n\r\nx'), bad, 2000],
  ['an unknown transfer encoding', `--B\r\nContent-Transfer-Encoding: x\r\n\r\n${push()}\r\n--B--`, bad, 2000],
  // no XML that can be read
  ['NUL octets', Buffer.alloc(100), bad, 2000, XML],
  ['random octets', Buffer.from([0xff, 0x00, 0x80, 0xc0, 0x3c, 0x3e]), bad, 2000, XML],
  ['text', 'hello', bad, 2000, XML],
  ['an element that does not end', '<pap><push-message push-id="1">', bad, 2000, XML],
  ['elements that cross', '<pap><push-message></pap></push-message>', bad, 2000, XML],
  ['an attribute twice', body(push('push-id="2"')), bad, 2000],
  ['two documents', `${push()}${push()}`, bad, 2000, XML],
  ['bytes that are no UTF-8', body(Buffer.from(push('source-reference="\u00e9"'), 'latin1')), bad, 2000],
  [
    'an unknown encoding',
    Buffer.from('<?xml version="1.0" encoding="EBCDIC"?><pap a="\u00e9"/>', 'latin1'),
    bad,
    2000,
    XML,
  ],
  ['UTF-16 cut in half', Buffer.from('\ufeff<pap/>', 'utf16le').subarray(0, -1), bad, 2000, XML],
  ['a character XML does not have', '<pap product-name="&#1;"/>', bad, 2000, XML],
  // attacks on the parser
  ['an entity bomb', `<!DOCTYPE pap [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><pap product-name="&b;"/>`, bad, 2000, XML],
  [
    'an external entity',
    '<!DOCTYPE pap [<!ENTITY a SYSTEM "file:///etc/passwd">]><pap product-name="&a;"/>',
    bad,
    2000,
    XML,
  ],
  ['an external DTD', '<!DOCTYPE pap SYSTEM "http://127.0.0.1:1/x.dtd"><pap/>', bad, 2000, XML],
  ['deep nesting', '<pap>'.repeat(100), bad, 2000, XML],
  ['100,000 elements', `<pap>${'<a/>'.repeat(30_000)}</pap>`, bad, 2000, XML],
  ['a document of 300 KiB', `<pap>${' '.repeat(300 * 1024)}</pap>`, bad, 2000, XML],
  ['an attribute of 5,000 characters', body(push(`source-reference="${'x'.repeat(5000)}"`)), bad, 2000],
  ['a thousand attributes', `<pap ${Array.from({ length: 1000 }, (_, i) => `a${i}="1"`).join(' ')}/>`, bad, 2000, XML],
  ['names out of a prototype', '<pap><constructor __proto__="1"/></pap>', bad, 2000, XML],
  ['1,001 addresses', body(push('', ADDRESS.repeat(1001))), response, 2000],
  // XML that is no PAP
  ['HTML', '<html><body/></html>', bad, 2000, XML],
  ['an empty pap', '<pap/>', bad, 2000, XML],
  ['two messages', '<pap><cancel-message push-id="1"/><cancel-message push-id="2"/></pap>', bad, 2000, XML],
  ['an unknown message', '<pap><multicast-message/></pap>', bad, 2000, XML],
  [
    'a message of the other direction',
    '<pap><push-response push-id="1"><response-result code="1000"/></push-response></pap>',
    bad,
    2000,
    XML,
  ],
  ['a version of the future', push().replace('PAP 2.0', 'PAP 3.0'), bad, 3002, XML],
  ['no push-id', body(push().replace('push-id="1@pi"', '')), bad, 2000],
  ['an empty push-id', body(push().replace('1@pi', '')), bad, 2000],
  ['a push-id with a line end', body(push().replace('1@pi', '1&#13;&#10;X: y')), bad, 2000],
  ['a push-id of 300 characters', body(push().replace('1@pi', '1'.repeat(300))), bad, 2000],
  // a push that can be named, with something wrong
  ['no address', body(push('', '')), response, 2000],
  ['an address without a value', body(push('', '<address/>')), response, 2000],
  ['text inside', body(push('', `${ADDRESS}hello`)), bad, 2000],
  ['an element of another message', body(push('', `${ADDRESS}<response-result code="1000"/>`)), response, 2000],
  ['quality-of-service twice', body(push('', `${ADDRESS}<quality-of-service/><quality-of-service/>`)), response, 2000],
  ['a priority outside the DTD', body(push('', `${ADDRESS}<quality-of-service priority="now"/>`)), response, 2000],
  ['a time that is none', body(push('deliver-before-timestamp="2026-02-30T00:00:00Z"')), response, 2000],
  ['a local time', body(push('deliver-before-timestamp="2026-02-20T00:00:00+01:00"')), response, 2000],
  [
    'a window that ends before it begins',
    body(push('deliver-before-timestamp="2026-10-01T00:00:00Z" deliver-after-timestamp="2026-10-02T00:00:00Z"')),
    response,
    2000,
  ],
  ['no content', push(), response, 2000, XML],
  ['content without a type', body(push(), '\r\nhello'), response, 2000],
  ['content of a broken type', body(push(), 'Content-Type: text\r\n\r\nhello'), response, 2000],
  ['a broken application id', body(push(), 'Content-Type: a/b\r\nX-Wap-Application-Id: a b\r\n\r\nx'), response, 2000],
  [
    'two applications',
    body(push(), 'Content-Type: a/b\r\nX-Wap-Application-Id: mms.ua\r\nx-wap-application-id: wml.ua\r\n\r\nx'),
    response,
    2000,
  ],
  ['a capabilities entity that is no RDF', body(push(), withProfile('<RDF/>')), response, 2000],
  ['a capabilities entity that is no XML', body(push(), withProfile('hello')), response, 2000],
  [
    'a capabilities entity of another type',
    body(push(), `${content}\r\n--B\r\nContent-Type: text/plain\r\n\r\nhello`),
    response,
    2000,
  ],
  [
    'a capability that is not matched here',
    body(push(), withProfile(profile('<p:ScreenSize>1x1</p:ScreenSize>'))),
    response,
    3004,
  ],
  [
    'a capability list without bounds',
    body(push(), withProfile(profile('<p:Push-Accept/>'.repeat(2000)))),
    response,
    2000,
  ],
  ['four parts', body(push(), `${content}\r\n--B\r\n\r\na\r\n--B\r\n\r\nb`), response, 2000],
  ['a notify URL of another scheme', body(push('ppg-notify-requested-to="file:///etc/passwd"')), response, 2000],
  ['a notify URL with credentials', body(push('ppg-notify-requested-to="http://a:b@example.com/"')), response, 2000],
  [
    'a required bearer it has not',
    body(push('', `${ADDRESS}<quality-of-service bearer="SMS" bearer-required="true"/>`)),
    response,
    3010,
  ],
  [
    'an address with a line end',
    body(push('', '<address address-value="WAPPUSH=a%0D%0AX%3Ay/TYPE=USER@ppg"/>')),
    response,
    2002,
  ],
  [
    'an address of an unknown type',
    body(push('', '<address address-value="WAPPUSH=a/TYPE=FAX@ppg"/>')),
    response,
    2002,
  ],
  [
    'one bad address of two',
    body(push('', `${ADDRESS}<address address-value="WAPPUSH=12/TYPE=PLMN"/>`)),
    response,
    2002,
  ],
  [
    'a cancel with a wrong attribute value',
    '<pap><cancel-message push-id="1"><address/></cancel-message></pap>',
    'cancel-response',
    2000,
    XML,
  ],
  [
    'a status query with a wrong child',
    '<pap><statusquery-message push-id="1"><pap/></statusquery-message></pap>',
    'statusquery-response',
    2000,
    XML,
  ],
  [
    'a capability query with a wrong application',
    '<pap><ccq-message query-id="q" app-id="a b"><address address-value="a"/></ccq-message></pap>',
    'ccq-response',
    2000,
    XML,
  ],
];

describe('the PAP endpoint under fire', () => {
  let endpoint: Endpoint;
  let engine: FakeEngine;
  const lines: object[] = [];
  const record = (fields: object | string): void => {
    if (typeof fields === 'object') lines.push(fields);
  };

  before(async () => {
    const log: Logger = { debug: record, info: record, warn: record, error: record };
    const deps = dependencies({ log });
    engine = deps.engine;
    endpoint = await Endpoint.of(papHandler(deps));
  });
  beforeEach(() => lines.splice(0));
  after(() => endpoint.close());

  for (const [what, sent, answer, code, type] of CASES) {
    it(`answers ${what} with ${answer} ${code}`, async () => {
      const { status, text } = await endpoint.post(sent, type ?? MULTIPART);
      assert.equal(status, 202);
      const message = readPap(Buffer.from(text), { strict: true });
      const result = 'results' in message ? message.results[0] : message;
      assert.ok(result !== undefined && 'code' in result);
      assert.deepEqual([message.message, result.code], [answer, code], result.desc);
      assert.ok(result.desc);
      assert.equal(engine.submissions.length, 0);
    });
  }

  it('tells the operator which push was refused and why, and nothing of its content', async () => {
    await endpoint.post(body(push('', ''), 'Content-Type: text/plain\r\n\r\nsecret'), MULTIPART);
    assert.equal(lines.length, 1);
    assert.deepEqual(lines[0], {
      initiator: 'shop',
      pushId: '1@pi',
      code: 'PPG_E_PAP_DOCUMENT',
      papCode: 2000,
      cause: 'the document is no valid PAP: push-message holds no address',
    });
  });

  it('shows the beginning of what it could not read', async () => {
    const answer = await endpoint.pap('<pap>\u0007&"', XML);
    assert.ok(answer.message === 'badmessage-response');
    assert.equal(answer.fragment, '<pap>&"');
  });

  it('answers an unknown version in the first that the sender lists and it knows', async () => {
    const document = push()
      .replace('PAP 2.0', 'PAP 3.1')
      .replace('.dtd"', '.dtd" [<?wap-pap-ver supported-versions="3.*,2.1,1.0"?>]');
    assert.equal((await endpoint.pap(body(document), MULTIPART)).papVersion, '2.1');
    assert.equal((await endpoint.pap(body(push().replace('PAP 2.0', 'PAP 3.1')), MULTIPART)).papVersion, '1.0');
  });

  it('ignores what a newer minor version has added', async () => {
    const document = push('new-attribute="1"', `<new-element/>${ADDRESS}`).replace('PAP 2.0', 'PAP 2.10');
    const answer = await endpoint.pap(body(document), MULTIPART);
    assert.ok(answer.message === 'push-response');
    assert.deepEqual([answer.code, answer.papVersion], [1001, '2.10']);
    engine.submissions.length = 0;
  });
});
