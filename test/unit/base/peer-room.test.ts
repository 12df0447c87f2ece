import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { isLoopback, networkOf } from '../../../lib/base/networks.ts';
import { type Guest, PeerRoom } from '../../../lib/base/peer-room.ts';
import { FakeClock } from '../../support/fake-clock.ts';

class FakeSocket extends EventEmitter {
  readonly localAddress = '192.0.2.1';
  readonly localPort = 5060;
  readonly remoteAddress: string | undefined;
  readonly remotePort: number;
  destroyed = false;

  constructor(remoteAddress: string | undefined, remotePort = 1) {
    super();
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
  }

  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

const from = (address: string | undefined, port?: number): Socket & FakeSocket =>
  new FakeSocket(address, port) as unknown as Socket & FakeSocket;

describe('room for the connections of peers', () => {
  let clock: FakeClock;
  let room: PeerRoom;
  let closed: string[];

  beforeEach(() => {
    clock = new FakeClock();
    room = new PeerRoom({ maxPerAddress: 2, isExempt: isLoopback, connectTime: 10_000 }, clock);
    closed = [];
  });

  const guest = (name: string, lastUsed: number, more: Partial<Guest> = {}): Guest => ({
    lastUsed,
    mayGo: true,
    heard: false,
    close: () => closed.push(name),
    ...more,
  });

  it('counts by address until a socket is closed', () => {
    const first = from('192.0.2.7', 1);
    assert.equal(room.enter(first), true);
    assert.equal(room.enter(from('192.0.2.7', 2)), true);
    assert.equal(room.enter(from('192.0.2.7', 3)), false);
    assert.equal(room.enter(from('::ffff:192.0.2.7', 3)), false);
    assert.equal(room.enter(from('::ffff:192.0.2.8', 3)), true);
    first.destroy();
    assert.equal(room.enter(from('192.0.2.7', 4)), true);
    assert.equal(room.enter(from('192.0.2.7', 5)), false);
    assert.equal(room.enter(from(undefined)), false);
  });

  it('counts an IPv6 network of 64 bits as one, and the exempt not at all', () => {
    assert.equal(room.enter(from('2001:db8:0:1::1')), true);
    assert.equal(room.enter(from('2001:db8:0:1:ffff::2')), true);
    assert.equal(room.enter(from('2001:db8::1:5:6:7:8')), false);
    assert.equal(room.enter(from('2001:db8:0:2::1')), true);
    for (let i = 0; i < 9; i++)
      for (const own of ['127.0.0.1', '::1', '::ffff:127.0.0.1']) assert.equal(room.enter(from(own)), true);
  });

  for (const [address, network] of [
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::', '0:0:0:0'],
    ['::1', '0:0:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:db8::', '2001:db8:0:0'],
  ] as const)
    it(`the network of ${address}`, () => assert.equal(networkOf(address), network));

  it('ends the one that was silent longest, those first by which no message came', () => {
    const guests = [
      guest('busy', 0, { mayGo: false }),
      guest('old friend', 1, { heard: true }),
      guest('friend', 2, { heard: true }),
      guest('newer', 9),
      guest('older', 8),
    ];
    assert.equal(room.makeRoom(guests), true);
    assert.equal(room.makeRoom(guests.slice(0, 3)), true);
    assert.equal(room.makeRoom(guests.slice(0, 1)), false);
    assert.deepEqual(closed, ['older', 'old friend']);
  });

  it('ends the eldest whose handshake goes on before one by which messages came, and before a younger one', () => {
    const [first, second] = [from('192.0.2.1', 1), from('192.0.2.1', 2)];
    room.awaitHandshake(first);
    clock.tick(5);
    room.awaitHandshake(second);
    const silent = guest('silent', clock.now() - 1);
    assert.equal(room.makeRoom([silent]), true);
    assert.deepEqual([first.destroyed, second.destroyed, room.arriving], [true, false, 1]);
    assert.equal(room.makeRoom([silent]), true);
    assert.deepEqual([second.destroyed, closed], [false, ['silent']]);
    assert.equal(room.makeRoom([guest('friend', 0, { heard: true })]), true);
    assert.deepEqual([second.destroyed, room.arriving], [true, 0]);
  });

  it('ends a handshake that takes too long, and forgets one that has settled', () => {
    const [slow, done] = [from('192.0.2.1', 1), from('192.0.2.1', 2)];
    room.awaitHandshake(slow);
    room.awaitHandshake(done);
    room.settle(from('192.0.2.1', 2));
    clock.tick(9_999);
    room.sweep();
    assert.equal(slow.destroyed, false);
    clock.tick(1);
    room.sweep();
    assert.deepEqual([slow.destroyed, done.destroyed, room.arriving], [true, false, 0]);
  });
});
