import assert from 'node:assert/strict';
import type { SipResponse } from '../../../../lib/codec/sip/message.ts';
import { DigestGuard } from '../../../../lib/embedded/core/digest-guard.ts';
import { digestResponse, parseDigest } from '../../../../lib/embedded/digest.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { requestOf } from '../fake-stack.ts';

const ALICE = 'sip:alice@example.com';
const URI = 'sip:example.com';

describe('digest authentication of REGISTER (RFC 3261 section 22)', () => {
  let clock: FakeClock;
  let guard: DigestGuard;

  beforeEach(() => {
    clock = new FakeClock();
    guard = new DigestGuard(clock, 'example.com', { alice: 'secret', bob: 'other' });
  });

  const ask = (headers: Record<string, string> = {}, aor = ALICE): SipResponse | undefined =>
    guard.refuse(requestOf('REGISTER', URI, headers), aor);

  function nonce(): string {
    const challenge = parseDigest(ask()?.headers.get('WWW-Authenticate') ?? '');
    return challenge?.get('nonce') ?? '';
  }

  function answer(of: { nonce: string; username?: string; password?: string; nc?: string; uri?: string }): {
    Authorization: string;
  } {
    const { username = 'alice', password = 'secret', nc = '00000001', uri = URI } = of;
    const auth = { nc, cnonce: 'c' };
    const input = { username, realm: 'example.com', password, method: 'REGISTER', uri, nonce: of.nonce, auth };
    const response = digestResponse(input);
    return {
      Authorization: `Digest username="${username}",realm="example.com",nonce="${of.nonce}",uri="${uri}",response="${response}",qop=auth,nc=${nc},cnonce="c"`,
    };
  }

  it('computes the example of RFC 2617 section 3.5', () => {
    const response = digestResponse({
      username: 'Mufasa',
      realm: 'testrealm@host.com',
      password: 'Circle Of Life',
      method: 'GET',
      uri: '/dir/index.html',
      nonce: 'dcd98b7102dd2f0e8b11d0f600bfb0c093',
      auth: { nc: '00000001', cnonce: '0a4f113b' },
    });
    assert.equal(response, '6629fae49393a05397450978507c4ef1');
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
