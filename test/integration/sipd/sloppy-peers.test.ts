import assert from 'node:assert/strict';
import { respondTo } from '../../../lib/codec/sip/respond-to.ts';
import { RawApp } from '../../support/raw-app.ts';
import { onSipd, SECRET, SipdNet } from '../../support/sipd-net.ts';

describe('sipd, between applications and peers that do not keep the rules,', () => {
  let net: SipdNet;
  let app: RawApp;

  beforeEach(async () => {
    net = await new SipdNet().start();
    app = await RawApp.authenticated(net.appPort, SECRET);
  });

  afterEach(async () => {
    await app.close();
    await net.stop();
  });

  onSipd('answers 400 to what no dialog can be made of, before an application has it', async () => {
    for (const verb of ['invite', 'subscribe']) assert.match(await app.ask(`route|${verb}`), /\|OK$/);
    const to = { protocol: 'udp', port: net.sipPort('udp') } as const;
    const contact = { name: 'Contact', value: '<sip:bob@127.0.0.1>' };
    for (const method of ['INVITE', 'SUBSCRIBE']) {
      for (const value of [';;;', '<tel:+1555>', '<sip:bob@', '"'])
        assert.equal((await net.peer.send(method, to, [{ name: 'Contact', value }])).status, 400, `${method} ${value}`);
      const route = { name: 'Record-Route', value: '<sip:a' };
      assert.equal((await net.peer.send(method, to, [contact, route])).status, 400);
    }
    assert.deepEqual(app.unread, []);
  });

  onSipd('cancels the call of an application that is gone', async () => {
    const cancelled = new Promise<void>((resolve) => {
      net.peer.onRequest = (transaction) => {
        transaction.onCancel?.(() => {
          transaction.respond(respondTo(transaction.request, 487));
          resolve();
        });
        transaction.respond(respondTo(transaction.request, 180));
      };
    });
    app.send(`sip||\r\nINVITE ${net.peer.uri()} SIP/2.0\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n`);
    while (!(await app.next()).includes('SIP/2.0 180'));
    await app.close();
    await cancelled;
  });
});
