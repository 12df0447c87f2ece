import assert from 'node:assert/strict';
import { CPIM_TYPE, readCpim, writeCpimHead } from '../../lib/codec/cpim/cpim.ts';
import { IMDN_TYPE, readImdn, writeImdn } from '../../lib/codec/imdn/imdn.ts';
import { writeHeaderBlock } from '../../lib/codec/mime/header-block.ts';
import { SipHeaders } from '../../lib/codec/sip/message.ts';
import { readEntity } from '../../lib/embedded/phone/entity.ts';
import { imdnWish } from '../../lib/embedded/phone/imdn.ts';
import type { FuzzTarget } from './fuzz.ts';
import { buffers } from './tools.ts';

/** Messages in CPIM, with and without a wish to be told of them. */
const cpim: FuzzTarget = {
  name: 'cpim',
  seeds: buffers(
    'From: MR SANDERS <sip:push@ims.test>\r\nTo: <sip:alice@ims.test>\r\nDateTime: 2026-09-21T14:00:00Z\r\nNS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: 01abc\r\nimdn.Disposition-Notification: positive-delivery, negative-delivery\r\n\r\nContent-Type: text/plain; charset=utf-8\r\nContent-ID: <a@b>\r\n\r\nhello',
    'From: <im:a@b>\nSubject:;lang=fi \\u00e4\\\\ \\n\n\nContent-Type: a/b\n\n',
    'NS: i <urn:ietf:params:imdn>\r\ni.Message-ID: 1\r\ni.Disposition-Notification: display\r\nFrom: <sip:a@b>\r\n\r\n\r\n',
  ),
  words: [
    ...['\r\n', '\n\n', '\r\n\r\n', ': ', ':;lang=', '\\u000a', '\\u000d\\u000a', '\\', '\\u', '\0', '<', '>', 'NS: '],
    ...['imdn.', '.', 'From: <sip:', 'Content-Type: message/imdn+xml', 'urn:ietf:params:imdn', 'positive-delivery'],
  ],
  run(octets) {
    const entity = readEntity(new SipHeaders([{ name: 'Content-Type', value: CPIM_TYPE }]), octets, true);
    assert.equal(entity.profile, entity.malformed === undefined ? 'cpim' : 'headers');
    const { headers, entity: inner, body } = readCpim(octets);
    const wish = imdnWish(headers);
    assert.doesNotMatch(wish?.sender ?? '', /[\r\n\0<>]/);
    // What was read can be written, and no escape in it becomes a line of its own.
    const again = readCpim(Buffer.concat([writeCpimHead(headers, writeHeaderBlock(inner)), body]));
    assert.deepEqual(
      again.headers.map(({ name }) => name),
      headers.map(({ name }) => name),
    );
    assert.ok(again.body.equals(body));
  },
};

/** Notifications. */
const imdn: FuzzTarget = {
  name: 'imdn',
  seeds: buffers(
    '<?xml version="1.0" encoding="UTF-8"?><imdn xmlns="urn:ietf:params:xml:ns:imdn"><message-id>34jk324j</message-id><datetime>2008-04-04T12:16:49-05:00</datetime><recipient-uri>sip:bob@example.com</recipient-uri><delivery-notification><status><delivered/></status></delivery-notification></imdn>',
    '<i:imdn xmlns:i="urn:ietf:params:xml:ns:imdn"><i:message-id>a&amp;b</i:message-id><i:display-notification><i:status><i:displayed/></i:status></i:display-notification></i:imdn>',
    '<imdn><message-id>1</message-id><processing-notification><status><stored/></status></processing-notification></imdn>',
  ),
  words: [
    ...['<imdn ', '<message-id>', '</message-id>', '<status>', '<failed/>', '<delivery-notification>', '/>', 'xmlns="'],
    ...['&#13;', '&lt;', '&#0;', '<![CDATA[', ']]>', '<!DOCTYPE a [', '<!ENTITY a "b">', '&a;', '\xff\xfe', '<!--'],
  ],
  run(octets) {
    const read = readImdn(octets);
    if (read === undefined) return;
    assert.ok(read.messageId.length > 0 && read.status.length > 0);
    const written = writeImdn(read, { at: 0, recipient: 'sip:a@b' });
    // XML 1.0 section 2.11; what it discourages (section 2.2) is not written.
    const line = (text: string): string =>
      text
        .replace(/\r\n?/g, '\n')
        .replace(/[\u007f-\u009f]/g, '')
        .trim();
    if (line(read.messageId) === '') return;
    const again = readImdn(written);
    assert.deepEqual(
      { ...again, messageId: line(again?.messageId ?? '') },
      { ...read, messageId: line(read.messageId) },
      IMDN_TYPE,
    );
  },
};

export const IMDN_TARGETS: readonly FuzzTarget[] = [cpim, imdn];
