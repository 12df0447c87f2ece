import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { createDrachtioLeg } from '../../../../lib/sip/drachtio/drachtio-leg.ts';
import type { SrfDialog, SrfPort, SrfUacOptions } from '../../../../lib/sip/drachtio/srf-like.ts';
import type { OutboundRequest, SipLeg } from '../../../../lib/sip/leg.ts';
import { FakeClock, settle } from '../../../support/fake-clock.ts';
import { FakeSrf } from '../../../support/fake-srf.ts';

type CreateUac = NonNullable<SrfPort['createUAC']>;

const INVITE: OutboundRequest = {
  method: 'INVITE',
  uri: 'sip:bob@example.com',
  headers: [{ name: 'Content-Type', value: 'application/sdp' }],
  body: Buffer.from('v=0'),
};
const SUBSCRIBE: OutboundRequest = {
  method: 'SUBSCRIBE',
  uri: 'sip:bob@example.com',
  headers: [{ name: 'Event', value: 'reg' }],
};

/** A dialog that keeps what is asked of it, and answers when told. */
class HeldDialog extends EventEmitter implements SrfDialog {
  readonly sip = { callId: 'c' };
  readonly remote = { sdp: 'v=0 theirs' };
  readonly res = { status: 200 };
  readonly requests: string[] = [];
  destroyed = 0;
  broken = false;

  request({ method, headers }: Parameters<SrfDialog['request']>[0]): void {
    if (this.broken) throw new Error('socket connection closed');
    this.requests.push(`${method} ${headers['Event'] ?? ''} ${headers['Expires'] ?? ''}`.trim());
  }

  destroy(_options: object, callback: (error: unknown) => void): void {
    if (this.broken) throw new Error('socket connection closed');
    this.destroyed++;
    callback(null);
  }
}

/** A Srf whose calls wait for the test. */
class HeldSrf extends FakeSrf {
  readonly held: { options: SrfUacOptions; progress: Parameters<CreateUac>[1]; callback: Parameters<CreateUac>[2] }[] =
    [];
  broken = false;

  createUAC(options: SrfUacOptions, progress: Parameters<CreateUac>[1], callback: Parameters<CreateUac>[2]): void {
    if (this.broken) throw new assert.AssertionError({ message: 'socket connection closed' });
    this.held.push({ options, progress, callback });
  }

  get last(): HeldSrf['held'][number] {
    const last = this.held.at(-1);
    if (last === undefined) throw new Error('nothing was sent');
    return last;
  }
}

