import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import fc from 'fast-check';
import { LONGEST_FRAME, toSrfCall } from '../../../../lib/sip/drachtio/frame.ts';
import type { OutboundRequest } from '../../../../lib/sip/leg.ts';

const SipMessage = createRequire(import.meta.url)('drachtio-srf/lib/sip-parser/message') as new (
  options: object,
) => { toString(): string };

const UUID = '01234567-89ab-cdef-0123-456789abcdef';

const text = (length: number, more: Partial<OutboundRequest> = {}): OutboundRequest => ({
  method: 'MESSAGE',
  uri: 'sip:bob@example.com',
  headers: [
    { name: 'From', value: '<sip:ppg@example.com>;tag=a' },
    { name: 'Content-Type', value: 'text/plain' },
  ],
  body: Buffer.alloc(length, 'x'),
  ...more,
});

function call(
  request: OutboundRequest,
  domain?: string,
): { uri: string; proxy?: string; headers: object; bytes: number } {
  const result = toSrfCall(request, domain);
  if (result.kind !== 'call') throw new Error(`${result.code} ${result.reason}`);
  const { proxy, headers } = result.options;
  return { uri: result.uri, headers, bytes: result.frameBytes, ...(proxy !== undefined && { proxy }) };
}

function refusal(request: OutboundRequest, domain?: string): string {
  const result = toSrfCall(request, domain);
  if (result.kind !== 'cannot') throw new Error('it was not refused');
  return `${result.code} ${result.reason}`;
}

