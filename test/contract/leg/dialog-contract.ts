import assert from 'node:assert/strict';
import { systemClock } from '../../../lib/base/clock.ts';
import { randomToken } from '../../../lib/base/ids.ts';
import { silentLogger } from '../../../lib/base/log.ts';
import { tagOf } from '../../../lib/codec/sip/name-addr.ts';
import { respondTo } from '../../../lib/codec/sip/respond-to.ts';
import { DigestGuard } from '../../../lib/embedded/core/digest-guard.ts';
import type { DialogAnswer, OutboundRequest, SipAnswer, SipDialog, SipLeg } from '../../../lib/sip/leg.ts';
import { createSipSender } from '../../../lib/sip/sender.ts';
import type { Dialog } from '../../../lib/stack/dialog.ts';
import type { ServerCall } from '../../../lib/stack/server-call.ts';
import type { ServerTransaction, SipStack } from '../../../lib/stack/types.ts';
import { UserAgent } from '../../../lib/stack/user-agent.ts';
import { newStack } from '../../support/sipd-net.ts';

/** The other end: a user agent on a stack of its own. */
class FarEnd {
  readonly stack: SipStack = newStack();
  readonly agent: UserAgent;
  readonly dialogs: Dialog[] = [];
  /** What happened there, in order. */
  readonly log: string[] = [];