describe('dialogs of the drachtio leg', () => {
  let clock: FakeClock;
  let srf: HeldSrf;
  let leg: SipLeg;

  beforeEach(() => {
    clock = new FakeClock();
    srf = new HeldSrf();
    leg = createDrachtioLeg({ srf, outbound: srf, clock });
    srf.up();
  });

  it('refuses what drachtio cannot carry before anything is sent', async () => {
    const cannot: [OutboundRequest, RegExp][] = [
      [{ ...INVITE, body: Buffer.from([0]) }, /NUL/],
      [{ method: 'INVITE', uri: INVITE.uri, headers: [] }, /without an offer/],
      [{ ...INVITE, headers: [...INVITE.headers, { name: 'Route', value: '<sip:p;lr>' }] }, /Route/],
      [{ ...INVITE, uri: 'tel:+15551234' }, /tel:/],
      [{ ...INVITE, body: Buffer.alloc(4000, 'a') }, /octets/],
    ];
    for (const [request, cause] of cannot) {
      const answer = await leg.invite(request);
      assert.equal(answer.kind, 'not-sent');
      if (answer.kind === 'not-sent') assert.match(answer.cause, cause);
    }
    assert.equal(srf.held.length, 0);
    const bare = createDrachtioLeg({ srf: new FakeSrf().up(), clock });
    assert.equal((await bare.invite(INVITE)).kind, 'not-sent');
  });

  it('never throws: a link that broke unnoticed is not-sent', async () => {
    srf.broken = true;
    const answer = await leg.invite(INVITE);
    assert.equal(answer.kind === 'not-sent' && answer.code, 'PPG_E_LEG_DOWN');
    assert.equal(clock.pending, 0);
  });

  it('hands on the next hop, the offer as localSdp, and the method', async () => {
    void leg.invite({ ...INVITE, nextHop: 'sip:hop.example.com' });
    const { options } = srf.last;
    assert.deepEqual(
      [options.uri, options.method, options.localSdp, options.proxy],
      ['sip:bob@example.com', 'INVITE', 'v=0', 'sip:hop.example.com'],
    );
  });

  it('a large offer whose TCP is refused goes by UDP after all, unless the call was given up', async () => {
    const refusedByServer = Object.assign(new Error('Service Unavailable'), {
      res: { status: 503, source_address: '', get: () => undefined },
    });
    const large = { ...INVITE, nextHop: 'sip:hop.example.com', body: Buffer.from(`v=0 ${'a'.repeat(1_300)}`) };
    const call = leg.invite(large);
    assert.equal(srf.last.options.proxy, 'sip:hop.example.com;transport=tcp');
    srf.last.callback(refusedByServer);
    await settle();
    assert.deepEqual([srf.held.length, srf.last.options.proxy], [2, 'sip:hop.example.com']);
    srf.last.callback(null, new HeldDialog());
    assert.equal((await call).kind, 'dialog');

    const abort = new AbortController();
    const givenUp = leg.invite(large, { signal: abort.signal });
    abort.abort();
    srf.last.callback(refusedByServer);
    const answer = await givenUp;
    assert.equal(answer.kind === 'response' && answer.status, 503);
    assert.deepEqual([srf.held.length, clock.pending], [3, 0]);
  });

  it('the first call to a TCP hop goes alone, the others when somebody has answered it', async () => {
    const nextHop = 'sip:hop.example.com;transport=tcp';
    void leg.invite({ ...INVITE, nextHop });
    const waiting = [leg.invite({ ...INVITE, nextHop }), leg.subscribe({ ...SUBSCRIBE, nextHop })];
    const elsewhere = leg.invite(INVITE);
    assert.equal(srf.held.length, 2);
    srf.held[0]?.progress.cbProvisional?.({ status: 100, get: () => undefined } as never);
    await settle();
    assert.deepEqual(
      srf.held.map(({ options }) => options.method),
      ['INVITE', 'INVITE', 'INVITE', 'SUBSCRIBE'],
    );
    srf.emit('close');
    for (const answer of [...waiting, elsewhere]) assert.equal((await answer).kind, 'unknown');
    assert.equal(clock.pending, 0);
  });

  it('calls that wait for a hop are not sent when the link is lost or they are given up', async () => {
    const nextHop = 'sip:hop.example.com;transport=tcp';
    void leg.invite({ ...INVITE, nextHop });
    const abort = new AbortController();
    const givenUp = leg.invite({ ...INVITE, nextHop }, { signal: abort.signal });
    abort.abort();
    clock.tick(2_000);
    const cancelled = await givenUp;
    assert.equal(cancelled.kind === 'response' && cancelled.status, 487);
    srf.emit('close');
    srf.up();
    void leg.subscribe({ ...SUBSCRIBE, nextHop });
    const lost = leg.invite({ ...INVITE, nextHop });
    srf.emit('close');
    assert.equal((await lost).kind, 'not-sent');
    assert.equal(srf.held.length, 2);
    assert.equal(clock.pending, 0);
  });

  it('a lost link settles what is under way as unknown, and ends the dialogs that the server forgets', async () => {
    const first = leg.invite(INVITE);
    const dialog = new HeldDialog();
    srf.last.callback(null, dialog);
    const answer = await first;
    assert.ok(answer.kind === 'dialog');
    const ends: string[] = [];
    answer.dialog.on('end', (reason) => ends.push(reason));
    const second = leg.invite(INVITE);
    srf.emit('close');
    assert.equal((await second).kind, 'unknown');
    assert.deepEqual([ends, answer.dialog.ended], [['link lost'], true]);
    assert.equal((await answer.dialog.request('INFO')).kind, 'not-sent');
    assert.equal(clock.pending, 0);
  });

  it('a SUBSCRIBE that nobody answers is unknown after the guard time', async () => {
    const answer = leg.subscribe(SUBSCRIBE);
    clock.tick(36_000);
    assert.equal((await answer).kind, 'unknown');
    assert.equal(clock.pending, 0);
  });

  it('an INVITE that rings for three minutes is cancelled, and a late dialog is destroyed', async () => {
    const answer = leg.invite(INVITE);
    let cancels = 0;
    srf.last.progress.cbRequest(null, { cancel: () => cancels++ });
    clock.tick(180_000);
    assert.equal(cancels, 1);
    clock.tick(36_000);
    assert.equal((await answer).kind, 'unknown');
    const dialog = new HeldDialog();
    srf.last.callback(null, dialog);
    assert.equal(dialog.destroyed, 1);
    assert.equal(clock.pending, 0);
  });

  it('cancels as soon as the server has named the INVITE, and a dialog that crosses it is destroyed', async () => {
    const abort = new AbortController();
    const answer = leg.invite(INVITE, { signal: abort.signal });
    abort.abort();
    let cancels = 0;
    srf.last.progress.cbRequest(null, { cancel: () => cancels++ });
    const dialog = new HeldDialog();
    srf.last.callback(null, dialog);
    const got = await answer;
    assert.deepEqual([got.kind === 'response' && got.status, cancels, dialog.destroyed], [487, 1, 1]);
    assert.equal(clock.pending, 0);
  });

  it('a request within the dialog that nobody answers is unknown after the guard time', async () => {
    const first = leg.invite(INVITE);
    const dialog = new HeldDialog();
    srf.last.callback(null, dialog);
    const made = await first;
    assert.ok(made.kind === 'dialog');
    const answer = made.dialog.request('INFO');
    clock.tick(36_000);
    assert.equal((await answer).kind, 'unknown');
    dialog.broken = true;
    assert.equal((await made.dialog.request('INFO')).kind, 'not-sent');
    await made.dialog.end();
    assert.equal(clock.pending, 0);
  });

  it('ends a subscription by SUBSCRIBE, never by the NOTIFY that destroy() would send', async () => {
    const first = leg.subscribe(SUBSCRIBE);
    const dialog = new HeldDialog();
    srf.last.callback(null, dialog);
    const made = await first;
    assert.ok(made.kind === 'dialog');
    const ended = made.dialog.end();
    clock.tick(36_000);
    await ended;
    assert.deepEqual([dialog.requests, dialog.destroyed], [['SUBSCRIBE reg 0'], 0]);
  });

  it('a 2xx that drachtio-srf makes no dialog of is unknown, a refusal is the answer', async () => {
    const res = (status: number) => ({ status, source_address: '192.0.2.1', get: () => undefined });
    const first = leg.invite(INVITE);
    srf.last.callback(Object.assign(new Error('No Contact header in response'), { res: res(200) }));
    assert.equal((await first).kind, 'unknown');
    const second = leg.invite(INVITE);
    srf.last.callback(Object.assign(new Error('Busy'), { res: res(486) }));
    const refused = await second;
    assert.ok(refused.kind === 'response');
    assert.deepEqual([refused.status, refused.local], [486, false]);
  });
});
