import assert from 'node:assert/strict';
import fc from 'fast-check';
import { PpgError } from '../../lib/base/errors.ts';
import { parseMediaType } from '../../lib/codec/mime/content-type.ts';
import { readMultipart } from '../../lib/codec/mime/multipart.ts';
import { parseAddress } from '../../lib/codec/pap/address.ts';
import { parseDatetime } from '../../lib/codec/pap/datetime.ts';
import { parsePapDocument } from '../../lib/codec/pap/document.ts';
import { MESSAGE_STATES } from '../../lib/codec/pap/dtd.ts';
import { PAP_LIMITS } from '../../lib/codec/pap/element.ts';
import { isIdentifier } from '../../lib/codec/pap/identifier.ts';
import type { PapMessage } from '../../lib/codec/pap/messages.ts';
import { readPlain } from '../../lib/codec/pap/plain.ts';
import { readPap } from '../../lib/codec/pap/read.ts';
import { readDoctype } from '../../lib/codec/pap/version.ts';
import { writePap } from '../../lib/codec/pap/write.ts';
import { parseApplicationId } from '../../lib/model/application-id.ts';
import { type CodeCarrier, codeFor } from '../../lib/model/result-codes.ts';
import { assertCodes } from '../support/pap-codes.ts';
import { FIXTURE_TYPES, fixture } from '../support/pap-endpoint.ts';

/** True when `work` ends or throws one of our own errors; anything else is a failure with its stack. */
function holds(work: () => unknown): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof PpgError)) throw error;
  }
}

/** Real bodies with stretches overwritten, cut out or doubled. */
const damaged = fc
  .tuple(
    fc.constantFrom(...Object.keys(FIXTURE_TYPES)),
    fc.array(
      fc.tuple(
        fc.nat(2000),
        fc.nat(40),
        fc.constantFrom('overwrite', 'cut', 'double'),
        fc.uint8Array({ maxLength: 40 }),
      ),
      {
        maxLength: 6,
      },
    ),
  )
  .map(([name, wounds]) => {
    let body: Buffer = Buffer.from(fixture(name));
    for (const [at, length, how, octets] of wounds) {
      const [head, middle, tail] = [body.subarray(0, at), body.subarray(at, at + length), body.subarray(at + length)];
      const filling = { overwrite: [octets], cut: [], double: [middle, middle] }[how] as Uint8Array[];
      body = Buffer.concat([head, ...filling, tail]);
    }
    return { body, type: FIXTURE_TYPES[name] as string };
  });

const PLAIN_DOCUMENT =
  '<?xml version="1.0" encoding="UTF-8"?>\r\n<!DOCTYPE pap PUBLIC "-//WAPFORUM//DTD PAP 2.0//EN" ' +
  '"http://www.wapforum.org/DTD/pap_2.0.dtd" [<?wap-pap-ver supported-versions="2.0,1.*"?>]>\n' +
  '<pap product-name="a > b"><push-message push-id=\'1@pi\'>\n  <address address-value="x"/><address\taddress-value=""></address >' +
  '<quality-of-service /></push-message></pap>\n';

/** A plain document with a few places changed by what XML has a meaning for. */
const nearlyPlain = fc
  .array(
    fc.tuple(
      fc.nat(PLAIN_DOCUMENT.length),
      fc.nat(3),
      fc.oneof(
        fc.constantFrom(...'<>/?!\'"=&[]- \t\r\n:.a_\u00a0\u0085\u00e9\u0001\ufeff'),
        fc.constantFrom(
          '<a/>',
          '</a>',
          '<!--',
          '-->',
          ' a="1"',
          '&lt;',
          '<![CDATA[',
          ']]>',
          '<?x?>',
          ' constructor="1"',
          '__proto__',
        ),
      ),
    ),
    { maxLength: 4 },
  )
  .map((changes) => {
    let text = PLAIN_DOCUMENT;
    for (const [at, length, by] of changes) text = text.slice(0, at) + by + text.slice(at + length);
    return text;
  });

/** Behind the root element it changes nothing, but is not plain. */
const COMMENT = '<!-- -->';

