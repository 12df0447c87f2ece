import assert from 'node:assert/strict';
import { PpgError } from '../../../../lib/base/errors.ts';
import type { EndFlag, MsrpRequestHead, MsrpResponse } from '../../../../lib/codec/msrp/message.ts';
import { MsrpReader } from '../../../../lib/codec/msrp/reader.ts';

type Read = { head?: MsrpRequestHead; body: string; flag?: EndFlag; response?: MsrpResponse };

/** Reads a stream that comes in pieces of `step` octets. */
function read(
  text: string | Buffer,
  step: number = Number.POSITIVE_INFINITY,
  limits?: { headBytes: number; headerCount: number },
): Read[] {
  const octets = Buffer.isBuffer(text) ? text : Buffer.from(text, 'latin1');
  const all: Read[] = [];
  const reader = new MsrpReader(
    {
      onRequest: (head) => all.push({ head, body: '' }),
      onBody: (piece) => {
        const last = all.at(-1);
        assert.ok(last);
        last.body += piece.toString('latin1');
      },
      onEnd: (flag) => {
        const last = all.at(-1);
        assert.ok(last);
        last.flag = flag;
      },
      onResponse: (response) => all.push({ body: '', response }),
    },
    limits,
  );
  for (let at = 0; at < octets.length; at += step) reader.push(octets.subarray(at, at + step));
  return all;
}

const SEND =
  'MSRP a786hjs2 SEND\r\nTo-Path: msrp://bob.example.com:8888/9di4eae923wzd;tcp\r\n' +
  'From-Path: msrp://alice.example.com:7777/iau39soe2843z;tcp\r\nMessage-ID: 87652491\r\nByte-Range: 1-25/25\r\n' +
  'Content-Type: text/plain\r\n\r\nHey Bob, are you there?\r\n\r\n-------a786hjs2$\r\n';
const OK =
  'MSRP a786hjs2 200 OK\r\nTo-Path: msrp://alice.example.com:7777/iau39soe2843z;tcp\r\n' +
  'From-Path: msrp://bob.example.com:8888/9di4eae923wzd;tcp\r\n-------a786hjs2$\r\n';
const EMPTY = 'MSRP d93kswow SEND\r\nTo-Path: msrp://b:1/s;tcp\r\nFrom-Path: msrp://a:1/s;tcp\r\n-------d93kswow$\r\n';

describe('the MSRP reader', () => {
  for (const step of [1, 2, 3, 7, 16, 100, Number.POSITIVE_INFINITY]) {
    it(`reads requests and responses that come ${step} octets at a time`, () => {
      const [send, ok, empty] = read(`\r\n${SEND}${OK}\r\n\r\n${EMPTY}`, step);
      assert.deepEqual(
        [send?.head?.method, send?.head?.hasBody, send?.body, send?.flag],
        ['SEND', true, 'Hey Bob, are you there?\r\n', '$'],
      );
      assert.deepEqual(send?.head?.headers[3], { name: 'Byte-Range', value: '1-25/25' });
      assert.deepEqual(
        [ok?.response?.status, ok?.response?.comment, ok?.response?.transaction],
        [200, 'OK', 'a786hjs2'],
      );
      assert.deepEqual([empty?.head?.hasBody, empty?.body, empty?.flag], [false, '', '$']);
    });

    it(`takes what only looks like an end-line for content, ${step} octets at a time`, () => {
      const tricky = '\r\n-------abcd\r\n-------abcd!\r\n-------abcd$x\r\n-------abce$\r\n\r\r\n-------abc';
      const [message] = read(`MSRP abcd SEND\r\nContent-Type: a/b\r\n\r\n${tricky}\r\n-------abcd+\r\n`, step);
      assert.equal(message?.body, tricky);
      assert.equal(message?.flag, '+');
    });
  }

  it('hands content on without copying it', () => {
    const octets = Buffer.from(SEND, 'latin1');
    let given: Buffer | undefined;
    const nothing = (): void => undefined;
    new MsrpReader({ onRequest: nothing, onEnd: nothing, onResponse: nothing, onBody: (one) => (given = one) }).push(
      octets,
    );
    assert.equal(given?.buffer, octets.buffer);
  });

  for (const [what, text] of Object.entries({
    'another protocol': 'GET / HTTP/1.1\r\n\r\n',
    'a transaction id of three': 'MSRP abc SEND\r\n',
    'a transaction id of 33': `MSRP ${'a'.repeat(33)} SEND\r\n`,
    'a status of two digits': 'MSRP abcd 20 OK\r\n',
    'a method in lower case': 'MSRP abcd send\r\n',
    'content in a response': 'MSRP abcd 200 OK\r\nTo-Path: a\r\n\r\n',
    'a head without end': `MSRP abcd SEND\r\nX-A: ${'b'.repeat(40_000)}`,
  })) {
    it(`refuses ${what}`, () => {
      for (const step of [1000, Number.POSITIVE_INFINITY])
        assert.throws(
          () => read(text, step),
          (error) => error instanceof PpgError && error.code === 'PPG_E_MSRP_SYNTAX',
        );
    });
  }

  for (const [what, lines] of Object.entries({
    'a header without colon': 'To-Path\r\n',
    'a folded header': 'To-Path: a\r\n b\r\n',
    'a NUL in a header': 'To-Path: a\0b\r\n',
    'a bare CR in a header': 'To-Path: a\rb\r\n',
    'too many headers': 'X-A: b\r\n'.repeat(200),
  })) {
    it(`calls a request with ${what} malformed, and reads on behind it`, () => {
      const bad = `MSRP abcd SEND\r\n${lines}Content-Type: a/b\r\n\r\nx\r\n-------abcd$\r\n`;
      for (const step of [1, 1000, Number.POSITIVE_INFINITY]) {
        const [request, next] = read(bad + SEND, step);
        assert.notEqual(request?.head?.malformed, undefined);
        assert.deepEqual([request?.body, next?.head?.malformed, next?.flag], ['x', undefined, '$']);
      }
    });
  }

  it('reads nothing more once it has refused', () => {
    const seen: string[] = [];
    const note = (what: string) => (): void => void seen.push(what);
    const reader = new MsrpReader({
      onRequest: note('request'),
      onBody: note('body'),
      onEnd: note('end'),
      onResponse: note('response'),
    });
    assert.throws(() => reader.push(Buffer.from('nonsense\r\n')));
    reader.push(Buffer.from(SEND));
    assert.deepEqual(seen, []);
  });

  it('holds back no more than an end-line may have', () => {
    const nothing = (): void => undefined;
    const reader = new MsrpReader({ onRequest: nothing, onBody: nothing, onEnd: nothing, onResponse: nothing });
    reader.push(Buffer.from('MSRP abcd SEND\r\nContent-Type: a/b\r\n\r\n'));
    for (let at = 0; at < 1000; at++) {
      reader.push(Buffer.alloc(10_000, '\r\n-------abc'));
      assert.ok(reader.held < 20, `${reader.held}`);
    }
  });
});
