import assert from 'node:assert/strict';
import {
  type DigestAlgorithm,
  digestResponse,
  formatCredentials,
  parseChallenges,
} from '../../../../lib/codec/sip/digest.ts';
import type { SipResponse } from '../../../../lib/codec/sip/message.ts';
import { DigestGuard } from '../../../../lib/embedded/core/digest-guard.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { requestOf } from '../fake-stack.ts';

const ALICE = 'sip:alice@example.com';
const URI = 'sip:example.com';

describe('digest authentication of REGISTER (RFC 3261 section 22)', () => {
  let clock: FakeClock;
  let guard: DigestGuard;

  beforeEach(() => {
    clock = new FakeClock();
    guard = new DigestGuard(clock, 'example.com', { alice: 'secret', bob: 'other' }, ['SHA-256', 'MD5']);
  });

  const ask = (headers: Record<string, string> = {}, aor = ALICE): SipResponse | undefined =>
    guard.refuse(requestOf('REGISTER', URI, headers), aor);

  const nonce = (): string => parseChallenges(ask()?.headers.all('WWW-Authenticate') ?? [])[0]?.nonce ?? '';

  function answer(of: {
    nonce: string;
    username?: string;
    password?: string;
    nc?: string;
    uri?: string;
    algorithm?: DigestAlgorithm;
  }): { Authorization: string } {
    const { username = 'alice', password = 'secret', nc = '00000001', uri = URI, algorithm = 'MD5' } = of;
    const protection = { qop: 'auth', nc, cnonce: 'c' } as const;
    const input = { username, realm: 'example.com', uri, nonce: of.nonce, algorithm, protection };
    const response = digestResponse({ ...input, password, method: 'REGISTER' });
    return { Authorization: formatCredentials({ ...input, response, opaque: undefined }) };
  }

  it('offers SHA-256 above MD5 (RFC 8760 section 2.3), and takes either but no other', () => {
    const offered = parseChallenges(ask()?.headers.all('WWW-Authenticate') ?? []);
    assert.deepEqual(
      offered.map(({ algorithm, realm, qop }) => [algorithm, realm, qop]),
      [
        ['SHA-256', 'example.com', 'auth'],
        ['MD5', 'example.com', 'auth'],
      ],
    );
    assert.equal(ask(answer({ nonce: nonce(), algorithm: 'SHA-256' })), undefined);
    assert.equal(ask(answer({ nonce: nonce(), algorithm: 'MD5' })), undefined);
    assert.equal(ask(answer({ nonce: nonce(), algorithm: 'SHA-512-256' }))?.status, 401);
    assert.equal(ask(answer({ nonce: nonce(), algorithm: 'SHA-256', password: 'guess' }))?.status, 401);
  });

  it('offers MD5 alone unless told otherwise: some phones refuse a choice', () => {
    guard = new DigestGuard(clock, 'example.com', { alice: 'secret' });
    const offered = parseChallenges(ask()?.headers.all('WWW-Authenticate') ?? []);
    assert.deepEqual(
      offered.map(({ algorithm }) => algorithm),
      ['MD5'],
    );
    assert.equal(ask(answer({ nonce: nonce(), algorithm: 'SHA-256' }))?.status, 401);
  });

  it('asks whoever does not say who he is, and lets in who does', () => {
    assert.equal(ask()?.status, 401);
    assert.equal(ask(answer({ nonce: nonce() })), undefined);
    assert.equal(ask(answer({ nonce: nonce(), username: 'alice@example.com' })), undefined);
  });

  it('a wrong password, an unknown user and another URI are asked again', () => {
    for (const wrong of [
      { password: 'guess' },
      { username: 'mallory' },
      { uri: 'sip:else' },
      { username: '__proto__' },
    ])
      assert.equal(ask(answer({ nonce: nonce(), ...wrong }))?.status, 401);
  });

  it('nobody registers somebody else', () => {
    assert.equal(ask(answer({ nonce: nonce(), username: 'bob', password: 'other' }))?.status, 403);
  });

  it('an answer is good once, and its nonce for five minutes', () => {
    const first = nonce();
    assert.equal(ask(answer({ nonce: first })), undefined);
    const replay = ask(answer({ nonce: first }));
    assert.match(replay?.headers.get('WWW-Authenticate') ?? '', /stale=TRUE/);
    assert.equal(ask(answer({ nonce: first, nc: '00000002' })), undefined);
    clock.tick(5 * 60_000 + 1);
    assert.equal(ask(answer({ nonce: first, nc: '00000003' }))?.status, 401);
  });

  it('a nonce that is not ours is worth nothing', () => {
    const [time, salt] = nonce().split('.');
    for (const forged of ['', 'x', `${time}.${salt}.${'0'.repeat(32)}`, `zzzzzzzzzz.${salt}.x`])
      assert.equal(ask(answer({ nonce: forged }))?.status, 401);
  });

  it('an Authorization that cannot be read is 400', () => {
    assert.throws(() => ask({ Authorization: 'Digest username' }), { sipStatus: 400 });
    assert.equal(ask({ Authorization: 'Basic YTpi' })?.status, 401);
  });
});