describe('readers of what Push Initiators send (property)', () => {
  it('a plain document is read as any XML, and what is not XML is not plain', () => {
    assert.notEqual(readPlain(PLAIN_DOCUMENT, PAP_LIMITS), undefined);
    assert.equal(readPlain(PLAIN_DOCUMENT + COMMENT, PAP_LIMITS), undefined);
    fc.assert(
      fc.property(nearlyPlain, (text) => {
        const plain = readPlain(text.trimStart(), PAP_LIMITS);
        if (plain === undefined) return;
        const read = (document: string): string => JSON.stringify(parsePapDocument(Buffer.from(document)));
        assert.equal(read(text), read(text + COMMENT));
      }),
      { numRuns: 2000 },
    );
  });

  it('the multipart reader only ever refuses with an error of ours', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), fc.string(), (octets, type) =>
        holds(() => readMultipart(Buffer.from(octets), type)),
      ),
    );
    const lines = fc.array(
      fc.constantFrom(
        '--B',
        '--B--',
        ' --B',
        '--B x',
        '',
        '  ',
        'A: b',
        ' c',
        '<?xml?>',
        'hello',
        '--',
        '\r',
        '\u0000',
      ),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(lines, fc.constantFrom('\r\n', '\n', '\r'), (each, end) =>
        holds(() => readMultipart(Buffer.from(each.join(end)), 'a/b; boundary=B')),
      ),
      { numRuns: 2000 },
    );
    fc.assert(fc.property(damaged, ({ body, type }) => holds(() => readMultipart(body, type))));
  });

  it('the PAP reader only ever refuses with an error of ours', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 500 }), (octets) => holds(() => readPap(Buffer.from(octets)))));
    const tokens = fc.array(
      fc.constantFrom(
        '<pap>',
        '</pap>',
        '<push-message push-id="1">',
        '</push-message>',
        '<address address-value="a"/>',
        '<!DOCTYPE pap [',
        ']>',
        '<?xml version="1.0"?>',
        '<?wap-pap-ver',
        '?>',
        '&amp;',
        '&x;',
        '<![CDATA[',
        ']]>',
        '<!--',
        '-->',
        '"',
        'text',
        '\u0000',
        '\ud800',
      ),
      { maxLength: 20 },
    );
    fc.assert(
      fc.property(tokens, (each) => holds(() => readPap(Buffer.from(each.join(''))))),
      { numRuns: 2000 },
    );
    fc.assert(
      fc.property(damaged, ({ body, type }) =>
        holds(() =>
          type === 'application/xml'
            ? readPap(body)
            : readMultipart(body, type).parts.map((part) => readPap(part.body)),
        ),
      ),
      { numRuns: 500 },
    );
  });

  it('headers, doctypes and times are read or not, and nothing else happens', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        parseMediaType(text);
        parseMediaType(`a/b;${text}`);
        readDoctype(text);
        parseDatetime(text);
      }),
    );
  });

  it('nothing that could break a header gets into an address-of-record', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string().map((value) => `WAPPUSH=${value}/TYPE=USER@ppg`),
      fc
        .string({ unit: 'binary' })
        .map((value) => `WAPPUSH=${encodeURIComponent(value.replace(/\p{Surrogate}/gu, ''))}/TYPE=USER@ppg`),
      fc.tuple(fc.string(), fc.string()).map(([user, host]) => `sip:${user}@${host}`),
      fc.string().map((gr) => `sip:a@b;gr=${gr}`),
    );
    fc.assert(
      fc.property(text, (value) =>
        holds(() => {
          const { aor, gruu = '', instance = '' } = parseAddress(value, { domain: 'example.com' });
          assert.match(aor, /^sip:[\x21-\x7e]+@[a-z0-9.\-_[\]:]+$/);
          assert.match(gruu + instance, /^[\x21-\x7e]*$/);
          assert.ok(!/[<>"]/.test(aor + gruu + instance));
        }),
      ),
      { numRuns: 2000 },
    );
  });

  it('application ids are read or refused', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) =>
        holds(() => assert.match(parseApplicationId(value).tag, /^[\x21-\x7e]+$/)),
      ),
    );
  });
});

const CARRIER: Partial<Record<PapMessage['message'], CodeCarrier>> = {
  'push-response': 'response-result',
  'cancel-response': 'cancel-result',
  'statusquery-response': 'statusquery-result',
  'resultnotification-message': 'resultnotification-message',
  'resultnotification-response': 'resultnotification-response',
  'ccq-response': 'ccq-response',
  'badmessage-response': 'badmessage-response',
};

/** The same message with the codes that its elements may hold. */
function withCodesFor(message: PapMessage): PapMessage {
  const carrier = CARRIER[message.message];
  if (carrier === undefined) return message;
  const fitting = <T extends object>(each: T): T =>
    'code' in each ? { ...each, code: codeFor(Number(each.code), carrier, message.papVersion) } : each;
  return 'results' in message
    ? ({ ...message, results: message.results.map(fitting) } as PapMessage)
    : fitting(message);
}

