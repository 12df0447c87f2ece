import assert from 'node:assert/strict';
import { SipHeaders, type SipRequest, type SipResponse } from '../../../lib/codec/sip/message.ts';
import { respondTo } from '../../../lib/codec/sip/respond-to.ts';
import { writeSip } from '../../../lib/codec/sip/write.ts';
import { NonInviteClient } from '../../../lib/stack/client-transaction.ts';
import { InviteClient } from '../../../lib/stack/invite-client.ts';
import { InviteServer } from '../../../lib/stack/invite-server.ts';
import { NonInviteServer } from '../../../lib/stack/server-transaction.ts';
import {
  type TimerName,
  type TimerOwner,
  type TimerValues,
  type TransactionTimer,
  TransactionTimers,
} from '../../../lib/stack/timers.ts';
import type { Flow, Protocol } from '../../../lib/stack/types.ts';
import { FakeClock } from '../../support/fake-clock.ts';

/** None is the usual one, so that a constant where T1, T2 or T4 should be is found. */
const VALUES: TimerValues = { t1: 600, t2: 2000, t4: 7000 };
const END = 64 * VALUES.t1;
const FLOW: Flow = { protocol: 'udp', host: '192.0.2.1', port: 5060, localHost: '192.0.2.2', localPort: 5060 };

/** Remembers for how long each timer was set. */
class Recorder extends TransactionTimers {
  readonly clock: FakeClock;
  readonly delays: Partial<Record<TimerName, number[]>> = {};

  constructor(clock: FakeClock) {
    super(clock, (error) => assert.fail(String(error)));
    this.clock = clock;
  }

  override set(owner: TimerOwner, name: TimerName, delay: number): TransactionTimer {
    const delays = this.delays[name] ?? [];
    this.delays[name] = [...delays, delay];
    return super.set(owner, name, delay);
  }
}

const requestOf = (method: string): SipRequest => ({
  kind: 'request',
  method,
  uri: 'sip:bob@example.com',
  headers: new SipHeaders([
    { name: 'Via', value: 'SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKtable' },
    { name: 'From', value: '<sip:a@example.com>;tag=1' },
    { name: 'To', value: '<sip:bob@example.com>' },
    { name: 'Call-ID', value: 'call' },
    { name: 'CSeq', value: `1 ${method}` },
  ]),
  body: Buffer.alloc(0),
});

const nothing = (): void => undefined;
const responseTo = (method: string, status: number): SipResponse => respondTo(requestOf(method), status);

/** What both kinds of environment have. */
const common = (timers: Recorder) => ({ timers, values: VALUES, countRetransmission: nothing, onUserError: nothing });

/** Runs one machine to its end and answers what its timers were set to. */
function delaysOf(work: (timers: Recorder) => void): Recorder['delays'] {
  const timers = new Recorder(new FakeClock());
  work(timers);
  timers.clock.tick(10 * END);
  assert.equal(timers.clock.pending, 0);
  return timers.delays;
}

/** A MESSAGE or an INVITE of ours; `status` answers it at once. */
const client = (method: 'MESSAGE' | 'INVITE', protocol: Protocol, status?: number): Recorder['delays'] =>
  delaysOf((timers) => {
    const hop = { protocol, host: '192.0.2.1', port: 5060 };
    const listener = { onResponse: nothing, onFailure: nothing };
    const sent = (_octets: unknown, sender: { onSent(link: undefined): void } | undefined): void =>
      sender?.onSent(undefined);
    const machine =
      method === 'MESSAGE'
        ? new NonInviteClient(
            { ...common(timers), transmit: sent, forget: nothing },
            'key',
            hop,
            writeSip(requestOf(method)),
            listener,
          )
        : new InviteClient(
            {
              ...common(timers),
              transmitInvite: (octets, _hop, sender) => sent(octets, sender),
              forgetInvite: nothing,
              sendCancel: nothing,
            },
            'key',
            hop,
            requestOf(method),
            listener,
          );
    machine.begin();
    if (status !== undefined) machine.onResponse(responseTo(method, status), FLOW, Buffer.alloc(0));
  });

