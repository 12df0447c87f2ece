import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readXml } from '../../lib/codec/wbxml/xml-read.ts';
import { MEDIA_FORMS } from '../../lib/model/media-forms.ts';
import { describeWith, XML2WBXML } from '../support/debian.ts';
import { Scene, until } from './scene.ts';

/** One document of each type that has two forms, and the WBXML version that its specification writes. */
const DOCUMENTS: Readonly<Record<string, readonly [version: string, root: string, xml: string]>> = {
  'text/vnd.wap.si': [
    '1.2',
    'si',
    '<si><indication href="http://www.xyz.com/email/123/abc.wml" si-id="mail-4" action="signal-high" created="1999-06-25T15:23:15Z" si-expires="1999-06-30T00:00:00Z">You have 4 new e-mails — grüße &amp; more</indication><info><item class="from">Ünal</item><item class="from">Ünal</item></info></si>',
  ],
  'text/vnd.wap.sl': ['1.2', 'sl', '<sl href="https://www.example.org/ppaid/123/abc.wml" action="execute-high"/>'],
  'text/vnd.wap.co': [
    '1.2',
    'co',
    '<co><invalidate-object uri="http://www.xyz.com/x/"/><invalidate-service uri="http://abc.net/"/></co>',
  ],
  'text/vnd.wap.emn+xml': ['1.3', 'emn', '<emn mailbox="mailat:joe@wapforum.org" timestamp="2002-04-16T06:40:00Z"/>'],
  'text/vnd.wap.connectivity-xml': [
    '1.3',
    'wap-provisioningdoc',
    '<wap-provisioningdoc version="1.0"><characteristic type="NAPDEF"><parm name="NAPID" value="internet"/><parm name="BEARER" value="GSM-GPRS"/><parm name="NAP-ADDRESS" value="internet"/><parm name="NAP-ADDRTYPE" value="APN"/></characteristic><characteristic type="APPLICATION"><parm name="APPID" value="w2"/><parm name="TO-NAPID" value="internet"/><characteristic type="APPAUTH"><parm name="AAUTHTYPE" value="HTTP-DIGEST"/></characteristic></characteristic></wap-provisioningdoc>',
  ],
};

const tool = (program: string, options: readonly string[], input: Buffer): Buffer => {
  const { status, stdout, stderr } = spawnSync(program, [...options, '-o', '-', '-'], { input, timeout: 20_000 });
  assert.equal(status, 0, `${stderr}`);
  return stdout;
};

describeWith(
  XML2WBXML,
  'REQ10: documents with two forms reach the phone in the one it takes, as libwbxml makes it',
  function () {
    this.timeout(60_000);
    let scene: Scene;
    before(async () => {
      scene = await Scene.of();
    });
    after(() => scene.close());

    for (const { text, binary } of MEDIA_FORMS) {
      const [version = '', root = '', xml = ''] = DOCUMENTS[text] ?? [];
      const document = Buffer.from(`<?xml version="1.0"?>\n${xml}\n`);
      const octets = (): Buffer => tool('xml2wbxml', ['-v', version], document);

      it(`${text} to a phone that takes ${binary} only`, async () => {
        const user = `b-${root}`;
        const phone = await scene.phone(user, { accept: ['text/plain', binary] });
        assert.equal(await scene.code('shop', { pushId: user, to: [to(user)], type: text, body: document }), 1001);
        const [push] = await until(() => phone.pushes.length > 0 && phone.pushes);
        assert.equal(push?.contentType, binary);
        assert.equal(push?.body.toString('hex'), octets().toString('hex'));
      });

      it(`${binary} to a phone that takes ${text} only`, async () => {
        const user = `t-${root}`;
        const phone = await scene.phone(user, { accept: [text] });
        assert.equal(await scene.code('shop', { pushId: user, to: [to(user)], type: binary, body: octets() }), 1001);
        const [push] = await until(() => phone.pushes.length > 0 && phone.pushes);
        assert.equal(push?.contentType, `${text}; charset=utf-8`);
        assert.equal(push?.body.toString(), tool('wbxml2xml', ['-m', '0', '-k'], octets()).toString());
        assert.deepEqual(readXml(push?.body.toString() ?? ''), readXml(document.toString()));
      });
    }
  },
);

const to = (user: string): string => `sip:${user}@ims.test`;
