import assert from 'node:assert/strict';
import fc from 'fast-check';
import { answerStun, isStun } from '../../../lib/stack/stun.ts';

/** Type, attributes, transaction id (RFC 5389 section 6). */
function stun(
  type: number,
  attributes: Buffer = Buffer.alloc(0),
  id: Buffer = Buffer.from('b7e7a701bc34d686fa87dfae', 'hex'),
): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt16BE(type, 0);
  head.writeUInt16BE(attributes.length, 2);
  head.writeUInt32BE(0x2112a442, 4);
  return Buffer.concat([head, id, attributes]);
}

const attribute = (type: number, value: string): Buffer => {
  const octets = Buffer.alloc(4 + Math.ceil(value.length / 4) * 4);
  octets.writeUInt16BE(type, 0);
  octets.writeUInt16BE(value.length, 2);
  octets.write(value, 4);
  return octets;
};

describe('STUN keep-alives (RFC 5626 section 4.4.2)', () => {
  it('are answered with the address they came from (vectors of RFC 5769 sections 2.2 and 2.3)', () => {
    const four = answerStun(stun(1), '192.0.2.1', 32853);
    assert.equal(four?.toString('hex'), '0101000c2112a442b7e7a701bc34d686fa87dfae002000080001a147e112a643');
    const six = answerStun(stun(1), '2001:db8:1234:5678:11:2233:4455:6677', 32853);
    assert.equal(
      six?.toString('hex'),
      '010100182112a442b7e7a701bc34d686fa87dfae002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9',
    );
  });

  it('know every way to write an IPv6 address', () => {
    const mapped = (host: string): string => {
      const answer = answerStun(stun(1, undefined, Buffer.alloc(12)), host, 0x2112) ?? Buffer.alloc(0);
      const address = Buffer.from(answer.subarray(28));
      address.writeUInt32BE((address.readUInt32BE(0) ^ 0x2112a442) >>> 0, 0);
      return address.toString('hex');
    };
    assert.equal(mapped('::1'), `${'0'.repeat(31)}1`);
    assert.equal(mapped('::'), '0'.repeat(32));
    assert.equal(mapped('fe80::1%eth0'), `fe80${'0'.repeat(27)}1`);
    assert.equal(mapped('1:2:3:4:5:6:7:8'), '00010002000300040005000600070008');
    assert.equal(mapped('2001:db8::'), `20010db8${'0'.repeat(24)}`);
    assert.equal(mapped('::ffff:192.0.2.1'), `${'0'.repeat(20)}ffffc0000201`);
  });

  it('may have attributes that need not be understood', () => {
    const software = stun(1, attribute(0x8022, 'a phone'));
    assert.equal(answerStun(software, '192.0.2.1', 1)?.readUInt16BE(0), 0x0101);
    assert.equal(answerStun(stun(1, attribute(0x0006, 'user')), '192.0.2.1', 1)?.readUInt16BE(0), 0x0101);
  });

  it('get 420 for one that must be and is not', () => {
    const answer = answerStun(
      stun(1, Buffer.concat([attribute(0x0003, 'abcd'), attribute(0x7fff, '')])),
      '192.0.2.1',
      1,
    );
    assert.equal(
      answer?.toString('hex'),
      '01110010' + '2112a442b7e7a701bc34d686fa87dfae' + '0009000400000414' + '000a0004' + '00037fff',
    );
  });

  it('are not answered when they are anything else', () => {
    const others = [
      stun(0x0101), // a response
      stun(0x0011), // an indication
      stun(0x0003), // Allocate
      stun(1, attribute(0x8022, 'x'.repeat(600))),
      stun(1).subarray(0, 19),
      Buffer.concat([stun(1), Buffer.alloc(4)]), // longer than it says
      stun(1, Buffer.from([0x80, 0x22, 0, 200])), // an attribute longer than the message
      stun(1, Buffer.from([0x80, 0x22])),
    ];
    for (const octets of others) assert.equal(answerStun(octets, '192.0.2.1', 1), undefined);
  });

  it('are never taken for SIP, nor SIP for them', () => {
    assert.equal(isStun(stun(1)), true);
    assert.equal(isStun(Buffer.from('OPTIONS sip:a SIP/2.0\r\n\r\n')), false);
    assert.equal(isStun(Buffer.alloc(20)), false);
  });

  it('whatever comes, the answer is bounded', () => {
    const anything = fc.uint8Array({ maxLength: 600 }).map((octets) => Buffer.from(octets));
    const likely = fc
      .tuple(fc.constantFrom(1, 1, 1, 0x101, 2), fc.uint8Array({ maxLength: 64 }))
      .map(([type, attributes]) => stun(type, Buffer.from(attributes)));
    fc.assert(
      fc.property(fc.oneof(anything, likely), (octets) => {
        const answer = answerStun(octets, '2001:db8::1', 5060);
        assert.ok(answer === undefined || answer.length <= octets.length + 24);
      }),
    );
  });
});
