import assert from 'node:assert/strict';
import { tagOf } from '../../../lib/codec/sip/name-addr.ts';
import { respondTo } from '../../../lib/codec/sip/respond-to.ts';
import type { Dialog } from '../../../lib/stack/dialog.ts';
import type { ClientSubscription } from '../../../lib/stack/subscription.ts';
import type { ServerTransaction } from '../../../lib/stack/types.ts';
import { statusOf, TwoAgents } from '../../support/user-agents.ts';

describe('subscriptions over UDP on loopback (RFC 6665)', () => {
  let net: TwoAgents;
  let log: string[];
  let notifiers: Dialog[];
  /** SUBSCRIBEs that came within the dialog, by their Expires. */
  let refreshes: string[];
  let subscription: ClientSubscription;

  beforeEach(async () => {
    net = await new TwoAgents().start();
    [log, notifiers, refreshes] = [[], [], []];
  });

  afterEach(() => net.stop());

  const state = (value: string) => ({
    headers: [
      { name: 'Event', value: 'reg' },
      { name: 'Subscription-State', value },
    ],
  });

  const notify = (value: string): Promise<unknown> =>
    notifiers[0]?.request('NOTIFY', state(value)) ?? Promise.reject(new Error('no dialog'));

  function takeSubscriptions(expires = 600): void {
    net.b.agent.onRequest((transaction) => {
      if (tagOf(transaction.request.headers.get('To') ?? '') !== undefined) {
        transaction.respond(respondTo(transaction.request, 481));
        return;
      }
      const dialog = net.b.agent.acceptSubscription(
        transaction,
        { headers: [{ name: 'Expires', value: String(expires) }] },
        {
          onRequest: (inDialog) => {
            const asked = inDialog.request.headers.get('Expires') ?? '';
            refreshes.push(asked);
            const headers = [{ name: 'Expires', value: asked }];
            inDialog.respond(respondTo(inDialog.request, 200, { headers }));
            if (asked === '0') void notify('terminated;reason=timeout');
          },
        },
      );
      notifiers.push(dialog);
    });
  }

  function subscribe(more: Record<string, string> = {}, method = 'SUBSCRIBE'): ClientSubscription {
    const request = net.request(method, { Event: 'reg', Expires: '600', ...more });
    subscription = net.a.agent.subscribe(request, net.toB, {
      onAccepted: ({ status }) => void log.push(`accepted ${status}`),
      onNotify: (transaction, { state: word, expires }) => {
        log.push(`notify ${word} ${expires ?? ''}`.trim());
        transaction.respond(respondTo(transaction.request, 200));
      },
      onRefused: ({ status }) => void log.push(`refused ${status}`),
      onFailure: (failure) => void log.push(failure),
      onEnd: (reason, last) => void log.push(`end ${reason} ${last?.reason ?? ''}`.trim()),
    });
    return subscription;
  }

  const seen = (entry: string) => net.until(() => log.includes(entry));

  async function settled(): Promise<void> {
    await net.run(80_000, () => net.a.agent.dialogs + net.a.stack.counters.clientTransactions === 0, 1000);
    assert.equal(net.a.agent.dialogs, 0);
    net.b.agent.stop();
    await net.run(80_000, () => net.open === 0, 1000);
    assert.equal(net.open, 0);
    assert.equal(net.clock.pending, 0);
  }

  it('begin, are notified, refreshed and ended by the subscriber', async () => {
    takeSubscriptions();
    subscribe();
    await seen('accepted 200');
    await notify('active;expires=599');
    assert.equal(statusOf(await subscription.refresh(300)), 200);
    await subscription.end();
    await seen('end local timeout');
    assert.deepEqual(log, ['accepted 200', 'notify active 599', 'notify terminated', 'end local timeout']);
    assert.deepEqual(refreshes, ['300', '0']);
    await settled();
  });

  it('are ended by the notifier, and say why', async () => {
    takeSubscriptions();
    subscribe();
    await seen('accepted 200');
    await notify('terminated;reason=deactivated;retry-after=3');
    await seen('end remote deactivated');
    assert.equal(statusOf(await subscription.refresh(10)), 'ended');
    await settled();
  });

  it('take a NOTIFY that comes before the 2xx, and one dialog is made', async () => {
    let held: ServerTransaction | undefined;
    net.b.agent.onRequest((transaction) => {
      held = transaction;
      const { headers } = transaction.request;
      const swapped = net.request('NOTIFY', {
        From: `${headers.get('To')};tag=notifier`,
        To: headers.get('From') ?? '',
        'Call-ID': headers.get('Call-ID') ?? '',
        Contact: `<sip:b@127.0.0.1:${net.b.port}>`,
        Event: 'reg',
        'Subscription-State': 'pending;expires=600',
      });
      const hop = { protocol: 'udp', host: '127.0.0.1', port: net.a.port } as const;
      net.b.stack.request(swapped, hop, {
        onResponse: ({ status }) => void log.push(`answered ${status}`),
        onFailure: (failure) => assert.fail(failure),
      });
    });
    subscribe();
    await seen('answered 200');
    assert.ok(held);
    const headers = [
      { name: 'Contact', value: `<sip:b@127.0.0.1:${net.b.port}>` },
      { name: 'Expires', value: '600' },
    ];
    held.respond(respondTo(held.request, 202, { toTag: 'notifier', headers }));
    await seen('accepted 202');
    assert.deepEqual(log, ['notify pending 600', 'answered 200', 'accepted 202']);
    assert.equal(net.a.agent.dialogs, 1);
    assert.equal(subscription.dialog?.state.remoteTag, 'notifier');
    subscription.abandon();
    await settled();
  });

  it('expire when nobody refreshes them', async () => {
    takeSubscriptions(60);
    subscribe();
    await seen('accepted 200');
    await notify('active');
    await net.run(61_000, () => log.includes('end expired'), 1000);
    assert.equal(log.at(-1), 'end expired');
    await settled();
  });

  it('end when no NOTIFY comes within 64*T1 (timer N)', async () => {
    takeSubscriptions();
    subscribe();
    await seen('accepted 200');
    await net.run(33_000, () => log.length > 1, 1000);
    assert.deepEqual(log, ['accepted 200', 'end expired']);
    await settled();
  });

  it('are refused, or meet silence', async () => {
    net.b.agent.onRequest((transaction) => transaction.respond(respondTo(transaction.request, 489)));
    subscribe();
    await seen('refused 489');
    net.b.agent.onRequest(() => undefined);
    subscribe();
    await net.run(33_000, () => log.length > 1);
    assert.deepEqual(log, ['refused 489', 'timeout']);
    await settled();
  });

  it('are gone when the notifier says 481 to a refresh', async () => {
    takeSubscriptions();
    subscribe();
    await seen('accepted 200');
    notifiers[0]?.finish('gone');
    assert.equal(statusOf(await subscription.refresh(10)), 481);
    assert.equal(log.at(-1), 'end gone');
    await settled();
  });

  it('come of a REFER too (RFC 3515)', async () => {
    takeSubscriptions();
    subscribe({ 'Refer-To': '<sip:c@example.com>' }, 'REFER');
    await seen('accepted 200');
    await notifiers[0]?.request('NOTIFY', {
      headers: [
        { name: 'Event', value: 'refer;id=100' },
        { name: 'Subscription-State', value: 'terminated;reason=noresource' },
      ],
      body: Buffer.from('SIP/2.0 200 OK\r\n'),
    });
    await seen('end remote noresource');
    await settled();
  });

  it('are one, though the SUBSCRIBE was forked: NOTIFYs of the other branch get 481 (section 4.5.2)', async () => {
    takeSubscriptions();
    subscribe();
    await seen('accepted 200');
    await notify('active;expires=599');
    const { headers } = subscription.request;
    const other = net.request('NOTIFY', {
      From: `${headers.get('To')};tag=other`,
      To: headers.get('From') ?? '',
      'Call-ID': headers.get('Call-ID') ?? '',
      Contact: `<sip:other@127.0.0.1:${net.b.port}>`,
      Event: 'reg',
      'Subscription-State': 'active;expires=600',
    });
    const status = await new Promise((resolve, reject) => {
      const hop = { protocol: 'udp', host: '127.0.0.1', port: net.a.port } as const;
      net.b.stack.request(other, hop, {
        onResponse: (response) => resolve(response.status),
        onFailure: (failure) => reject(new Error(failure)),
      });
    });
    assert.equal(status, 481);
    assert.deepEqual(log, ['accepted 200', 'notify active 599']);
    assert.equal(await notify('active;expires=598').then((outcome) => statusOf(outcome as { kind: string })), 200);
    subscription.abandon();
    await settled();
  });

  it('answer a NOTIFY of another event package with 489, and go on', async () => {
    takeSubscriptions();
    subscribe();
    await seen('accepted 200');
    const headers = [
      { name: 'Event', value: 'presence' },
      { name: 'Subscription-State', value: 'terminated' },
    ];
    const outcome = await notifiers[0]?.request('NOTIFY', { headers });
    assert.equal(statusOf(outcome ?? { kind: '' }), 489);
    await notify('active;expires=99');
    await subscription.end();
    await seen('end local timeout');
    assert.deepEqual(log.slice(0, 2), ['accepted 200', 'notify active 99']);
    await settled();
  });

  it('answer a NOTIFY of nobody with 481, and one without a state with 400', async () => {
    takeSubscriptions();
    subscribe();
    await seen('accepted 200');
    const outcome = await notifiers[0]?.request('NOTIFY', { headers: [{ name: 'Event', value: 'reg' }] });
    assert.equal(statusOf(outcome ?? { kind: '' }), 400);
    subscription.abandon();
    assert.equal(statusOf(((await notify('active')) ?? { kind: '' }) as { kind: string }), 481);
    await settled();
  });
});
