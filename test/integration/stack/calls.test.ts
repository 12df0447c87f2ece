import assert from 'node:assert/strict';
import type { SipRequest } from '../../../lib/codec/sip/message.ts';
import { respondTo } from '../../../lib/codec/sip/respond-to.ts';
import type { ServerCall } from '../../../lib/stack/server-call.ts';
import { answering, statusOf, TwoAgents } from '../../support/user-agents.ts';

describe('calls over UDP on loopback', () => {
  let net: TwoAgents;

  beforeEach(async () => {
    net = await new TwoAgents().start();
  });

  afterEach(() => net.stop());

  /** All that lasts 64*T1 is over, twice: the last repetition of a request may have found its transaction gone. */
  const settled = async (): Promise<void> => {
    for (let turn = 0; turn < 2; turn++) await net.run(80_000, () => net.open === 0, 1000);
    assert.equal(net.open, 0);
    assert.equal(net.clock.pending, 0);
  };

  it('go from INVITE to BYE, with requests of both sides in between', async () => {
    const b = answering(net.b, 'answer');
    const seen = net.call({}, net.request('INVITE', { 'Content-Type': 'application/sdp' }, 'offer'));
    await net.until(() => seen.final);
    assert.deepEqual(seen.log, [180, 200]);
    assert.equal(b.calls[0]?.request.body.toString(), 'offer');
    await net.until(() => b.dialogs[0]?.settled === true);
    const info = net.b.agent;
    assert.equal(info.dialogs, 1);
    seen.dialog.listener = { onRequest: (t) => t.respond(respondTo(t.request, 200)), onEnd: (r) => seen.ends.push(r) };
    assert.equal(statusOf((await b.dialogs[0]?.request('INFO')) ?? { kind: '' }), 200);
    assert.equal(statusOf(await seen.dialog.request('INFO')), 405);
    await seen.dialog.end();
    assert.deepEqual([seen.ends, b.ends], [['local'], ['remote']]);
    assert.equal(statusOf(await seen.dialog.request('INFO')), 'ended');
    await settled();
  });

  it('are refused with what the callee says, and acknowledged by the transaction', async () => {
    net.b.agent.onInvite((call) => call.reject(486));
    const seen = net.call();
    await net.until(() => seen.final);
    assert.deepEqual(seen.log, [486]);
    await settled();
  });

  it('are cancelled: 487 for the caller, and the callee hears of it', async () => {
    let cancelled = 0;
    net.b.agent.onInvite((call) => {
      call.onCancel(() => cancelled++);
      call.progress(180);
    });
    const seen = net.call();
    await net.until(() => seen.log.length > 0);
    seen.call?.cancel();
    await net.until(() => seen.final);
    assert.deepEqual([seen.log, cancelled], [[180, 487], 1]);
    await settled();
  });

  it('that are answered while the CANCEL is on its way are ended by BYE', async () => {
    const b = answering(net.b);
    const seen = net.call({ onProvisional: () => seen.call?.cancel() });
    await net.until(() => seen.final && b.ends.length > 0);
    assert.deepEqual([seen.log, b.ends], [[180, 487], ['remote']]);
    await settled();
  });

  it('nobody answers are cancelled after three minutes', async () => {
    net.b.agent.onInvite((call) => call.progress(180));
    const seen = net.call();
    await net.run(182_000, () => seen.final, 1000);
    assert.deepEqual(seen.log, [180, 487]);
    await settled();
  });

  it('that fork give each 2xx to the caller, who keeps the one he wants', async () => {
    net.b.stack.onRequest((transaction) => {
      const { request } = transaction;
      if (request.method === 'ACK') return;
      if (request.method !== 'INVITE') {
        transaction.respond(respondTo(request, 200));
        return;
      }
      const headers = [{ name: 'Contact', value: `<sip:b@127.0.0.1:${net.b.port}>` }];
      for (const toTag of ['one', 'two', 'one']) transaction.respond(respondTo(request, 200, { toTag, headers }));
    });
    const seen = net.call();
    await net.until(() => seen.dialogs.length === 2);
    assert.deepEqual(
      seen.dialogs.map(({ state }) => state.remoteTag),
      ['one', 'two'],
    );
    await Promise.all(seen.dialogs.map((dialog) => dialog.end()));
    await settled();
  });

  it('fail when the 2xx makes no sense as a dialog, and subscriptions too', async () => {
    net.b.stack.onRequest((transaction) => {
      if (transaction.request.method === 'ACK') return;
      const headers = [{ name: 'Contact', value: '<sip:b@127.0.0.1' }];
      transaction.respond(respondTo(transaction.request, 200, { headers }));
    });
    const seen = net.call();
    await net.until(() => seen.final);
    assert.deepEqual(seen.log, ['transport']);
    const failures: string[] = [];
    net.a.agent.subscribe(net.request('SUBSCRIBE', { Event: 'reg' }), net.toB, {
      onNotify: () => assert.fail('a NOTIFY'),
      onRefused: () => assert.fail('refused'),
      onFailure: (failure) => void failures.push(failure),
    });
    await net.until(() => failures.length > 0);
    assert.deepEqual(failures, ['transport']);
    await settled();
  });

  it('have their 2xx repeated until the ACK comes, and their ACK repeated for each 2xx', async () => {
    let dropped = 0;
    await net.stop();
    net = await new TwoAgents().start({ seed: 1 });
    if (net.relay) net.relay.filter = (datagram) => !(datagram.subarray(0, 3).toString() === 'ACK' && dropped++ < 2);
    const b = answering(net.b);
    const seen = net.call();
    await net.run(5000, () => b.dialogs[0]?.settled === true);
    assert.deepEqual([dropped, b.dialogs[0]?.settled, seen.log], [3, true, [180, 200]]);
    await seen.dialog.end();
    await settled();
  });

  it('without any ACK end after 64*T1 with BYE', async () => {
    await net.stop();
    net = await new TwoAgents().start({ seed: 1 });
    if (net.relay) net.relay.filter = (datagram) => datagram.subarray(0, 3).toString() !== 'ACK';
    const b = answering(net.b);
    const seen = net.call();
    await net.run(34_000, () => seen.ends.length > 0);
    assert.deepEqual([b.ends, seen.ends], [['no-ack'], ['remote']]);
    await settled();
  });

  it('do not end before the ACK has come (RFC 3261 section 15)', async () => {
    let ack = false;
    await net.stop();
    net = await new TwoAgents().start({ seed: 1 });
    if (net.relay) net.relay.filter = (datagram) => ack || datagram.subarray(0, 3).toString() !== 'ACK';
    const b = answering(net.b);
    const seen = net.call();
    await net.run(1000, () => seen.final);
    void b.dialogs[0]?.end();
    await net.run(1000);
    assert.deepEqual([b.ends, seen.ends], [[], []]);
    ack = true;
    await net.run(5000, () => seen.ends.length > 0);
    assert.deepEqual([b.ends, seen.ends], [['local'], ['remote']]);
    await settled();
  });

  it('meet in a glare: one re-INVITE gets 491 and is tried again (section 14.1)', async () => {
    const b = answering(net.b);
    const seen = net.call();
    await net.until(() => seen.final && b.dialogs[0]?.settled === true);
    const [theirs] = b.dialogs;
    assert.ok(theirs);
    const statuses: number[] = [];
    const accept = {
      onRequest: (t: Parameters<NonNullable<typeof theirs.listener.onRequest>>[0]) => {
        t.respond(respondTo(t.request, 200));
        statuses.push(200);
      },
    };
    seen.dialog.listener = accept;
    (b.calls[0] as ServerCall).dialog.listener = accept;
    let done = 0;
    const start = net.clock.now();
    const outcomes = [seen.dialog.request('INVITE'), theirs.request('INVITE')];
    for (const outcome of outcomes) void outcome.then(() => done++);
    await net.run(6000, () => done === 2);
    assert.deepEqual((await Promise.all(outcomes)).map(statusOf), [200, 200]);
    const waited = net.clock.now() - start;
    assert.ok(waited > 0 && waited <= 4000, `one of them waited ${waited} ms`);
    assert.equal(statuses.length, 2);
    await seen.dialog.end();
    await settled();
  });

  it('move their remote target with re-INVITE and UPDATE, and never their route set', async () => {
    const b = answering(net.b);
    const seen = net.call();
    await net.until(() => seen.final && b.dialogs[0]?.settled === true);
    const [theirs] = b.dialogs;
    const contact = (user: string) => [{ name: 'Contact', value: `<sip:${user}@127.0.0.1:${net.a.port}>` }];
    assert.equal(statusOf(await seen.dialog.request('UPDATE', { headers: contact('moved') })), 200);
    assert.match(theirs?.state.remoteTarget ?? '', /^sip:moved@/);
    assert.equal(statusOf(await seen.dialog.request('INVITE', { headers: contact('again') })), 488);
    assert.match(theirs?.state.remoteTarget ?? '', /^sip:moved@/);
    assert.deepEqual(theirs?.state.routeSet, []);
    await seen.dialog.end();
    await settled();
  });

  it('that showed credentials show them in the ACK too (section 13.2.2.4)', async () => {
    net.b.agent.onInvite((call) => void call.accept());
    const acks: (string | undefined)[] = [];
    const send = net.a.stack.sendStateless.bind(net.a.stack);
    net.a.stack.sendStateless = (message, hop) => {
      acks.push(message.headers.get('Proxy-Authorization'));
      send(message, hop);
    };
    const seen = net.call({}, net.request('INVITE', { 'Proxy-Authorization': 'Digest realm="r"' }));
    await net.until(() => acks.length === 1);
    assert.deepEqual(acks, ['Digest realm="r"']);
    await seen.dialogs[0]?.end();
    await settled();
  });

  it('that came by two ways are one: 482 for the second (section 8.2.2.2)', async () => {
    net.b.agent.onInvite((call) => call.progress(180));
    const request = net.request('INVITE');
    const first = net.call({}, request);
    await net.until(() => first.log.length > 0);
    const second = net.call({}, request);
    await net.until(() => second.final);
    assert.deepEqual([first.log, second.log], [[180], [482]]);
    first.call?.cancel();
    await net.until(() => first.final);
    await settled();
  });

  for (const method of ['MESSAGE', 'REGISTER', 'SUBSCRIBE'])
    it(`and a ${method} that came by two ways is one too, while the first one is remembered`, async () => {
      const taken: string[] = [];
      net.b.agent.onRequest((transaction) => {
        taken.push(transaction.request.headers.get('CSeq') ?? '');
        transaction.respond(respondTo(transaction.request, 202));
      });
      const request = net.request(method);
      const send = (one: SipRequest): Promise<number> =>
        new Promise((resolve, reject) => {
          net.a.stack.request(one, net.toB, {
            onResponse: ({ status }) => resolve(status),
            onFailure: (failure) => reject(new Error(failure)),
          });
        });
      assert.deepEqual([await send(request), await send(request)], [202, 482]);
      // another one of the same dialog of requests
      const next = { ...request, headers: request.headers.clone() };
      next.headers.set('CSeq', `101 ${method}`);
      assert.equal(await send(next), 202);
      await settled();
      assert.equal(await send(request), 202);
      assert.equal(taken.length, 3);
      await settled();
    });

  it('that nobody knows get 481 for CANCEL and for what names a dialog', async () => {
    const statuses: number[] = [];
    for (const method of ['CANCEL', 'BYE', 'UPDATE', 'NOTIFY']) {
      net.a.stack.request(net.request(method, { To: '<sip:b@example.com>;tag=none' }), net.toB, {
        onResponse: ({ status }) => statuses.push(status),
        onFailure: (failure) => assert.fail(failure),
      });
    }
    await net.until(() => statuses.length === 4);
    assert.deepEqual(statuses, [481, 481, 481, 481]);
    await settled();
  });

  it('can have reliable provisional responses, in order, each with its PRACK (RFC 3262)', async () => {
    let call: ServerCall | undefined;
    net.b.agent.onInvite((one) => {
      call = one;
      one.progress(183, { body: Buffer.from('early') }, true);
      one.progress(180, {}, true);
      one.accept();
    });
    const pracks: string[] = [];
    const seen = net.call({
      onProvisional: (response) => void pracks.push(response.headers.get('RSeq') ?? ''),
    });
    await net.until(() => seen.final && call?.dialog.settled === true);
    assert.deepEqual(seen.log, [183, 180, 200]);
    assert.equal(Number(pracks[1]), Number(pracks[0]) + 1);
    await seen.dialog.end();
    await settled();
  });

  it('whose reliable response gets no PRACK are refused after 64*T1', async () => {
    await net.stop();
    net = await new TwoAgents().start({ seed: 1 });
    if (net.relay) net.relay.filter = (datagram) => datagram.subarray(0, 5).toString() !== 'PRACK';
    net.b.agent.onInvite((one) => one.progress(183, {}, true));
    const seen = net.call();
    await net.run(34_000, () => seen.final);
    assert.deepEqual([seen.log[0], seen.log.at(-1)], [183, 504]);
    await settled();
  });

  it('are refreshed half-way by the one who promised to (RFC 4028)', async () => {
    const b = answering(net.b);
    const seen = net.call({}, net.request('INVITE', { 'Session-Expires': '120', Supported: 'timer' }));
    await net.until(() => seen.final && b.dialogs[0]?.settled === true);
    const before = net.b.stack.counters.serverTransactions;
    await net.run(61_000, () => false, 1000);
    assert.ok(before >= 1);
    assert.deepEqual([seen.ends, b.ends], [[], []]);
    await net.run(200_000, () => false, 1000);
    assert.deepEqual([seen.ends, b.ends], [[], []], 'it lives as long as it is refreshed');
    await seen.dialog.end();
    await settled();
  });

  it('end with BYE when the refresher has gone (RFC 4028 section 10)', async () => {
    await net.stop();
    net = await new TwoAgents().start({ seed: 1 });
    const b = answering(net.b);
    const seen = net.call({}, net.request('INVITE', { 'Session-Expires': '120', Supported: 'timer' }));
    await net.run(2000, () => seen.final && b.dialogs[0]?.settled === true);
    if (net.relay) net.relay.filter = (_datagram, from) => from === 'b';
    await net.run(121_000, () => b.ends.length > 0, 1000);
    assert.deepEqual(b.ends, ['expired']);
    await settled();
  });

  it('with a session timer that is too short get 422 and Min-SE', async () => {
    answering(net.b);
    const seen = net.call({}, net.request('INVITE', { 'Session-Expires': '60', Supported: 'timer' }));
    await net.until(() => seen.final);
    assert.deepEqual(seen.log, [422]);
    await settled();
  });

  it('200 of them survive a network that loses, repeats and reorders, and nothing is left', async function () {
    this.timeout(60_000);
    await net.stop();
    net = await new TwoAgents().start({ seed: 20260921, loss: 0.2, duplication: 0.1, reorder: 0.2 });
    const b = answering(net.b);
    const calls = Array.from({ length: 200 }, () => net.call());
    await net.run(34_000, () => calls.every(({ final }) => final), 100);
    const answered = calls.filter(({ dialogs }) => dialogs.length > 0);
    assert.ok(answered.length >= 195, `${answered.length} were answered`);
    for (const { dialogs } of answered) for (const dialog of dialogs) void dialog.end();
    await net.run(140_000, () => net.open === 0, 500);
    assert.equal(net.open, 0);
    assert.equal(net.clock.pending, 0);
    assert.equal(b.ends.length, b.dialogs.length);
    assert.ok((net.relay?.dropped ?? 0) > 200);
  });
});
