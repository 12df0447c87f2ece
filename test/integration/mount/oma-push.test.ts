import assert from 'node:assert/strict';
import { SipHeaders } from '../../../lib/codec/sip/message.ts';
import { respondTo } from '../../../lib/codec/sip/respond-to.ts';
import type { HeaderField } from '../../../lib/model/push.ts';
import type { Ppg } from '../../../lib/ppg.ts';
import type { SipHandler } from '../../../lib/sip/leg.ts';
import { carriedOut } from '../../support/sipd-net.ts';
import { DOMAIN, type HostApp, type Router } from './host-app.ts';
import { type Form, inState, Scene } from './scene.ts';
import type { User } from './user.ts';

const OWN = `sip:push@${DOMAIN}`;
const EVENT = 'oma-push;event-app-id="x-wap-application:mms.ua"';

for (const form of ['mount', 'chain'] as const) {
  describe(`SUBSCRIBE in an app with a gateway in it (${form})`, () => {
    let scene: Scene;
    let app: HostApp;
    let ppg: Ppg;
    let alice: User;
    /** What the app's own handler of SUBSCRIBE saw: URI and Event. */
    let saw: string[];

    beforeEach(async () => {
      scene = await new Scene().start();
      saw = [];
      alice = scene.user('alice');
    });
    afterEach(() => scene.stop());

    async function begin(as: Form = form, omaPush = true, trustedPeers = ['127.0.0.1']): Promise<void> {
      ({ app, ppg } = await scene.appWithGateway(as, { sip: { omaPush, trustedPeers, registrations: 'none' } }));
      const own: SipHandler = (req, res) => {
        saw.push(`${req.uri} ${req.get('Event')}`);
        res.send(404, { headers: { 'X-App': 'mine' } });
      };
      (app.srf as unknown as Router).use('subscribe', ...(as === 'chain' ? [ppg.middleware, own] : [own]));
      await carriedOut(app.srf);
    }

    const subscribe = (uri: string, event: string, more: readonly HeaderField[] = []): ReturnType<User['ask']> =>
      alice.ask({
        method: 'SUBSCRIBE',
        uri,
        headers: [
          { name: 'Event', value: event },
          { name: 'Expires', value: '600' },
          { name: 'P-Asserted-Identity', value: `<${alice.aor}>` },
          { name: 'Contact', value: `<${scene.net.peer.uri('udp', 'alice')}>;+sip.instance="<urn:uuid:1>"` },
          ...more,
        ],
      });

    it('is taken for pushes to the gateway and to oneself, and the push is a NOTIFY', async () => {
      await begin();
      const notifies: string[] = [];
      scene.net.peer.onRequest = (transaction) => {
        const { request } = transaction;
        if (request.method === 'NOTIFY') notifies.push(request.body.toString());
        transaction.respond(respondTo(request, 200));
      };
      const taken = await subscribe(OWN, EVENT);
      assert.equal(Math.floor(taken.status / 100), 2);
      assert.match(taken.headers.get('Event') ?? '', /mms\.ua/);
      await until(() => ppg.omaPush?.subscriptions === 1);
      const delivered = inState(ppg, 'delivered');
      const headers = { 'X-Wap-Application-Id': 'mms.ua' };
      await ppg.submit({ to: alice.aor, type: 'text/plain', body: 'news', headers, deliveryMethod: 'confirmed' });
      await delivered;
      assert.deepEqual(notifies, ['', 'news']);
      assert.equal(scene.core.requests.length, 0, 'nothing went to the core');
      assert.equal(Math.floor((await subscribe(alice.aor, EVENT)).status / 100), 2);
      assert.deepEqual(saw, []);
    });

    it('is passed on untouched for all else', async () => {
      await begin();
      for (const [uri, event] of [
        [OWN, 'presence'],
        [OWN, 'reg'],
        [`sip:bob@${DOMAIN}`, EVENT],
        [alice.aor, 'message-summary'],
        [scene.appUri, 'dialog;sla'],
      ] as const) {
        const answer = await subscribe(uri, event);
        assert.deepEqual([answer.status, answer.headers.get('X-App')], [404, 'mine'], `${uri} ${event}`);
        assert.equal(saw.at(-1), `${uri} ${event}`);
      }
      assert.equal(saw.length, 5);
    });

    it('is refused where nobody vouches for the user', async () => {
      await begin(form, true, ['192.0.2.1']);
      assert.equal((await subscribe(OWN, EVENT)).status, 403);
      assert.equal((await subscribe(alice.aor, EVENT)).status, 404, 'to a user it is the app’s');
      assert.equal(saw.length, 1);
    });

    it('belongs to the app where the option is off', async () => {
      await begin(form, false);
      assert.equal((await subscribe(OWN, EVENT)).headers.get('X-App'), 'mine');
      assert.equal(ppg.omaPush, undefined);
    });

    it('within a subscription that a gateway before had is answered 481', async () => {
      await begin();
      const fields = {
        'Max-Forwards': '70',
        From: `<${alice.aor}>;tag=mine`,
        To: `<${OWN}>;tag=gone`,
        'Call-ID': 'from-before',
        CSeq: '2 SUBSCRIBE',
        Event: EVENT,
        Expires: '600',
      };
      const headers = new SipHeaders(Object.entries(fields).map(([name, value]) => ({ name, value })));
      const status = await new Promise((resolve, reject) => {
        scene.net.peer.stack.request(
          { kind: 'request', method: 'SUBSCRIBE', uri: scene.appUri, headers, body: Buffer.alloc(0) },
          { protocol: 'udp', host: '127.0.0.1', port: scene.net.sipPort('udp') },
          { onResponse: (response) => resolve(response.status), onFailure: (_failure, cause) => reject(cause) },
        );
      });
      assert.equal(status, 481);
    });
  });
}

async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setImmediate(resolve));
}
