import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { DOMAIN, Scene, until } from './scene.ts';

/** OMA-TS-DM_Notification: MD5 digest, version 1.2, UI mode and initiator, session, server identifier. */
function dmNotification(): Buffer {
  const server = Buffer.from('dm.example.com');
  const header = Buffer.from([0x03, 0x08, 0x00, 0x00, 0x00, 0x12, 0x34, server.length]);
  const trigger = Buffer.concat([header, server]);
  return Buffer.concat([createHash('md5').update(trigger).digest(), trigger]);
}

describe('use case C: notification of device management', () => {
  let scene: Scene;
  before(async () => {
    scene = await Scene.of();
  });
  after(() => scene.close());

  it('reaches the device management client of the device that is addressed, octet for octet, and nobody else', async () => {
    const managed = await scene.phone('alice', { applications: ['syncml.dm', 'wml.ua'] });
    const same = await scene.phone('alice', { applications: ['syncml.dm'] });
    const other = await scene.phone('alice', { applications: ['mms.ua'] });
    const body = dmNotification();
    assert.ok(body.includes(0), 'it has octets that no text has');
    const code = await scene.code('shop', {
      pushId: 'dm',
      to: [`sip:alice@${DOMAIN};gr=${managed.instance}`],
      // application id 7 of the OMNA registry: syncml.dm
      headers: ['X-Wap-Application-Id: 7'],
      type: 'application/vnd.syncml.notification',
      body,
      qos: 'delivery-method="confirmed"',
      attributes: scene.notify,
    });
    assert.equal(code, 1001);
    const { state, code: result } = await until(() => scene.notified('dm')[0]);
    assert.deepEqual([state, result], ['delivered', 1000]);
    const [push] = managed.pushes;
    assert.equal(push?.contentType, 'application/vnd.syncml.notification');
    assert.deepEqual(push.body, body);
    assert.deepEqual([managed.pushes.length, same.pushes.length, other.pushes.length], [1, 0, 0]);
  });

  it('to a device without such a client is undeliverable 2006, and nothing is sent', async () => {
    const phone = await scene.phone('bob', { applications: ['mms.ua'] });
    await scene.code('shop', {
      pushId: 'none',
      to: [`sip:bob@${DOMAIN};gr=${phone.instance}`],
      headers: ['X-Wap-Application-Id: x-wap-application:syncml.dm'],
      type: 'application/vnd.syncml.notification',
      body: dmNotification(),
      attributes: scene.notify,
    });
    const { state, code } = await until(() => scene.notified('none')[0]);
    assert.deepEqual([state, code], ['undeliverable', 2006]);
    assert.equal(phone.counters.pushes, 0);
  });
});