  constructor() {
    const take = this.stack.onRequest.bind(this.stack);
    this.stack.onRequest = (handler) => take((transaction) => this.#challenges(transaction) || handler(transaction));
    this.agent = new UserAgent({ stack: this.stack, clock: systemClock, contact: () => this.uri });
  }

  get uri(): string {
    return `sip:far@127.0.0.1:${this.stack.listening[0]?.port ?? 0};transport=udp`;
  }

  #guard: DigestGuard | undefined;

  /** From now on each request needs credentials, and those that were shown before are good no more. */
  challenge(): void {
    this.#guard = new DigestGuard(systemClock, 'far.example', { push: 'secret' }, ['SHA-256', 'MD5']);
  }

  #challenges(transaction: ServerTransaction): boolean {
    const { request } = transaction;
    if (this.#guard === undefined || request.method === 'ACK') return false;
    const refusal = this.#guard.refuse(request, 'sip:push@far.example');
    if (refusal !== undefined) transaction.respond(refusal);
    this.log.push(`${request.method} ${refusal?.status ?? 'authorised'}`);
    return refusal !== undefined;
  }

  answerCalls(body: string): void {
    this.agent.onInvite((call) => {
      this.log.push(`INVITE ${call.request.body}`);
      call.progress(180);
      const headers = [{ name: 'Content-Type', value: 'application/sdp' }];
      this.dialogs.push(
        call.accept(
          { headers, body: Buffer.from(body) },
          {
            onRequest: (transaction) => {
              this.log.push(`${transaction.request.method} ${transaction.request.body}`);
              transaction.respond(respondTo(transaction.request, 200, { body: Buffer.from('taken') }));
            },
            onEnd: (reason) => this.log.push(`end ${reason}`),
          },
        ),
      );
    });
  }

  takeSubscriptions(): void {
    this.agent.onRequest((transaction) => {
      const { request } = transaction;
      if (request.method !== 'SUBSCRIBE' || tagOf(request.headers.get('To') ?? '') !== undefined) {
        transaction.respond(respondTo(request, 481));
        return;
      }
      const headers = [{ name: 'Expires', value: '600' }];
      const dialog = this.agent.acceptSubscription(
        transaction,
        { headers },
        {
          onRequest: (inDialog) => {
            const expires = inDialog.request.headers.get('Expires') ?? '';
            this.log.push(`SUBSCRIBE ${inDialog.request.headers.get('Event')} ${expires}`);
            inDialog.respond(respondTo(inDialog.request, 200, { headers: [{ name: 'Expires', value: expires }] }));
            if (expires === '0') void this.notify('terminated;reason=timeout');
          },
        },
      );
      this.dialogs.push(dialog);
    });
  }

  async notify(state: string, body = ''): Promise<number> {
    const headers = [
      { name: 'Event', value: 'reg' },
      { name: 'Subscription-State', value: state },
      ...(body === '' ? [] : [{ name: 'Content-Type', value: 'text/plain' }]),
    ];
    const outcome = await this.dialogs[0]?.request('NOTIFY', { headers, body: Buffer.from(body) });
    return outcome?.kind === 'response' ? outcome.response.status : 0;
  }
}

export interface DialogLegUnderTest {
  /** Not started. */
  readonly leg: SipLeg;
  /** `host:port` at which it takes SUBSCRIBEs over UDP, once started. */
  address(): string;
  /** What the NOTIFY that ends a subscription is answered; default 200. */
  readonly lastNotify?: number;
  close(): Promise<void>;
}

/** A drachtio-server remembers dialogs of the last run. */
const RUN = randomToken(6);
let serial = 0;

function requestTo(uri: string, method: string, more: readonly (readonly [string, string])[] = []): OutboundRequest {
  const headers = [
    { name: 'From', value: `<sip:ppg@example.com>;tag=ours${++serial}` },
    { name: 'To', value: '<sip:far@example.com>' },
    { name: 'Call-ID', value: `dialog-${serial}-${RUN}` },
    { name: 'CSeq', value: `1 ${method}` },
    ...more.map(([name, value]) => ({ name, value })),
  ];
  return { method, uri, headers };
}

const offerTo = (uri: string): OutboundRequest => ({
  ...requestTo(uri, 'INVITE', [['Content-Type', 'application/sdp']]),
  body: Buffer.from('v=0 offer'),
});

const subscribeTo = (uri: string): OutboundRequest =>
  requestTo(uri, 'SUBSCRIBE', [
    ['Event', 'reg'],
    ['Expires', '600'],
  ]);

const statusOf = (answer: DialogAnswer | SipAnswer): number | string =>
  answer.kind === 'response' ? answer.status : answer.kind;

function dialogOf(answer: DialogAnswer): SipDialog {
  assert.ok(answer.kind === 'dialog', JSON.stringify(answer));
  return answer.dialog;
}

/** What INVITE and SUBSCRIBE do on every SipLeg. */
export function dialogContract(name: string, make: () => Promise<DialogLegUnderTest>): void {
  describe(`SipLeg dialog contract: ${name}`, () => {
    let under: DialogLegUnderTest;
    let leg: SipLeg;
    let far: FarEnd;
    const until = async (done: () => boolean): Promise<void> => {
      while (!done()) await new Promise((resolve) => setImmediate(resolve));
    };

    beforeEach(async () => {
      under = await make();
      leg = under.leg;
      far = new FarEnd();
      await far.stack.start();
    });

    afterEach(async () => {
      await leg.stop();
      await under.close();
      far.agent.stop();
      await far.stack.stop();
    });

    it('sends nothing before it was started', async () => {
      assert.equal(statusOf(await leg.invite(offerTo(far.uri))), 'not-sent');
      assert.equal(statusOf(await leg.subscribe(subscribeTo(far.uri))), 'not-sent');
    });

    it('calls, sends and takes requests within the dialog, and ends it', async () => {
      await leg.start();
      far.answerCalls('v=0 answer');
      const provisional: number[] = [];
      const seen: string[] = [];
      const answer = await leg.invite(offerTo(far.uri), {
        onProvisional: (status) => void provisional.push(status),
        onRequest: (req, res) => {
          seen.push(`${req.method} ${req.body}`);
          res.send(200);
        },
      });
      const dialog = dialogOf(answer);
      assert.equal(answer.kind === 'dialog' && answer.status, 200);
      assert.equal(dialog.remoteBody.toString(), 'v=0 answer');
      assert.ok(provisional.includes(180));
      const info = await dialog.request('INFO', {
        headers: [{ name: 'Content-Type', value: 'text/plain' }],
        body: Buffer.from('hello'),
      });
      assert.ok(info.kind === 'response' && info.status === 200 && info.body.toString() === 'taken');
      await until(() => far.dialogs[0]?.settled === true);
      const headers = [{ name: 'Content-Type', value: 'text/plain' }];
      const outcome = await far.dialogs[0]?.request('MESSAGE', { headers, body: Buffer.from('dank u') });
      assert.ok(outcome?.kind === 'response' && outcome.response.status === 200);
      assert.deepEqual(seen, ['MESSAGE dank u']);
      const ends: string[] = [];
      dialog.on('end', (reason) => ends.push(reason));
      await dialog.end();
      await until(() => far.log.includes('end remote'));
      assert.deepEqual([ends, dialog.ended], [['local'], true]);
      assert.deepEqual(far.log, ['INVITE v=0 offer', 'INFO hello', 'end remote']);
      assert.equal(statusOf(await dialog.request('INFO')), 'not-sent');
    });

    it('hears of the end when the other side ends the call', async () => {
      await leg.start();
      far.answerCalls('v=0 answer');
      const dialog = dialogOf(await leg.invite(offerTo(far.uri)));
      const ended = new Promise((resolve) => dialog.on('end', resolve));
      await until(() => far.dialogs[0]?.settled === true);
      await far.dialogs[0]?.end();
      assert.equal(await ended, 'remote');
      assert.equal(dialog.ended, true);
    });

    it('is told of a refusal', async () => {
      await leg.start();
      far.agent.onInvite((call) => call.reject(486, { headers: [{ name: 'Retry-After', value: '9' }] }));
      const answer = await leg.invite(offerTo(far.uri));
      assert.ok(answer.kind === 'response');
      assert.deepEqual([answer.status, answer.get('retry-after'), answer.local], [486, '9', false]);
      assert.equal(statusOf(await leg.subscribe(subscribeTo(far.uri))), 405);
    });

    it('cancels a call that rings, and the answer is 487', async () => {
      await leg.start();
      let cancelled = 0;
      let ringing: ServerCall | undefined;
      far.agent.onInvite((call) => {
        ringing = call;
        call.onCancel(() => cancelled++);
        call.progress(180);
      });
      const abort = new AbortController();
      const answer = leg.invite(offerTo(far.uri), { signal: abort.signal, onProvisional: () => abort.abort() });
      assert.equal(statusOf(await answer), 487);
      assert.deepEqual([cancelled, ringing?.request.method], [1, 'INVITE']);
    });

    it('subscribes, is notified, refreshes and ends', async () => {
      await leg.start();
      far.takeSubscriptions();
      const seen: string[] = [];
      const answer = await leg.subscribe(subscribeTo(far.uri), {
        onRequest: (req, res) => {
          seen.push(`${req.method} ${req.get('Subscription-State')} ${req.body}`);
          res.send(200);
        },
      });
      const dialog = dialogOf(answer);
      assert.equal(await far.notify('active;expires=600', 'all well'), 200);
      const headers = [
        { name: 'Event', value: 'reg' },
        { name: 'Expires', value: '300' },
      ];
      assert.equal(statusOf(await dialog.request('SUBSCRIBE', { headers })), 200);
      const ended = new Promise((resolve) => dialog.on('end', resolve));
      await dialog.end();
      await ended;
      assert.equal(seen[0], 'NOTIFY active;expires=600 all well');
      assert.deepEqual(far.log, ['SUBSCRIBE reg 300', 'SUBSCRIBE reg 0']);
    });

    it('hears of the end when the notifier ends the subscription', async () => {
      await leg.start();
      far.takeSubscriptions();
      const seen: (string | undefined)[] = [];
      const answer = await leg.subscribe(subscribeTo(far.uri), {
        onRequest: (req, res) => {
          seen.push(req.get('Subscription-State'));
          res.send(200);
        },
      });
      const dialog = dialogOf(answer);
      const ended = new Promise((resolve) => dialog.on('end', resolve));
      assert.equal(await far.notify('terminated;reason=deactivated'), under.lastNotify ?? 200);
      assert.equal(await ended, 'remote');
      assert.deepEqual([seen, dialog.ended], [['terminated;reason=deactivated'], true]);
    });

    it('answers challenges to a call, and to what follows within it, BYE too', async () => {
      await leg.start();
      far.challenge();
      far.answerCalls('v=0 answer');
      const credentials = [{ realm: 'far.example', username: 'push', password: 'secret' }];
      const sender = createSipSender({ legs: [leg], force: 'auto', log: silentLogger, credentials });
      const { answer, leg: by } = await sender.invite(offerTo(far.uri));
      assert.equal(by, leg.name);
      const dialog = dialogOf(answer);
      await until(() => far.dialogs[0]?.settled === true);
      assert.deepEqual(far.log, ['INVITE 401', 'INVITE authorised', 'INVITE v=0 offer']);
      // the nonce grows old: the next request within the dialog is challenged anew
      far.challenge();
      assert.equal(statusOf(await dialog.request('INFO')), 200);
      assert.deepEqual(far.log.splice(0).slice(3), ['INFO 401', 'INFO authorised', 'INFO ']);
      far.challenge();
      await dialog.end();
      await until(() => far.log.includes('end remote'));
      assert.deepEqual(far.log, ['BYE 401', 'BYE authorised', 'end remote']);
    });

    it('answers challenges to a subscription, its refresh and its end', async () => {
      await leg.start();
      far.challenge();
      far.takeSubscriptions();
      const credentials = [{ realm: 'far.example', username: 'push', password: 'secret' }];
      const sender = createSipSender({ legs: [leg], force: 'auto', log: silentLogger, credentials });
      const { answer } = await sender.subscribe(subscribeTo(far.uri), { onRequest: (_req, res) => void res.send(200) });
      const dialog = dialogOf(answer);
      assert.equal(await far.notify('active;expires=600'), 200);
      far.challenge();
      const headers = [
        { name: 'Event', value: 'reg' },
        { name: 'Expires', value: '300' },
      ];
      assert.equal(statusOf(await dialog.request('SUBSCRIBE', { headers })), 200);
      far.challenge();
      await dialog.end();
      assert.deepEqual(
        far.log.filter((entry) => / (?:401|authorised)$/.test(entry)),
        Array.from({ length: 3 }, () => ['SUBSCRIBE 401', 'SUBSCRIBE authorised']).flat(),
      );
    });

    it('refuses what the other side asks when nobody takes it', async () => {
      await leg.start();
      far.answerCalls('v=0 answer');
      const dialog = dialogOf(await leg.invite(offerTo(far.uri)));
      await until(() => far.dialogs[0]?.settled === true);
      const outcome = await far.dialogs[0]?.request('INFO');
      assert.ok(outcome?.kind === 'response' && outcome.response.status >= 400);
      await dialog.end();
    });

    it('lets no CR, LF or NUL through, in the first request or within the dialog', async () => {
      await leg.start();
      far.answerCalls('v=0 answer');
      const evil = { name: 'X-In', value: 'a\r\nX-Evil: 1' };
      const offer = offerTo(far.uri);
      assert.equal(statusOf(await leg.invite({ ...offer, headers: [...offer.headers, evil] })), 'not-sent');
      const dialog = dialogOf(await leg.invite(offerTo(far.uri)));
      assert.equal(statusOf(await dialog.request('INFO', { headers: [evil] })), 'not-sent');
      await dialog.end();
      assert.equal(far.log.filter((entry) => entry.startsWith('INFO')).length, 0);
    });

    it('settles a call that rings when it stops', async () => {
      await leg.start();
      const arrived = new Promise<void>((resolve) => far.agent.onInvite(() => resolve()));
      const answer = leg.invite(offerTo(far.uri));
      await arrived;
      await leg.stop();
      assert.equal(statusOf(await answer), 'unknown');
    });
  });
}
