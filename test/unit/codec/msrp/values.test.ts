import assert from 'node:assert/strict';
import { PpgError } from '../../../../lib/base/errors.ts';
import { Coverage, formatByteRange, parseByteRange } from '../../../../lib/codec/msrp/byte-range.ts';
import { parseStatus } from '../../../../lib/codec/msrp/message.ts';
import { formatMsrpUri, parseMsrpUri, parsePath, sameMsrpUri } from '../../../../lib/codec/msrp/uri.ts';
import { transactionIds, writeSendHead } from '../../../../lib/codec/msrp/write.ts';

const refuses = (work: () => unknown): void =>
  assert.throws(work, (error) => error instanceof PpgError && error.code === 'PPG_E_MSRP_SYNTAX');

describe('MSRP URIs', () => {
  it('are read as RFC 4975 section 6 writes them', () => {
    assert.deepEqual(parseMsrpUri('msrp://atlanta.Example.com:7654/jshA7weztas;tcp'), {
      secure: false,
      host: 'atlanta.example.com',
      port: 7654,
      session: 'jshA7weztas',
      transport: 'tcp',
    });
    assert.deepEqual(parseMsrpUri('MSRPS://user@[2001:DB8::1]:9/s;TCP;x=y'), {
      secure: true,
      host: '2001:db8::1',
      port: 9,
      session: 's',
      transport: 'tcp',
    });
    assert.equal(parseMsrpUri('msrps://relay.example.com;tcp').session, undefined);
    assert.equal(parseMsrpUri('msrp://a/b;tcp').port, 2855);
  });

  it('are written so that they are read again', () => {
    for (const text of ['msrp://a.b:1/c;tcp', 'msrps://[::1]:2855/x.y-z+1;tcp', 'msrp://relay:9;tcp'])
      assert.equal(formatMsrpUri(parseMsrpUri(text)), text);
  });

  it('are equal by all but user and parameters; the session-id with its case (section 6.1)', () => {
    const one = parseMsrpUri('msrp://a@host:1/Session;tcp;p');
    assert.ok(sameMsrpUri(one, parseMsrpUri('MSRP://b@HOST:1/Session;TCP')));
    for (const other of [
      'msrp://host:1/session;tcp',
      'msrps://host:1/Session;tcp',
      'msrp://host:2/Session;tcp',
      'msrp://host:1/Session;sctp',
    ])
      assert.ok(!sameMsrpUri(one, parseMsrpUri(other)));
  });

  it('are refused when they are none', () => {
    for (const text of [
      '',
      'http://a/b;tcp',
      'msrp://a:1/b',
      'msrp://a:99999/b;tcp',
      'msrp://a:1/b c;tcp',
      'msrp:///b;tcp',
      `msrp://${'a'.repeat(2000)}/b;tcp`,
    ])
      refuses(() => parseMsrpUri(text));
    refuses(() => parsePath(Array.from({ length: 17 }, () => 'msrp://a:1/b;tcp').join(' ')));
  });
});

describe('Byte-Range', () => {
  it('is read and written, with * for what is not known', () => {
    for (const text of ['1-25/25', '1-*/*', '1-0/0', '2049-*/10485760', '5-4/4'])
      assert.equal(formatByteRange(parseByteRange(text)), text);
  });

  it('is refused when it contradicts itself', () => {
    for (const text of [
      '',
      '1-2',
      '0-1/2',
      '5-3/9',
      '1-10/9',
      '11-*/9',
      '-1-2/3',
      '1-2/3/4',
      `1-${'9'.repeat(16)}/*`,
      '1-2/x',
    ])
      refuses(() => parseByteRange(text));
  });
});

describe('Coverage', () => {
  it('knows what is there, whatever the order, overlaps and repetitions', () => {
    const covered = new Coverage();
    for (const [first, last] of [
      [7, 9],
      [1, 2],
      [8, 12],
      [1, 2],
      [20, 30],
    ] as const)
      covered.add(first, last);
    assert.deepEqual(
      [covered.has(1, 2), covered.has(7, 12), covered.has(2, 7), covered.has(12, 20), covered.pieces],
      [true, true, false, false, 3],
    );
    covered.add(3, 6);
    covered.add(13, 19);
    assert.deepEqual([covered.has(1, 30), covered.has(1, 31), covered.pieces], [true, false, 1]);
  });

  it('has every octet of nothing', () => {
    const covered = new Coverage();
    covered.add(1, 0);
    assert.deepEqual([covered.has(1, 0), covered.has(1, 1), covered.pieces], [true, false, 0]);
  });
});

describe('what is written', () => {
  const head = {
    transaction: 'abcd',
    toPath: 'a',
    fromPath: 'b',
    messageId: 'm',
    range: { start: 1, end: 1, total: 1 },
  };

  it('has no header that would be two', () => {
    refuses(() => writeSendHead({ ...head, contentType: 'text/plain\r\nTo-Path: x' }));
    refuses(() => writeSendHead({ ...head, headers: [{ name: 'X', value: 'a\nb' }], contentType: 'a/b' }));
    refuses(() => writeSendHead({ ...head, headers: [{ name: 'X Y', value: 'a' }], contentType: 'a/b' }));
  });

  it('has transaction ids that do not occur in the content', () => {
    const words = ['aaaa', 'bbbb'];
    const next = transactionIds(() => words.shift() ?? 'cccc');
    assert.equal(next(), 'aaaa0');
    assert.equal(next(Buffer.from('x aaaa1 -------aaaa2$ bbbb3')), 'bbbb2');
  });
});

describe('Status', () => {
  it('is of namespace 000 or nothing', () => {
    assert.deepEqual(parseStatus('000 413 Too large'), { status: 413, comment: 'Too large' });
    assert.deepEqual(parseStatus('000 200'), { status: 200, comment: '' });
    for (const text of [undefined, '', '001 200 OK', '000 20', '200 OK']) assert.equal(parseStatus(text), undefined);
  });
});