/** A request of a peer that is answered at once. */
const server = (method: 'MESSAGE' | 'INVITE', protocol: Protocol, status: number, ack = false): Recorder['delays'] =>
  delaysOf((timers) => {
    const origin = { flow: { ...FLOW, protocol }, endpoint: { reply: nothing } };
    const response = responseTo(method, status);
    if (method === 'MESSAGE') {
      const environment = { ...common(timers), reply: nothing, forget: nothing };
      new NonInviteServer(environment, 'key', origin, 5060).respond(status, writeSip(response));
      return;
    }
    const environment = { ...common(timers), reply: nothing, forgetInvited: nothing };
    const machine = new InviteServer(environment, 'key', requestOf(method), 'tag', origin, 5060);
    machine.respond(response, writeSip(response));
    if (ack) machine.onAck();
  });

/** Intervals from T1 on, doubled up to `longest`, that begin before the transaction ends. */
function doubled(longest: number): number[] {
  const intervals: number[] = [];
  for (let [at, interval] = [0, VALUES.t1]; at < END; interval = Math.min(2 * interval, longest)) {
    intervals.push(interval);
    at += interval;
  }
  return intervals;
}

/** Table 4 of RFC 3261 (annex A), with L and M of RFC 6026; timer C is a proxy's. Undefined: never set. */
const TABLE: {
  timer: TimerName;
  what: string;
  of: (by: Protocol) => Recorder['delays'];
  udp: number[];
  tcp?: number[];
}[] = [
  { timer: 'a', what: 'INVITE again', of: (by) => client('INVITE', by), udp: doubled(Number.POSITIVE_INFINITY) },
  { timer: 'b', what: 'INVITE in vain', of: (by) => client('INVITE', by), udp: [END], tcp: [END] },
  { timer: 'd', what: 'refusals again', of: (by) => client('INVITE', by, 486), udp: [Math.max(END, 32_000)] },
  { timer: 'e', what: 'request again', of: (by) => client('MESSAGE', by), udp: doubled(VALUES.t2) },
  { timer: 'f', what: 'request in vain', of: (by) => client('MESSAGE', by), udp: [END], tcp: [END] },
  { timer: 'g', what: 'refusal again', of: (by) => server('INVITE', by, 486), udp: doubled(VALUES.t2) },
  { timer: 'h', what: 'no ACK', of: (by) => server('INVITE', by, 486), udp: [END], tcp: [END] },
  { timer: 'i', what: 'ACKs again', of: (by) => server('INVITE', by, 486, true), udp: [VALUES.t4] },
  { timer: 'j', what: 'requests again', of: (by) => server('MESSAGE', by, 200), udp: [END] },
  { timer: 'k', what: 'responses again', of: (by) => client('MESSAGE', by, 200), udp: [VALUES.t4] },
  { timer: 'l', what: 'INVITEs again after a 2xx', of: (by) => server('INVITE', by, 200), udp: [END], tcp: [END] },
  { timer: 'm', what: '2xx again', of: (by) => client('INVITE', by, 200), udp: [END], tcp: [END] },
];

describe('table 4 of RFC 3261, with values of T1, T2 and T4 that are not the usual ones', () => {
  for (const { timer, what, of, udp, tcp } of TABLE) {
    it(`timer ${timer.toUpperCase()}: ${what}`, () => {
      assert.deepEqual(of('udp')[timer], udp, 'udp');
      assert.deepEqual(of('tcp')[timer], tcp, 'tcp');
    });
  }

  it('timer D is 32 s at least, where 64*T1 is shorter (section 17.1.1.2)', () => {
    const short = { ...VALUES, t1: 100 };
    const timers = new Recorder(new FakeClock());
    const environment = { ...common(timers), values: short, transmitInvite: nothing, forgetInvite: nothing };
    const machine = new InviteClient(
      { ...environment, sendCancel: nothing },
      'key',
      { protocol: 'udp', host: '192.0.2.1', port: 5060 },
      requestOf('INVITE'),
      { onResponse: nothing, onFailure: nothing },
    );
    machine.begin();
    machine.onResponse(responseTo('INVITE', 486), FLOW, Buffer.alloc(0));
    assert.deepEqual(timers.delays.d, [32_000]);
  });
});
