import assert from 'node:assert/strict';
import type { ResultNotification } from '../../lib/codec/pap/messages.ts';
import { basic } from '../support/tenants.ts';
import { DOMAIN, Scene, until } from './scene.ts';

describe('use case E: capabilities are checked before delivery', () => {
  let scene: Scene;
  before(async () => {
    scene = await Scene.of();
  });
  after(() => scene.close());

  const qos = 'delivery-method="confirmed"';
  const push = (user: string, pushId: string, type: string): Promise<number> =>
    scene.code('shop', { pushId, to: [`sip:${user}@${DOMAIN}`], type, qos, attributes: scene.notify });
  const end = (pushId: string): Promise<ResultNotification> => until(() => scene.notified(pushId)[0]);

  it('a type that the device told in its answer to OPTIONS that it does not take: undeliverable 2005, no MESSAGE is sent', async () => {
    const phone = await scene.phone('alice', { accept: ['text/plain', 'image/*'] });
    assert.equal(await push('alice', 'html', 'text/html'), 1001);
    const { state, code } = await end('html');
    assert.deepEqual([state, code], ['undeliverable', 2005]);
    assert.deepEqual([phone.counters.options, phone.counters.pushes], [1, 0]);
  });

  it('a type that it told is delivered, and it is not asked again', async () => {
    const phone = await scene.phone('bob', { accept: ['text/plain', 'image/*'] });
    await push('bob', 'plain', 'text/plain;charset=utf-8');
    assert.equal((await end('plain')).state, 'delivered');
    await push('bob', 'image', 'image/png');
    assert.equal((await end('image')).state, 'delivered');
    assert.deepEqual([phone.counters.options, phone.counters.pushes], [1, 2]);
  });

  it('of two devices only the one that takes the type is sent it', async () => {
    const [one, other] = [
      await scene.phone('carol', { accept: ['text/plain'] }),
      await scene.phone('carol', { accept: ['text/html'] }),
    ];
    await push('carol', 'two', 'text/html');
    assert.equal((await end('two')).state, 'delivered');
    assert.deepEqual([one.counters.pushes, other.counters.pushes], [0, 1]);
  });

  it('a device that registers with other features is asked again', async () => {
    const instance = 'urn:uuid:00000000-0000-4000-8000-000000000001';
    const before = await scene.phone('dave', { accept: ['text/plain'], instance });
    await push('dave', 'before', 'text/html');
    assert.equal((await end('before')).code, 2005);
    await before.deregister();
    const after = await scene.phone('dave', { accept: ['text/html'], instance, applications: ['wml.ua', 'mms.ua'] });
    await push('dave', 'after', 'text/html');
    assert.equal((await end('after')).state, 'delivered');
    assert.deepEqual([before.counters.pushes, after.counters.pushes], [0, 1]);
  });

  it('what a device has refused is not sent to it a second time', async () => {
    const phone = await scene.phone('erin', { answers: '415' });
    await push('erin', 'first', 'text/html');
    const first = await end('first');
    assert.deepEqual([first.state, first.code], ['aborted', 5238]);
    await push('erin', 'second', 'text/html');
    const second = await end('second');
    assert.deepEqual([second.state, second.code], ['undeliverable', 2005]);
    assert.equal(phone.counters.pushes, 1);
  });

  it('a capability query tells what the device told', async () => {
    await scene.phone('frank', { accept: ['text/plain'], userAgent: 'Phone-X/1.0' });
    const query = `<ccq-message query-id="q"><address address-value="sip:frank@${DOMAIN}"/></ccq-message>`;
    const document = `<?xml version="1.0"?><pap>${query}</pap>`;
    const { text } = await scene.post(document, 'application/xml', basic('shop'));
    assert.match(text, /<rdf:li>text\/plain<\/rdf:li>/);
    assert.match(text, /<prf:BrowserName>Phone-X\/1\.0<\/prf:BrowserName>/);
  });
});
