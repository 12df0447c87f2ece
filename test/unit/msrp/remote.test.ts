import assert from 'node:assert/strict';
import { PpgError } from '../../../lib/base/errors.ts';
import type { MessageMedia, Setup } from '../../../lib/codec/sdp/message-media.ts';
import { remoteOfAnswer } from '../../../lib/msrp/remote.ts';

const answer = (setup: Setup | undefined, path = 'msrp://192.0.2.7:7777/iau3;tcp'): MessageMedia => ({
  port: 7777,
  secure: false,
  path,
  setup,
  acceptTypes: ['*'],
  acceptWrappedTypes: [],
  maxSize: undefined,
  fingerprints: [],
  direction: 'recvonly',
});

const isRefused = (error: unknown): boolean => error instanceof PpgError && error.code === 'PPG_E_SDP';

/** RFC 6135 section 4.2. */
describe('who connects after an answer', () => {
  for (const [offered, said, role] of [
    ['actpass', 'passive', 'active'],
    ['actpass', 'active', 'passive'],
    ['actpass', undefined, 'active'],
    ['active', 'passive', 'active'],
    ['active', undefined, 'active'],
    ['passive', 'active', 'passive'],
    ['passive', undefined, 'passive'],
  ] as const) {
    it(`is ${role === 'active' ? 'this side' : 'the device'}, offered ${offered} and answered ${said ?? 'with nothing'}`, () => {
      assert.equal(remoteOfAnswer(answer(said), offered, false).role, role);
    });
  }

  for (const [offered, said] of [
    ['active', 'active'],
    ['passive', 'passive'],
    ['actpass', 'holdconn'],
  ] as const) {
    it(`is nobody, offered ${offered} and answered ${said}`, () => {
      assert.throws(() => remoteOfAnswer(answer(said), offered, false), isRefused);
    });
  }

  it('is known of IPv6 addresses, and of paths through relays by their first URI', () => {
    const path = 'msrp://[2001:DB8::1]:2855/r;tcp msrp://phone.example.com/s;tcp';
    assert.deepEqual(
      remoteOfAnswer(answer('passive', path), 'actpass', false).path.map(({ host, port }) => [host, port]),
      [
        ['2001:db8::1', 2855],
        ['phone.example.com', 2855],
      ],
    );
  });

  it('is known of the relay that comes next over TLS by its certificate, whatever the fingerprint of the far end', () => {
    const path = 'msrps://relay.example.com/r;tcp msrps://phone.example.com/s;tcp';
    const fingerprints = [{ hash: 'sha-256', value: 'AB' }];
    const remote = remoteOfAnswer({ ...answer('passive', path), secure: true, fingerprints }, 'actpass', true);
    assert.deepEqual(remote.authority, {});
    assert.equal(remoteOfAnswer(answer('passive'), 'actpass', false).authority, undefined);
  });
});
