import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { decode } from '../../lib/codec/wbxml/decode.ts';
import type { XmlElement } from '../../lib/codec/wbxml/document.ts';
import { readXml } from '../../lib/codec/wbxml/xml-read.ts';
import { describeWith, XML2WBXML } from '../support/debian.ts';
import { DOMAIN, Scene, until } from './scene.ts';

const ATTRIBUTES: Readonly<Record<string, string>> = {
  href: 'http://www.xyz.com/email/123/abc.wml?a=1&b=2',
  'si-id': 'mail-4',
  created: '1999-06-25T15:23:15Z',
  'si-expires': '1999-06-30T00:00:00Z',
};
const TEXT = ' You have 4 new e-mails — grüße ';
const ACTIONS = ['signal-none', 'signal-low', 'signal-medium', 'signal-high', 'delete', undefined];

function indication(action: string | undefined): { xml: string; fields: Record<string, string> } {
  const fields = action === undefined ? ATTRIBUTES : { ...ATTRIBUTES, action };
  const written = Object.entries(fields).map(([name, value]) => ` ${name}="${value.replaceAll('&', '&amp;')}"`);
  return { xml: `<?xml version="1.0"?><si><indication${written.join('')}>${TEXT}</indication></si>`, fields };
}

const sic = { accept: ['application/vnd.wap.sic'] };

describe('REQ16: what is changed for a device that takes no other form says the same', function () {
  this.timeout(60_000);
  let scene: Scene;
  before(async () => {
    scene = await Scene.of();
  });
  after(() => scene.close());

  /** Octets that a phone got of each service indication, by its action. */
  const compiled = async (user: string): Promise<Map<string | undefined, Buffer>> => {
    const phone = await scene.phone(user, sic);
    const bodies = new Map<string | undefined, Buffer>();
    for (const action of ACTIONS) {
      const pushId = `${user}-${action}`;
      const body = indication(action).xml;
      assert.equal(await scene.code('shop', { pushId, to: [toUser(user)], type: 'text/vnd.wap.si', body }), 1001);
      const push = await until(() => phone.pushes[bodies.size]);
      assert.equal(push.contentType, 'application/vnd.wap.sic');
      bodies.set(action, push.body);
    }
    return bodies;
  };

  const same = (root: XmlElement, action: string | undefined): void => {
    const [first] = root.children;
    assert.ok(typeof first === 'object');
    assert.deepEqual(
      Object.fromEntries(first.attributes),
      indication(action).fields,
      'nothing added, lost or defaulted',
    );
    assert.deepEqual(first.children, [TEXT]);
  };

  it('a compiled service indication keeps href, si-id, created, si-expires, action and text', async () => {
    for (const [action, body] of await compiled('own')) same(decode(body).root, action);
  });

  describeWith(XML2WBXML, 'read by somebody else', () => {
    it('libwbxml reads the same out of it', async () => {
      for (const [action, input] of await compiled('libwbxml')) {
        const { stdout } = spawnSync('wbxml2xml', ['-m', '0', '-k', '-o', '-', '-'], { input, timeout: 20_000 });
        same(readXml(stdout.toString()).root, action);
      }
    });
  });

  for (const [what, wishes] of [
    ['no-transform', { headers: ['Cache-Control: no-transform'], body: indication('delete').xml }],
    ['a document that is broken', { body: '<si><indication>' }],
  ] as const) {
    it(`${what}: 3006, and nothing is sent`, async () => {
      const user = `refused-${what.length}`;
      const phone = await scene.phone(user, sic);
      const submission = {
        pushId: user,
        to: [toUser(user)],
        attributes: scene.notify,
        type: 'text/vnd.wap.si',
        ...wishes,
      };
      assert.equal(await scene.code('shop', submission), 1001);
      const [result] = await until(() => scene.notified(user).length > 0 && scene.notified(user));
      assert.deepEqual([result?.state, result?.code], ['undeliverable', 3006]);
      assert.equal(phone.pushes.length, 0);
    });
  }

  it('a provisioning document with a MAC goes as it is, or not at all', async () => {
    const body = Buffer.from('030b6a00c54601c6550101', 'hex');
    const type = 'application/vnd.wap.connectivity-wbxml; SEC=1; MAC=6F7A4C4AD2BAB4C2C9F6F1C9FD8A3B4E1F2A3B4C';
    const taking = await scene.phone('taking', { accept: ['application/vnd.wap.connectivity-wbxml'] });
    assert.equal(await scene.code('shop', { pushId: 'mac-1', to: [toUser('taking')], type, body }), 1001);
    const [push] = await until(() => taking.pushes.length > 0 && taking.pushes);
    assert.deepEqual([push?.contentType, push?.body], [type, body]);

    await scene.phone('not-taking', { accept: ['text/vnd.wap.connectivity-xml'] });
    const refused = { pushId: 'mac-2', to: [toUser('not-taking')], attributes: scene.notify, type, body };
    assert.equal(await scene.code('shop', refused), 1001);
    const [result] = await until(() => scene.notified('mac-2').length > 0 && scene.notified('mac-2'));
    assert.equal(result?.code, 3006);
  });

  it('an operator may have nothing changed at all: then it is a mismatch, 2005', async () => {
    const strict = await Scene.of({ config: { content: { transform: false } } });
    try {
      const phone = await strict.phone('plain', sic);
      const body = indication('delete').xml;
      const wishes = { pushId: 'off', to: [toUser('plain')], attributes: strict.notify, type: 'text/vnd.wap.si', body };
      assert.equal(await strict.code('shop', wishes), 1001);
      const [result] = await until(() => strict.notified('off').length > 0 && strict.notified('off'));
      assert.equal(result?.code, 2005);
      assert.equal(phone.pushes.length, 0);
    } finally {
      await strict.close();
    }
  });

  it('a type that the phone takes in no form is a mismatch, 2005', async () => {
    await scene.phone('neither', { accept: ['text/plain'] });
    const body = indication('delete').xml;
    const wishes = {
      pushId: 'neither',
      to: [toUser('neither')],
      attributes: scene.notify,
      type: 'text/vnd.wap.si',
      body,
    };
    assert.equal(await scene.code('shop', wishes), 1001);
    const [result] = await until(() => scene.notified('neither').length > 0 && scene.notified('neither'));
    assert.equal(result?.code, 2005);
  });
});

const toUser = (user: string): string => `sip:${user}@${DOMAIN}`;
