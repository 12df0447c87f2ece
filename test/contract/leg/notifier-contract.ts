import assert from 'node:assert/strict';
import { systemClock } from '../../../lib/base/clock.ts';
import { silentLogger } from '../../../lib/base/log.ts';
import { SipHeaders, type SipRequest } from '../../../lib/codec/sip/message.ts';
import { respondTo } from '../../../lib/codec/sip/respond-to.ts';
import { DigestGuard } from '../../../lib/embedded/core/digest-guard.ts';
import type { AcceptOptions, IncomingSubscription, SipAnswer, SipLeg, SipNotifier } from '../../../lib/sip/leg.ts';
import { createSipSender } from '../../../lib/sip/sender.ts';
import type { ClientSubscription } from '../../../lib/stack/subscription.ts';
import type { ServerTransaction, SipStack } from '../../../lib/stack/types.ts';
import { UserAgent } from '../../../lib/stack/user-agent.ts';
import { newStack } from '../../support/sipd-net.ts';
import type { DialogLegUnderTest } from './dialog-contract.ts';

/** A device that subscribes: a user agent on a stack of its own. */
class Device {
  readonly stack: SipStack = newStack();
  readonly agent: UserAgent = new UserAgent({
    ...{ stack: this.stack, clock: systemClock },
    contact: () => `sip:device@127.0.0.1:${this.stack.listening[0]?.port ?? 0}`,
  });
  /** What it got, in order: NOTIFYs by their state and body, statuses, the end. */
  readonly log: string[] = [];
  answer: (notify: ServerTransaction) => void = (notify) => notify.respond(respondTo(notify.request, 200));
  #serial = 0;

  subscribe(address: string, more: Readonly<Record<string, string>> = {}): ClientSubscription {
    const [host = '', port = ''] = address.split(':');
    const fields = {
      'Max-Forwards': '70',
      From: `<sip:device@example.com>;tag=${this.agent.newTag()}`,
      To: '<sip:push@example.com>',
      'Call-ID': `notifier-${++this.#serial}-${Math.random()}`,
      CSeq: '1 SUBSCRIBE',
      Event: 'oma-push;event-app-id="urn:x"',
      Expires: '600',
      ...more,
    };
    const request: SipRequest = {
      ...{ kind: 'request', method: 'SUBSCRIBE', uri: `sip:push@${address}`, body: Buffer.alloc(0) },
      headers: new SipHeaders(Object.entries(fields).map(([name, value]) => ({ name, value }))),
    };
    return this.agent.subscribe(
      request,
      { protocol: 'udp', host, port: Number(port) },
      {
        onAccepted: ({ headers }) => void this.log.push(`accepted ${headers.get('Expires')}`),
        onNotify: (transaction, { state, reason }) => {
          this.log.push(`${state} ${reason ?? ''} ${transaction.request.body}`.replace(/ +/g, ' ').trim());
          this.answer(transaction);
        },
        onRefused: ({ status, headers }) => {
          this.log.push(`refused ${status} ${headers.get('Allow-Events') ?? ''}`.trim());
        },
        onFailure: (failure) => void this.log.push(failure),
        onEnd: (reason) => void this.log.push(`end ${reason}`),
      },
    );
  }
}

const TEXT = [{ name: 'Content-Type', value: 'text/plain' }];

const statusOf = (answer: SipAnswer): number | string => (answer.kind === 'response' ? answer.status : answer.kind);

