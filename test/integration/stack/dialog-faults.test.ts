import assert from 'node:assert/strict';
import type { SipResponse } from '../../../lib/codec/sip/message.ts';
import { type ResponseParts, respondTo } from '../../../lib/codec/sip/respond-to.ts';
import type { Dialog } from '../../../lib/stack/dialog.ts';
import type { Outcome } from '../../../lib/stack/dialog-host.ts';
import { DialogState } from '../../../lib/stack/dialog-state.ts';
import type { ServerTransaction } from '../../../lib/stack/types.ts';
import { answering, statusOf, TwoAgents } from '../../support/user-agents.ts';

/** Peers that offer at the wrong time, write what cannot be read, or fall silent. */
describe('dialogs over UDP on loopback, with sloppy peers', () => {
  let net: TwoAgents;
  let acks: number;

  beforeEach(async () => {
    acks = 0;
    net = await new TwoAgents().start();
  });

  afterEach(() => net.stop());

  const settled = async (): Promise<void> => {
    for (let turn = 0; turn < 2; turn++) await net.run(80_000, () => net.open === 0, 1000);
    assert.equal(net.open, 0);
    assert.equal(net.clock.pending, 0);
  };

  /** A confirmed dialog, as both sides have it. */
  async function confirmed(invite: Record<string, string> = {}): Promise<{ ours: Dialog; theirs: Dialog }> {
    const b = answering(net.b);
    const seen = net.call({}, net.request('INVITE', invite));
    await net.until(() => seen.final && b.dialogs[0]?.settled === true);
    const [theirs] = b.dialogs;
    assert.ok(theirs);
    return { ours: seen.dialog, theirs };
  }

  /** The callee as a test writes it, without a user agent: every request comes to `respond`. */
  async function scripted(respond: (transaction: ServerTransaction) => void): Promise<Dialog> {
    const contact = { name: 'Contact', value: `<sip:b@127.0.0.1:${net.b.port}>` };
    let first = true;
    net.b.stack.onRequest((transaction) => {
      const { request } = transaction;
      if (request.method === 'ACK') acks++;
      else if (first) transaction.respond(respondTo(request, 200, { toTag: 'b', headers: [contact] }));
      else respond(transaction);
      first = false;
    });
    const seen = net.call();
    await net.until(() => seen.final && acks > 0);
    return seen.dialog;
  }

  const answer = (transaction: ServerTransaction, status: number, parts: ResponseParts = {}): void =>
    transaction.respond(respondTo(transaction.request, status, parts));

  const headerOf = (outcome: Outcome, name: string): string | undefined =>
    outcome.kind === 'response' ? outcome.response.headers.get(name) : undefined;

  for (const method of ['INVITE', 'UPDATE'])
    it(`answer 491 to the offer of an UPDATE that meets their own ${method} (RFC 3311 section 5.2)`, async () => {
      const { ours, theirs } = await confirmed();
      const held: ServerTransaction[] = [];
      theirs.listener = { onRequest: (transaction) => held.push(transaction) };
      const first = ours.request(method, { body: Buffer.from('offer') });
      await net.until(() => held.length > 0);
      const crossing = theirs.state.request('UPDATE', { body: Buffer.from('offer') }, 'sip:b@127.0.0.1');
      const statuses: number[] = [];
      net.b.stack.request(
        crossing,
        { protocol: 'udp', host: '127.0.0.1', port: net.a.port },
        {
          onResponse: ({ status }) => statuses.push(status),
          onFailure: () => statuses.push(0),
        },
      );
      await net.until(() => statuses.length > 0);
      assert.deepEqual(statuses, [491]);
      for (const one of held) answer(one, 200);
      assert.equal(statusOf(await first), 200);
      await ours.end();
      await settled();
    });

  it('answer 500 with Retry-After to an offer behind one that has no answer (RFC 3311 section 5.2)', async () => {
    const { ours, theirs } = await confirmed();
    const held: ServerTransaction[] = [];
    theirs.listener = { onRequest: (transaction) => held.push(transaction) };
    const first = ours.request('UPDATE', { body: Buffer.from('offer') });
    await net.until(() => held.length > 0);
    assert.equal(statusOf(await ours.request('UPDATE', { body: Buffer.from('offer') })), 'busy');
    assert.equal(statusOf(await ours.request('INVITE')), 'busy');
    const statuses: SipResponse[] = [];
    net.a.stack.request(ours.state.request('UPDATE', { body: Buffer.from('again') }, 'sip:a@127.0.0.1'), net.toB, {
      onResponse: (response) => statuses.push(response),
      onFailure: () => undefined,
    });
    await net.until(() => statuses.length > 0);
    assert.equal(statuses[0]?.status, 500);
    assert.match(statuses[0]?.headers.get('Retry-After') ?? '', /^(?:\d|10)$/);
    assert.equal(held.length, 1);
    for (const one of held) answer(one, 200);
    assert.equal(statusOf(await first), 200);
    await ours.end();
    await settled();
  });

  it('send no re-INVITE before the ACK to their 2xx (section 14.1)', async () => {
    await net.stop();
    net = await new TwoAgents().start({ seed: 1 });
    let through = false;
    if (net.relay) net.relay.filter = (datagram) => through || datagram.subarray(0, 3).toString() !== 'ACK';
    const b = answering(net.b);
    const seen = net.call();
    await net.run(1000, () => seen.final);
    assert.equal(statusOf((await b.dialogs[0]?.request('INVITE')) ?? { kind: '' }), 'busy');
    through = true;
    await net.run(5000, () => b.dialogs[0]?.settled === true);
    await seen.dialog.end();
    await settled();
  });

  it('take another re-INVITE as soon as a cancelled one has its 487', async () => {
    const { ours, theirs } = await confirmed();
    const held: ServerTransaction[] = [];
    theirs.listener = { onRequest: (transaction) => held.push(transaction) };
    const statuses: number[] = [];
    const listener = {
      onResponse: ({ status }: SipResponse) => statuses.push(status),
      onFailure: () => statuses.push(0),
    };
    const cancelled = net.a.stack.invite(ours.state.request('INVITE', {}, 'sip:a@127.0.0.1'), net.toB, listener);
    await net.until(() => held.length === 1);
    held[0]?.respond(respondTo(held[0].request, 180));
    await net.until(() => statuses.includes(180));
    cancelled.cancel();
    await net.until(() => statuses.includes(487));
    const next = ours.request('INVITE');
    await net.until(() => held.length === 2);
    if (held[1] !== undefined) answer(held[1], 200);
    assert.equal(statusOf(await next), 200);
    await ours.end();
    await settled();
  });

  for (const [what, headers] of [
    ['Contact', [{ name: 'Contact', value: '<tel:+1555>' }]],
    ['Session-Expires', [{ name: 'Session-Expires', value: '1800;=;' }]],
  ] as const)
    it(`acknowledge the 2xx to a re-INVITE whose ${what} cannot be read, and go on`, async () => {
      const dialog = await scripted((transaction) => answer(transaction, 200, { headers }));
      const target = dialog.state.remoteTarget;
      assert.equal(statusOf(await dialog.request('INVITE')), 200);
      await net.until(() => acks === 2);
      assert.equal(statusOf(await dialog.request('UPDATE')), 200);
      assert.equal(dialog.state.remoteTarget, target);
      await dialog.end();
      await settled();
    });

  it('do not outlive a call whose 2xx cannot be read behind a readable 180', async () => {
    net.b.stack.onRequest((transaction) => {
      if (transaction.request.method === 'ACK') return;
      const contact = { name: 'Contact', value: `<sip:b@127.0.0.1:${net.b.port}>` };
      answer(transaction, 180, { toTag: 'b', headers: [contact] });
      answer(transaction, 200, { toTag: 'b', headers: [contact, { name: 'Record-Route', value: '<sip:' }] });
    });
    const seen = net.call();
    await net.until(() => seen.final);
    assert.deepEqual([seen.log, seen.ends, net.a.agent.dialogs], [[180, 'transport'], ['superseded'], 0]);
    await settled();
  });

  it('answer 400 to a re-INVITE whose Contact cannot be read, also where its listener takes his time', async () => {
    const { ours, theirs } = await confirmed();
    let asked = 0;
    theirs.listener = {
      onRequest: (transaction) => {
        asked++;
        setImmediate(() => answer(transaction, 200));
      },
    };
    const contact = [{ name: 'Contact', value: '<tel:+1555>' }];
    assert.equal(statusOf(await ours.request('INVITE', { headers: contact })), 400);
    assert.equal(asked, 0);
    assert.equal(statusOf(await ours.request('INVITE')), 200);
    await ours.end();
    await settled();
  });

  for (const silent of [true, false])
    it(`end by BYE when a request ${silent ? 'meets silence' : 'is answered 408'} (section 12.2.1.2)`, async () => {
      const methods: string[] = [];
      const dialog = await scripted((transaction) => {
        const { method } = transaction.request;
        methods.push(method);
        if (method === 'BYE') answer(transaction, 200);
        else if (!silent) answer(transaction, 408);
      });
      const outcome = dialog.request('INFO');
      await net.run(33_000, () => methods.includes('BYE'), 500);
      assert.equal(statusOf(await outcome), silent ? 'timeout' : 408);
      assert.deepEqual([...new Set(methods)], ['INFO', 'BYE']);
      await settled();
    });

  it('say which methods there are when they refuse one (section 21.4.6)', async () => {
    const { ours } = await confirmed();
    const outcome = await ours.request('MESSAGE');
    assert.equal(statusOf(outcome), 405);
    assert.match(headerOf(outcome, 'Allow') ?? '', /INVITE/);
    await ours.end();
    await settled();
  });

  it('try a refused session refresh once more before they end (RFC 4028 section 10)', async () => {
    const refreshes: number[] = [];
    const methods: string[] = [];
    const timer = [
      { name: 'Session-Expires', value: '90;refresher=uac' },
      { name: 'Require', value: 'timer' },
      { name: 'Contact', value: `<sip:b@127.0.0.1:${net.b.port}>` },
    ];
    net.b.stack.onRequest((transaction) => {
      const { method, headers } = transaction.request;
      if (method === 'ACK') return;
      methods.push(method);
      if (method === 'INVITE') refreshes.push(net.clock.now());
      if (method !== 'INVITE') answer(transaction, 200);
      else if (!headers.get('To')?.includes('tag')) answer(transaction, 200, { toTag: 'b', headers: timer });
      else answer(transaction, refreshes.length === 2 ? 503 : 200, { headers: refreshes.length === 4 ? [] : timer });
    });
    const seen = net.call({}, net.request('INVITE', { 'Session-Expires': '90', Supported: 'timer' }));
    await net.until(() => seen.final);
    await net.run(52_000, () => refreshes.length === 2, 500);
    await net.run(15_000, () => refreshes.length === 3, 500);
    assert.deepEqual([seen.ends, refreshes.length], [[], 3]);
    await seen.dialog.end();
    await settled();
  });

  it('have a subscription no more when a refresh is refused for good (RFC 6665 section 4.1.2.2)', async () => {
    const ends: string[] = [];
    net.b.agent.onRequest((transaction) => {
      const headers = [{ name: 'Expires', value: '600' }];
      net.b.agent.acceptSubscription(
        transaction,
        { headers },
        {
          onRequest: (refresh) => answer(refresh, refresh.request.headers.get('Expires') === '1' ? 500 : 489),
        },
      );
    });
    let accepted = false;
    const subscription = net.a.agent.subscribe(net.request('SUBSCRIBE', { Event: 'presence' }), net.toB, {
      onAccepted: () => {
        accepted = true;
      },
      onNotify: (transaction) => answer(transaction, 200),
      onRefused: () => undefined,
      onFailure: () => undefined,
      onEnd: (reason) => ends.push(reason),
    });
    await net.until(() => accepted);
    assert.equal(statusOf(await subscription.refresh(1)), 500);
    assert.deepEqual(ends, []);
    assert.equal(statusOf(await subscription.refresh(600)), 489);
    assert.deepEqual(ends, ['gone']);
  });

  it('leave no timer behind when the user agent stops, whether they are answered or ring', async () => {
    const { ours } = await confirmed();
    net.b.agent.onInvite((call) => call.progress(180));
    const ringing = net.call();
    await net.until(() => ringing.log.includes(180));
    for (const { agent, stack } of [net.a, net.b]) {
      agent.stop();
      await stack.stop();
    }
    assert.deepEqual([ours.ended, net.clock.pending], ['stopped', 0]);
  });

  it('leave a remote target where it is when a response has none that can be read', () => {
    const request = net.request('INVITE');
    const contact = [{ name: 'Contact', value: '<sip:b@example.com>' }];
    const state = DialogState.asClient(request, respondTo(request, 200, { toTag: 'b', headers: contact }));
    for (const value of ['*', '<tel:+1>', '<<', '"'])
      state.refreshTarget('INVITE', respondTo(request, 200, { headers: [{ name: 'Contact', value }] }).headers);
    assert.equal(state.remoteTarget, 'sip:b@example.com');
  });
});