describe('the call of srf.request', () => {
  it('has the size of the frame that drachtio-srf will write, to the octet', () => {
    const value = fc.string({ unit: 'grapheme', maxLength: 40 }).filter((one) => !/\p{Cc}/u.test(one));
    const name = fc.constantFrom('Subject', 'X-A', 'P-Asserted-Identity', 'Accept-Contact', 'call-id');
    fc.assert(
      fc.property(
        fc.array(fc.record({ name, value })),
        fc.string({ unit: 'grapheme' }).filter((body) => !body.includes('\0')),
        fc.option(fc.constant('sip:192.0.2.1:5060;lr'), { nil: undefined }),
        (headers, body, nextHop) => {
          const result = toSrfCall(
            {
              ...{ method: 'message', uri: 'sip:a@b' },
              headers: [...headers, { name: 'Content-Type', value: 'text/plain' }],
              body: Buffer.from(body),
              ...(nextHop !== undefined && { nextHop }),
            },
            undefined,
          );
          if (result.kind !== 'call') throw new Error(result.reason);
          const { proxy } = result.options;
          const message = new SipMessage({ ...result.options, uri: result.uri }).toString();
          const payload = `${UUID}|sip||${proxy === undefined ? '' : `|${proxy}`}\r\n${message}`;
          const longestCount = String(LONGEST_FRAME).length;
          assert.equal(result.frameBytes, longestCount + 1 + Buffer.byteLength(payload));
        },
      ),
    );
  });

  it('never makes a frame over 4,000 octets', () => {
    let longest = 0;
    for (let length = 3_400; length < 4_100; length++) {
      const result = toSrfCall(text(length), undefined);
      if (result.kind === 'cannot') {
        assert.match(result.reason, /octets/);
        assert.equal(result.code, 'PPG_E_LEG_CANNOT');
      } else longest = Math.max(longest, result.frameBytes);
    }
    assert.equal(longest, LONGEST_FRAME);
  });

  it('rewrites a tel: URI and never lets one through', () => {
    assert.equal(call(text(1, { uri: 'tel:+1-555-0100' }), 'example.com').uri, 'sip:+15550100@example.com;user=phone');
    assert.equal(
      call(text(1, { uri: 'TEL:911;phone-context=+1' }), 'example.com').uri,
      'sip:911;phone-context=+1@example.com;user=phone',
    );
    assert.match(refusal(text(1, { uri: 'tel:+1555' })), /^PPG_E_LEG_CANNOT a tel: URI/);
    assert.match(refusal(text(1, { uri: 'tel:+1@evil' }), 'example.com'), /^PPG_E_LEG_CANNOT a tel: URI/);
  });

  it('refuses what drachtio-server would drop, cut or let become another header', () => {
    const header = (name: string, value: string): OutboundRequest => text(1, { headers: [{ name, value }] });
    assert.match(refusal(header('Route', '<sip:a;lr>')), /^PPG_E_LEG_CANNOT .*Route/);
    assert.match(refusal(header('X', 'a\r\nX-Evil: 1')), /^PPG_E_SIP_HEADER/);
    assert.match(refusal(header('X', 'a\n')), /^PPG_E_SIP_HEADER/);
    assert.match(refusal(header('X', 'a\0')), /^PPG_E_SIP_HEADER/);
    assert.match(refusal(header('X: y\r\nZ', 'a')), /^PPG_E_SIP_HEADER/);
    assert.match(refusal(header('__proto__', 'a')), /^PPG_E_SIP_HEADER/);
    assert.match(refusal(text(1, { body: Buffer.from('a\0b') })), /^PPG_E_LEG_CANNOT .*NUL/);
    assert.match(refusal(text(1, { body: Buffer.of(0x80) })), /^PPG_E_LEG_CANNOT .*UTF-8/);
    assert.match(refusal(text(1, { headers: [] })), /^PPG_E_SIP_HEADER .*Content-Type/);
    for (const uri of ['urn:service:sos', 'sip:a b', 'sip:a@b\r\nX: y', 'sip:a|b', 'http://x'])
      assert.match(refusal(text(1, { uri })), /^PPG_E_LEG_CANNOT/, uri);
    assert.match(refusal(text(1, { nextHop: 'sip:h|x' })), /^PPG_E_LEG_CANNOT .*next hop/);
    assert.match(refusal(text(1, { method: 'A B' })), /^PPG_E_SIP_HEADER/);
  });

  it('leaves out what the server makes, and joins fields of one name', () => {
    const headers = [
      { name: 'Accept-Contact', value: '*;a' },
      { name: 'c', value: 'text/plain' },
      { name: 'accept-contact', value: '*;b' },
      { name: 'Via', value: 'x' },
      { name: 'content-length', value: '3' },
    ];
    assert.deepEqual(call(text(1, { headers })).headers, {
      'Accept-Contact': '*;a, *;b',
      'Content-Type': 'text/plain',
    });
  });

  it('asks for TCP beyond 1,300 octets, and leaves the request URI alone', () => {
    const long = (uri: string, nextHop?: string): string | undefined => {
      const made = call(text(1_200, { uri, ...(nextHop !== undefined && { nextHop }) }));
      assert.equal(made.uri, uri);
      return made.proxy;
    };
    assert.equal(call(text(100)).proxy, undefined);
    assert.equal(call(text(100, { nextHop: 'sip:192.0.2.1' })).proxy, 'sip:192.0.2.1');
    assert.equal(long('sip:b:pw@example.com:5080;user=phone?a=b'), 'sip:example.com:5080;transport=tcp');
    assert.equal(long('sip:b@example.com;maddr=192.0.2.3'), 'sip:192.0.2.3;transport=tcp');
    assert.equal(long('sip:b@example.com;transport=tcp'), undefined);
    assert.equal(long('sips:b@example.com'), undefined);
    assert.equal(long('sip:b@c', 'sip:192.0.2.1:5060;lr'), 'sip:192.0.2.1:5060;lr;transport=tcp');
    assert.equal(long('sip:b@c', 'sip:192.0.2.1;transport=udp;lr'), 'sip:192.0.2.1;lr;transport=tcp');
    assert.equal(long('sip:b@c', 'sip:192.0.2.1;transport=TCP'), 'sip:192.0.2.1;transport=TCP');
  });
});
