import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { basic } from '../support/tenants.ts';
import { Scene, until } from './scene.ts';

const SI = [
  '<?xml version="1.0"?>',
  '<!DOCTYPE si PUBLIC "-//WAPFORUM//DTD SI 1.0//EN" "http://www.wapforum.org/DTD/si.dtd">',
  '<si><indication href="http://www.xyz.com/email/123/abc.wml" si-id="mail-4" action="signal-medium"',
  ' created="1999-06-25T15:23:15Z" si-expires="1999-06-30T00:00:00Z">You have 4 new e-mails — grüße</indication></si>',
].join('\n');

const everyOctet = Buffer.from(Array.from({ length: 1024 }, (_, i) => i % 256));

describe('REQ16: content reaches the phone as it was submitted', () => {
  let scene: Scene;
  let phone: Awaited<ReturnType<Scene['phone']>>;
  before(async () => {
    scene = await Scene.of();
    phone = await scene.phone('alice', { applications: ['wml.ua', 'mms.ua'] });
  });
  after(() => scene.close());

  for (const [what, type, body] of [
    ['text', 'text/plain; charset=utf-8', Buffer.from('grüße, κόσμε, 世界\r\n\r\n  ')],
    ['a service indication, with created, si-expires, action and si-id', 'text/vnd.wap.si', Buffer.from(SI)],
    ['every octet', 'application/octet-stream', everyOctet],
    ['nothing', 'text/plain', Buffer.alloc(0)],
    ['what looks like the end of a multipart', 'text/plain', Buffer.from('--b\r\n--b--\r\n--conformance')],
    ['compiled XML', 'application/vnd.wap.sic', Buffer.from('02056a0045c60d0378797a0001', 'hex')],
    [
      'a multipart with its boundary',
      'multipart/mixed; boundary="in ner"',
      Buffer.from('--in ner\r\n\r\na\r\n--in ner--'),
    ],
    ['20,000 octets', 'application/x-large', Buffer.alloc(20_000, 'ab\0')],
  ] as const) {
    it(`${what}: the same octets and the same type`, async () => {
      const before = phone.pushes.length;
      assert.equal(await scene.code('shop', { pushId: what, type, body }), 1001);
      const [push] = await until(() => phone.pushes.length > before && phone.pushes.slice(before));
      assert.equal(push?.sha256, createHash('sha256').update(body).digest('hex'));
      assert.equal(push?.contentType, type);
    });
  }

  it('headers of the content that SIP has a meaning for come under their own prefix, the others as they are', async () => {
    const before = phone.pushes.length;
    const headers = [
      'X-Wap-Application-Id: x-wap-application:wml.ua',
      'X-Wap-Content-URI: http://www.xyz.com/a',
      'Content-Language: fi',
      'Expires: Wed, 30 Jun 2099 00:00:00 GMT',
      'Cache-Control: no-transform',
    ];
    await scene.code('shop', { pushId: 'headers', headers });
    const [push] = await until(() => phone.pushes.length > before && phone.pushes.slice(before));
    const get = (name: string): string | undefined => push?.headers.get(name);
    assert.equal(get('X-Wap-Application-Id'), 'x-wap-application:wml.ua');
    assert.equal(get('X-Wap-Content-URI'), 'http://www.xyz.com/a');
    assert.equal(get('Content-Language'), 'fi');
    assert.equal(get('X-Push-Entity-Expires'), 'Wed, 30 Jun 2099 00:00:00 GMT');
    assert.equal(get('X-Push-Entity-Cache-Control'), 'no-transform');
  });

  it('what cannot be read is refused, not mended', async () => {
    const { text } = await scene.post('--b\r\nno multipart', 'multipart/related; boundary=b', basic('shop'));
    assert.match(text, /code="2000"/);
  });
});
