import assert from 'node:assert/strict';
import fc from 'fast-check';
import { PpgError } from '../../../../lib/base/errors.ts';
import { cpimHeader, readCpim, writeCpimHead } from '../../../../lib/codec/cpim/cpim.ts';

const lines = (...all: string[]): Buffer => Buffer.from(all.join('\r\n'));

describe('message/cpim', () => {
  it('is read: headers, those of the entity, and its octets', () => {
    const message = readCpim(
      lines(
        'From: MR SANDERS <im:piglet@100akerwood.com>',
        'cc:;lang=fi Poohbear <im:poohbear@100akerwood.com>',
        'NS: imdn <urn:ietf:params:imdn>',
        'imdn.Message-ID: 34jk324j',
        '',
        'Content-type: text/xml; charset=utf-8',
        'Content-ID: <1234567890@foo.com>',
        '',
        '<body>\r\n</body>',
      ),
    );
    assert.equal(cpimHeader(message.headers, 'imdn.message-id'), '34jk324j');
    assert.equal(message.headers.length, 4);
    assert.deepEqual(
      message.entity.map(({ name }) => name),
      ['Content-type', 'Content-ID'],
    );
    assert.equal(message.body.toString(), '<body>\r\n</body>');
  });

  it('is read with bare line feeds too', () => {
    const { headers, body } = readCpim(Buffer.from('From: <sip:a@b>\n\nContent-Type: text/plain\n\nhello\n\nthere'));
    assert.equal(headers[0]?.value, '<sip:a@b>');
    assert.equal(body.toString(), 'hello\n\nthere');
  });

  it('brings back what was written, whatever is in values and entity', () => {
    fc.assert(
      fc.property(fc.string(), fc.uint8Array(), (value, octets) => {
        const entity = Buffer.from('Content-Type: application/octet-stream\r\n\r\n');
        const head = writeCpimHead([{ name: 'Subject', value: `x${value.trim()}x` }], entity);
        assert.ok(!/[^\r]\n/.test(head.toString('latin1')), 'no line break of its own gets into a header');
        const read = readCpim(Buffer.concat([head, octets]));
        assert.equal(read.headers.length, 1);
        assert.equal(cpimHeader(read.headers, 'Subject'), `x${value.trim()}x`);
        assert.deepEqual(read.body, Buffer.from(octets));
      }),
    );
  });

  it('that is none is refused, and never with another error', () => {
    const far = Buffer.concat([Buffer.from('A: '), Buffer.alloc(17_000, 0x61), Buffer.from('\r\n\r\n\r\n')]);
    const many = Buffer.from(`${'A: b\r\n'.repeat(65)}\r\n\r\n`);
    const broken = [Buffer.alloc(0), lines('A: b'), lines('', '', ''), lines('no name', '', ''), far, many];
    for (const octets of broken)
      assert.throws(() => readCpim(octets), { code: 'PPG_E_CPIM' }, octets.toString('latin1', 0, 40));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (octets) => {
        try {
          readCpim(Buffer.from(octets));
        } catch (error) {
          assert.ok(error instanceof PpgError && error.code === 'PPG_E_CPIM');
        }
      }),
    );
  });
});
