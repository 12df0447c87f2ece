import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { silentLogger } from '../../../lib/base/log.ts';
import { createNotificationPost, type NotificationPost } from '../../../lib/engine/notify-http.ts';
import type { Notification } from '../../../lib/model/delivery.ts';

const document = (element: string): string =>
  '<?xml version="1.0"?><!DOCTYPE pap PUBLIC "-//WAPFORUM//DTD PAP 2.0//EN" ' +
  `"http://www.openmobilealliance.org/tech/DTD/pap_2.0.dtd"><pap>${element}</pap>`;

const response = (code: string): string =>
  document(`<resultnotification-response push-id="p1" ${code}></resultnotification-response>`);

describe('the answer to a result notification', () => {
  let server: Server;
  let notifications: NotificationPost;
  let answer: { status: number; type: string; body: string };

  beforeEach(async () => {
    server = createServer((request, res) => {
      request.resume();
      if (request.url === '/silent') return;
      request.on('end', () => res.writeHead(answer.status, { 'Content-Type': answer.type }).end(answer.body));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const options = { allowPrivate: true, timeout: 5000, perTarget: 1, log: silentLogger };
    notifications = createNotificationPost({ ...options, identity: 'sip:push@ims.test' });
  });

  afterEach(async () => {
    await notifications.close();
    await new Promise((resolve) => server.close(resolve));
  });

  const notificationTo = (path: string): Notification => ({
    push: 'k1',
    index: 0,
    initiator: 'pi',
    pushId: 'p1',
    notifyUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`,
    papVersion: '2.0',
    address: { aor: 'sip:u1@ims.test', text: 'WAPPUSH=u1/TYPE=USER@ppg.test' },
    state: 'delivered',
    code: 1000,
    desc: 'OK',
    deliveredBy: 'confirmed',
    receivedTime: 0,
    eventTime: 0,
    tries: 0,
  });

  const posted = (body: string, status = 200, type = 'application/xml') => {
    answer = { status, type, body };
    return notifications.post(notificationTo('/result'));
  };

  it('that does not come in time is told with the time', async () => {
    const impatient = createNotificationPost({
      allowPrivate: true,
      timeout: 100,
      log: silentLogger,
      perTarget: 1,
      identity: 'sip:push@ims.test',
    });
    const { ok, hopeless, cause } = await impatient.post(notificationTo('/silent'));
    await impatient.close();
    assert.deepEqual({ ok, hopeless, cause }, { ok: false, hopeless: false, cause: 'no answer within 100 ms' });
  });

  for (const [what, body, type] of [
    ['a code of success', response('code="1000" desc="OK"'), 'application/xml'],
    ['a code of success in single quotes', response("code='1000'"), 'text/xml'],
    ['HTML', '<html>thanks</html>', 'text/html'],
    ['HTML beyond all bounds', `<html>${'x'.repeat(200_000)}</html>`, 'text/html'],
    ['XML that cannot be read', '<pap><resultnotification', 'application/xml'],
    ['nothing', '', 'application/xml'],
  ] as const) {
    it(`${what} with 2xx counts as received`, async () => {
      assert.equal((await posted(body, 202, type)).ok, true);
    });
  }

  it('a PAP refusal with 2xx is no receipt: 2xxx is for good, 3xxx is tried again', async () => {
    const forGood = await posted(response('code="2000" desc="no"'));
    assert.deepEqual([forGood.ok, forGood.hopeless], [false, true]);
    const later = await posted(response('code="3000" desc="busy"'));
    assert.deepEqual([later.ok, later.hopeless], [false, false]);
    const bad = await posted(document('<badmessage-response code="2000" bad-message-fragment="&lt;x"/>'));
    assert.deepEqual([bad.ok, bad.hopeless], [false, true]);
  });

  it('a success that is only quoted in a refusal does not count', async () => {
    const quoted = '&lt;resultnotification-response code=&quot;1000&quot;';
    const answered = await posted(document(`<badmessage-response code="2000" bad-message-fragment="${quoted}"/>`));
    assert.equal(answered.ok, false);
  });

  it('a status other than 2xx is tried again whatever the body says', async () => {
    const answered = await posted(response('code="1000"'), 503);
    assert.deepEqual([answered.ok, answered.hopeless ?? false], [false, false]);
  });
});