/** What SUBSCRIBEs of peers meet on every SipLeg (RFC 6665 section 4.2). */
export function notifierContract(name: string, make: () => Promise<DialogLegUnderTest>): void {
  describe(`SipLeg notifier contract: ${name}`, () => {
    let under: DialogLegUnderTest;
    let leg: SipLeg;
    let device: Device;
    let came: IncomingSubscription[];
    let notifiers: SipNotifier[];
    let ends: string[];

    const until = async (done: () => boolean): Promise<void> => {
      while (!done()) await new Promise((resolve) => setImmediate(resolve));
    };
    const logged = (entry: string): Promise<void> => until(() => device.log.includes(entry));
    const notifier = (): SipNotifier => notifiers[0] ?? assert.fail('no notifier');

    beforeEach(async () => {
      under = await make();
      leg = under.leg;
      device = new Device();
      [came, notifiers, ends] = [[], [], []];
      await device.stack.start();
    });

    afterEach(async () => {
      await leg.stop();
      await under.close();
      device.agent.stop();
      await device.stack.stop();
    });

    async function accepting(options: AcceptOptions = { expires: 300 }): Promise<void> {
      leg.onSubscribe?.((subscription) => {
        came.push(subscription);
        void subscription.accept(options).then((one) => {
          if (one === undefined) return;
          notifiers.push(one);
          one.on('end', (reason) => ends.push(reason));
        });
      });
      await leg.start();
      await until(() => leg.ready);
    }

    /** Subscribes, and waits until both sides know it. */
    async function begun(): Promise<ClientSubscription> {
      const subscription = device.subscribe(under.address());
      await until(() => notifiers.length === 1 && device.log.length >= 2);
      assert.deepEqual([...device.log].sort(), ['accepted 300', 'active']);
      return subscription;
    }

    it('accepts, notifies at once and later, and tells of refreshes and of the end', async () => {
      let state = 'one';
      await accepting({ expires: 300, current: () => ({ headers: TEXT, body: Buffer.from(state) }) });
      const subscription = device.subscribe(under.address());
      await logged('active one');
      await until(() => notifiers.length === 1);
      assert.deepEqual([came[0]?.event, came[0]?.expires, came[0]?.request.method], ['oma-push', 600, 'SUBSCRIBE']);
      assert.ok(device.log.includes('accepted 300'));
      assert.equal(notifier().event, 'oma-push;event-app-id="urn:x"');
      assert.ok(notifier().expires > 250 && notifier().expires <= 300);
      assert.equal(statusOf(await notifier().notify(Buffer.from('two'), TEXT)), 200);
      const refreshes: number[] = [];
      notifier().on('refresh', ({ expires, request }) => refreshes.push(expires, Number(request.get('Expires'))));
      state = 'three';
      const refreshed = await subscription.refresh(100);
      assert.equal(refreshed.kind === 'response' && refreshed.response.headers.get('Expires'), '100');
      await logged('active three');
      state = 'four';
      await subscription.end();
      await logged('end local');
      assert.deepEqual(refreshes, [100, 100, 0, 0]);
      assert.deepEqual(device.log.slice(-2), ['terminated timeout four', 'end local']);
      assert.deepEqual([ends, notifier().ended, notifier().expires], [['remote'], true, 0]);
      assert.equal(statusOf(await notifier().notify()), 'not-sent');
    });

    it('keeps NOTIFYs in order, each behind the answer to the one before', async () => {
      await accepting();
      await begun();
      const answers = await Promise.all(['a', 'b', 'c'].map((body) => notifier().notify(Buffer.from(body), TEXT)));
      assert.deepEqual(answers.map(statusOf), [200, 200, 200]);
      assert.deepEqual(device.log.slice(-3), ['active a', 'active b', 'active c']);
    });

    it('ends by its own word, and knows the subscription no more', async () => {
      await accepting();
      const subscription = await begun();
      const dialog = subscription.dialog;
      await notifier().end('deactivated');
      assert.equal(device.log.at(-2), 'terminated deactivated');
      assert.deepEqual(ends, ['local']);
      const again = dialog?.state.request(
        'SUBSCRIBE',
        { headers: [{ name: 'Event', value: 'oma-push' }] },
        'sip:d@127.0.0.1',
      );
      assert.ok(again !== undefined);
      const [host = '', port = ''] = under.address().split(':');
      const status = await new Promise((resolve) => {
        const hop = { protocol: 'udp', host, port: Number(port) } as const;
        device.stack.request(again, hop, {
          onResponse: (response) => resolve(response.status),
          onFailure: (failure) => resolve(failure),
        });
      });
      assert.equal(status, 481);
    });

    it('ends when the subscriber refuses a NOTIFY by 481', async () => {
      await accepting();
      await begun();
      device.answer = (notify) => notify.respond(respondTo(notify.request, 481));
      assert.equal(statusOf(await notifier().notify()), 481);
      assert.deepEqual([ends, notifier().ended], [['gone'], true]);
    });

    it('stays when a NOTIFY is refused for a while', async () => {
      await accepting();
      await begun();
      device.answer = (notify) =>
        notify.respond(respondTo(notify.request, 503, { headers: [{ name: 'Retry-After', value: '3' }] }));
      assert.equal(statusOf(await notifier().notify()), 503);
      assert.deepEqual([ends, notifier().ended], [[], false]);
    });

    it('answers a fetch by one NOTIFY', async () => {
      await accepting({ expires: 0, current: () => ({ headers: TEXT, body: Buffer.from('now') }) });
      device.subscribe(under.address(), { Expires: '0' });
      await until(() => device.log.some((entry) => entry.startsWith('end')));
      assert.ok(device.log.includes('terminated timeout now'));
      assert.equal(came[0]?.expires, 0);
    });

    it('refuses a refresh that is too short, and one of another package', async () => {
      await accepting({ expires: 300, minExpires: 60 });
      const subscription = await begun();
      const short = await subscription.refresh(10);
      assert.equal(short.kind === 'response' && short.response.headers.get('Min-Expires'), '60');
      const headers = [
        { name: 'Event', value: 'reg' },
        { name: 'Expires', value: '100' },
      ];
      const other = await subscription.dialog?.request('SUBSCRIBE', { headers });
      assert.equal(other?.kind === 'response' && other.response.status, 489);
      assert.equal(notifier().ended, false);
    });

    it('rejects, or passes on', async () => {
      leg.onSubscribe?.((subscription, next) => {
        if (subscription.event === 'reg') next();
        else subscription.reject(489, { headers: { 'Allow-Events': 'oma-push' } });
      });
      await leg.start();
      await until(() => leg.ready);
      device.subscribe(under.address(), { Event: 'presence' });
      await logged('refused 489 oma-push');
      device.subscribe(under.address(), { Event: 'reg' });
      await until(() => device.log.length === 2);
      assert.equal(device.log[1], 'refused 404');
    });

    it('answers a challenge to its NOTIFY', async () => {
      const credentials = [{ realm: 'far.example', username: 'push', password: 'secret' }];
      const sender = createSipSender({ legs: [leg], force: 'auto', log: silentLogger, credentials });
      await accepting({ expires: 300, authorize: sender.authorizeFor({ uri: 'sip:device@example.com' }) });
      const guard = new DigestGuard(systemClock, 'far.example', { push: 'secret' });
      device.answer = (notify) =>
        notify.respond(guard.refuse(notify.request, 'sip:push@far.example') ?? respondTo(notify.request, 200));
      device.subscribe(under.address());
      await until(() => notifiers.length === 1);
      assert.equal(statusOf(await notifier().notify(Buffer.from('secret'), TEXT)), 200);
      assert.equal(notifier().ended, false);
    });

    it('ends without a word when it stops', async () => {
      await accepting();
      await begun();
      await leg.stop();
      assert.deepEqual(ends, ['stopped']);
      assert.equal(statusOf(await notifier().notify()), 'not-sent');
    });
  });
}