describe('what is written is read back (property)', () => {
  it('multipart: every octet of every part', () => {
    const part = fc.uint8Array({ maxLength: 300 }).map((octets) => Buffer.from(octets));
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 5 }), (contents) => {
        fc.pre(contents.every((content) => !content.includes('--=_b0undary')));
        const body = Buffer.concat([
          ...contents.flatMap((content) => [
            Buffer.from('--=_b0undary\r\nContent-Type: a/b\r\n\r\n'),
            content,
            Buffer.from('\r\n'),
          ]),
          Buffer.from('--=_b0undary--\r\n'),
        ]);
        const { parts } = readMultipart(body, 'multipart/related; boundary="=_b0undary"');
        assert.deepEqual(
          parts.map(({ body: octets }) => octets.toString('hex')),
          contents.map((content) => content.toString('hex')),
        );
      }),
    );
  });

  const markup = fc.string({ unit: fc.constantFrom(...'\t\n\r &<>"\'a\u00e9\u20ac', '\u{1f600}', ']]>', '&amp;') });
  const printable = fc.string({ unit: 'grapheme', maxLength: 60 });
  const text = fc.oneof(markup, printable);
  const named = text.filter((value) => value !== ''); // an empty name names nothing
  const id = printable.map((value) => `x${value}`).filter(isIdentifier);
  const time = fc.integer({ min: 0, max: 4_000_000_000 }).map((seconds) => seconds * 1000);
  const code = fc.integer({ min: 1000, max: 5999 });
  const state = fc.constantFrom(...MESSAGE_STATES);
  const version = { papVersion: fc.constantFrom('1.0', '2.0', '2.1') };
  const qos = fc.record(
    {
      priority: fc.constantFrom('high', 'medium', 'low'),
      deliveryMethod: fc.constantFrom('confirmed', 'preferconfirmed', 'unconfirmed', 'notspecified'),
      network: named,
      networkRequired: fc.boolean(),
      bearer: named,
      bearerRequired: fc.boolean(),
    },
    { requiredKeys: ['priority', 'deliveryMethod', 'networkRequired', 'bearerRequired'] },
  );
  const addresses = (minLength: number) => fc.array(text, { minLength, maxLength: 4 });
  const record = <T extends object>(
    message: string,
    required: { [K in keyof T]: fc.Arbitrary<T[K]> },
    optional: object = {},
  ) =>
    fc.record(
      { message: fc.constant(message), ...version, ...required, ...optional },
      { requiredKeys: ['message', 'papVersion', ...Object.keys(required)] as never[] },
    );
  const outcome = { code, desc: text };
  const messages = fc.oneof(
    record(
      'push-message',
      { pushId: id, replaceMethod: fc.constant('all'), progressNotes: fc.boolean(), addresses: addresses(1) },
      { deliverBefore: time, deliverAfter: time, sourceReference: id, notifyUrl: id, qos },
    ),
    record(
      'push-response',
      {
        pushId: id,
        ...outcome,
        progressNotes: fc.array(fc.record({ stage: text, note: text, time }, { requiredKeys: ['stage'] }), {
          maxLength: 3,
        }),
      },
      { senderAddress: text, senderName: text, replyTime: time, productName: text },
    ),
    record('cancel-message', { pushId: id, addresses: addresses(0) }),
    record('cancel-response', {
      pushId: id,
      results: fc.array(fc.record({ ...outcome, addresses: addresses(0) }), { minLength: 1, maxLength: 3 }),
    }),
    record(
      'resultnotification-message',
      { pushId: id, state, ...outcome, address: text },
      { senderAddress: text, senderName: text, receivedTime: time, eventTime: time, qos },
    ),
    record('resultnotification-response', { pushId: id, ...outcome, address: text }),
    record('statusquery-message', { pushId: id, addresses: addresses(0) }),
    record('statusquery-response', {
      pushId: id,
      results: fc.array(
        fc.record(
          { state, ...outcome, addresses: addresses(0), eventTime: time, qos },
          { requiredKeys: ['state', 'code', 'desc', 'addresses'] },
        ),
        { minLength: 1, maxLength: 3 },
      ),
    }),
    record('ccq-message', { address: text }, { queryId: id, appId: text }),
    record('ccq-response', { ...outcome, address: text }, { queryId: id }),
    record('badmessage-response', outcome, { fragment: text }),
  ) as unknown as fc.Arbitrary<PapMessage>;

  it('PAP: every message with every value, to the letter of the DTD', () => {
    fc.assert(
      fc.property(messages, (message) => {
        const { supportedVersions: _, ...read } = readPap(Buffer.from(writePap(message)), { strict: true });
        // fast-check makes objects without a prototype; the clone has one.
        assert.deepEqual(read, withCodesFor(structuredClone(message)));
        assertCodes(readPap(Buffer.from(writePap(message))));
      }),
      { numRuns: 500 },
    );
  });

  it('PAP: a document is well-formed whatever its values hold', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.array(fc.integer({ min: 0, max: 0xffff })), (binary, units) => {
        const desc = binary + String.fromCharCode(...units);
        const written = writePap({
          message: 'badmessage-response',
          papVersion: '2.0',
          code: 2000,
          desc,
          fragment: desc,
        });
        assert.equal(readPap(Buffer.from(written), { strict: true }).message, 'badmessage-response');
        assert.ok(!/[\r\n\t]/.test(written));
      }),
      { numRuns: 1000 },
    );
  });
});
