import assert from 'node:assert/strict';
import { respondTo } from '../../../lib/codec/sip/respond-to.ts';
import type { Dialog } from '../../../lib/stack/dialog.ts';
import {
  type AppDialogOf,
  type AppRequest,
  type AppResponse,
  CallNet,
  hopTo,
  offer,
  SDP,
  until,
} from '../../support/call-net.ts';
import { FakeClock } from '../../support/fake-clock.ts';

type Listener = (...args: never[]) => void;

const state = (value: string): object => ({ Event: 'reg', 'Subscription-State': value });

describe('applications of drachtio-srf on sipd', () => {
  let net: CallNet;

  afterEach(() => net.stop());

  describe('subscriptions', () => {
    beforeEach(async () => {
      net = await new CallNet({ timers: { t1: 20, t2: 80, t4: 100 } }).start();
    });

    it('of a peer are dialogs of the application: NOTIFYs leave, refresh and end come', async () => {
      const taken: AppDialogOf[] = [];
      const events: string[] = [];
      await net.app((app) =>
        app.use('subscribe', (req, res) => {
          void app.createUAS(req, res, { headers: { Expires: '600' } }).then((dialog) => {
            taken.push(dialog);
            dialog.on('subscribe', ((_again: AppRequest, answer: AppResponse) => {
              events.push('refresh');
              answer.send(200, { headers: { Expires: '600' } });
            }) as Listener);
            dialog.on('unsubscribe', () => events.push('unsubscribe'));
          });
        }),
      );
      const notified: string[] = [];
      let subscribed: Dialog | undefined;
      const request = net.alice.request('SUBSCRIBE', net.port, {
        headers: [
          { name: 'Event', value: 'reg' },
          { name: 'Expires', value: '600' },
        ],
      });
      net.alice.agent.subscribe(request, hopTo(net.port), {
        onAccepted: (_response, dialog) => {
          subscribed = dialog;
        },
        onNotify: (notify, { state }) => {
          notified.push(state);
          notify.respond(respondTo(notify.request, 200));
        },
        onRefused: ({ status }) => void notified.push(String(status)),
        onFailure: (failure) => void notified.push(failure),
      });
      await until(() => taken.length === 1 && subscribed !== undefined);
      assert.equal(net.sipd.dialogs, 1);
      const [dialog] = taken;
      assert.equal((await dialog?.request({ method: 'NOTIFY', headers: state('active;expires=600') }))?.status, 200);
      const again = (expires: string) => ({
        headers: [
          { name: 'Event', value: 'reg' },
          { name: 'Expires', value: expires },
        ],
      });
      const outcome = await subscribed?.request('SUBSCRIBE', again('600'));
      assert.ok(outcome?.kind === 'response' && outcome.response.status === 200);
      await subscribed?.request('SUBSCRIBE', again('0'));
      await dialog?.destroy();
      await until(() => notified.includes('terminated'));
      assert.deepEqual(
        [notified, events],
        [
          ['active', 'terminated'],
          ['refresh', 'unsubscribe'],
        ],
      );
      await until(() => net.sipd.dialogs === 0);
    });

    it('of an application get the NOTIFYs of the peer, and end with the last', async () => {
      let notifier: Dialog | undefined;
      net.bob.agent.onRequest((transaction) => {
        notifier = net.bob.agent.acceptSubscription(transaction, { headers: [{ name: 'Expires', value: '600' }] });
      });
      const app = await net.app();
      const dialog = await app.createUAC(net.bob.uri, {
        method: 'SUBSCRIBE',
        // drachtio-srf looks for the subscription under the user that the NOTIFY is to.
        headers: { Event: 'reg', Expires: '600', From: '<sip:bob@127.0.0.1>' },
      });
      const bodies: string[] = [];
      dialog.on('notify', ((req: AppRequest, res: AppResponse) => {
        bodies.push(req.get('Subscription-State'));
        res.send(200);
      }) as Listener);
      for (const value of ['active', 'terminated;reason=timeout']) {
        const headers = [
          { name: 'Event', value: 'reg' },
          { name: 'Subscription-State', value },
        ];
        const outcome = await notifier?.request('NOTIFY', { headers });
        assert.ok(outcome?.kind === 'response');
        // as by drachtio-server, which forgets the last one with what it ends
        assert.equal(outcome.response.status, value === 'active' ? 200 : 500);
      }
      await until(() => bodies.length === 2);
      assert.deepEqual(bodies, ['active', 'terminated;reason=timeout']);
      assert.equal(net.sipd.dialogs, 0);
    });
  });

  describe('several of them', () => {
    beforeEach(async () => {
      net = await new CallNet({ timers: { t1: 20, t2: 80, t4: 100 } }).start();
    });

    it('take calls in turn, and the calls of one that is lost are over', async () => {
      const taken: string[] = [];
      for (const name of ['one', 'two'])
        await net.app((app) =>
          app.use('invite', (req, res) => {
            taken.push(name);
            void app.createUAS(req, res, { localSdp: SDP });
          }),
        );
      const dialogs: Dialog[] = [];
      for (let i = 0; i < 4; i++) {
        const { dialog } = await net.alice.call(net.port).final;
        assert.ok(dialog !== undefined);
        dialogs.push(dialog);
      }
      assert.deepEqual(taken, ['one', 'two', 'one', 'two']);
      net.apps[0]?.disconnect();
      await until(() => net.sipd.clients === 1);
      const outcomes = [];
      for (const dialog of dialogs) {
        const outcome = await dialog.request('INFO');
        outcomes.push(outcome.kind === 'response' ? outcome.response.status : outcome.failure);
      }
      assert.deepEqual(outcomes, [481, 200, 481, 200]);
      for (let i = 0; i < 2; i++) await net.alice.call(net.port).final;
      assert.deepEqual(taken.slice(4), ['two', 'two']);
    });

    it('are told of calls by records: attempt, start and stop', async () => {
      const records: unknown[] = [];
      await net.app((app) => {
        app.on('cdr:attempt', ((source: string, _time: string, msg: { method: string }) =>
          records.push(['attempt', source, msg.method])) as Listener);
        app.on('cdr:start', ((source: string, _time: string, role: string) =>
          records.push(['start', source, role])) as Listener);
        app.on('cdr:stop', ((source: string, _time: string, reason: string) =>
          records.push(['stop', source, reason])) as Listener);
        app.use('invite', (req, res) => {
          if (req.has('X-Busy')) res.send(486);
          else void app.createUAS(req, res, { localSdp: SDP });
        });
      });
      const { dialog } = await net.alice.call(net.port).final;
      await dialog?.end();
      await net.alice.call(net.port, { headers: [{ name: 'X-Busy', value: 'yes' }] }).final;
      await until(() => records.length === 5);
      assert.deepEqual(records, [
        ['attempt', 'network', 'INVITE'],
        ['start', 'application', 'uas'],
        ['stop', 'network', 'normal-release'],
        ['attempt', 'network', 'INVITE'],
        ['stop', 'application', 'call-rejected'],
      ]);
    });
  });

  describe('session timers', () => {
    let clock: FakeClock;
    let dialogs: AppDialogOf[];
    let acks: number;

    beforeEach(async () => {
      clock = new FakeClock();
      [dialogs, acks] = [[], 0];
      net = await new CallNet({ clock }).start();
      const taken = (dialog: AppDialogOf): void => {
        dialogs.push(dialog);
        dialog.on('ack', () => acks++);
      };
      await net.app((app) =>
        app.use('invite', (req, res) => void app.createUAS(req, res, { localSdp: SDP }).then(taken)),
      );
    });

    const timer = (value: string) => ({
      ...offer(),
      headers: [...(offer().headers ?? []), { name: 'Supported', value: 'timer' }, { name: 'Session-Expires', value }],
    });

    it('too short are refused by the server', async () => {
      const { dialog } = await net.alice.call(net.port).final;
      const outcome = await dialog?.request('INVITE', timer('30'));
      assert.ok(outcome?.kind === 'response');
      assert.deepEqual([outcome.response.status, outcome.response.headers.get('Min-SE')], [422, '90']);
    });

    it('that the peer does not keep end the call, and the application hears why', async () => {
      const call = net.alice.call(net.port, timer('90;refresher=uac'));
      const { response, dialog } = await call.final;
      assert.equal(response.headers.get('Session-Expires'), '90;refresher=uac');
      await until(() => dialogs.length === 1);
      const ended = new Promise((resolve) =>
        dialogs[0]?.on('destroy', ((_req: AppRequest, why: string) => resolve(why)) as Listener),
      );
      assert.ok(dialog !== undefined);
      await until(() => acks === 1);
      dialog.agree(response.headers, undefined, 'uac'); // the peer forgets
      clock.tick(60_000);
      assert.equal(await ended, 'Session timer expired');
      assert.equal(await call.ended, 'remote');
    });

    it('that are the servers to keep are kept by its own re-INVITE, which the application does not see', async () => {
      let seen = 0;
      const refreshed: string[] = [];
      net.alice.inDialog = {
        onRequest: (transaction) => {
          refreshed.push(`${transaction.request.method} ${transaction.request.headers.get('Session-Expires')}`);
          const headers = [...(offer().headers ?? []), { name: 'Session-Expires', value: '120;refresher=uac' }];
          transaction.respond(respondTo(transaction.request, 200, { ...offer(), headers }));
        },
      };
      const { dialog } = await net.alice.call(net.port, timer('120;refresher=uas')).final;
      await until(() => dialogs.length === 1);
      dialogs[0]?.on('modify', () => seen++);
      await until(() => acks === 1);
      clock.tick(61_000);
      await until(() => refreshed.length === 1);
      assert.deepEqual([refreshed, seen], [['INVITE 120;refresher=uac'], 0]);
      assert.equal(dialog?.ended, undefined);
    });
  });
});
