import assert from 'node:assert/strict';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { silentLogger } from '../../../lib/base/log.ts';
import { Authenticator, type AuthenticatorOptions } from '../../../lib/security/authenticator.ts';
import { DEFAULT_ALGORITHMS, type TokenOptions } from '../../../lib/security/bearer-token.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';

const ISSUER = 'https://id.test/';
const REQUEST = {} as IncomingMessage;

type Pair = Awaited<ReturnType<typeof generateKeyPair>>;

describe('who a request comes from', () => {
  let pair: Pair;
  let stranger: Pair;
  let keys: { keys: object[] };
  const clock = new FakeClock();
  const seconds = (): number => Math.floor(clock.now() / 1000);

  before(async () => {
    [pair, stranger] = await Promise.all([generateKeyPair('ES256'), generateKeyPair('ES256')]);
    keys = { keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'k1', alg: 'ES256' }] };
  });

  type Claims = { [Name in keyof JWTPayload]: JWTPayload[Name] | undefined };

  const tokenOf = (claims: Claims, key: Pair = pair, alg = 'ES256'): Promise<string> =>
    new SignJWT({ iss: ISSUER, aud: 'ppg', sub: 'one', exp: seconds() + 60, ...claims } as JWTPayload)
      .setProtectedHeader({ alg, kid: 'k1' })
      .sign(key.privateKey);

  const tokens = (more: Partial<TokenOptions> = {}): TokenOptions => ({
    issuer: ISSUER,
    audience: 'ppg',
    ...(more.jwksUrl === undefined && { keys }),
    claim: 'sub',
    algorithms: DEFAULT_ALGORITHMS,
    clockTolerance: 0,
    ...more,
  });
  const make = (more: Partial<AuthenticatorOptions> = {}): Authenticator =>
    new Authenticator({ accounts: [{ name: 'one' }], clock, log: silentLogger, ...more });
  const check = async (auth: Authenticator, token: string): Promise<string> => {
    const result = await auth.check(`Bearer ${token}`, '198.51.100.1', {});
    return result.ok ? result.account.name : result.reason;
  };

  describe('by bearer token', () => {
    it('takes what its issuer has signed for this gateway and an account of it', async () => {
      const auth = make({ token: tokens() });
      assert.equal(await check(auth, await tokenOf({})), 'one');
      assert.equal(
        await check(make({ token: tokens({ claim: 'pi' }) }), await tokenOf({ pi: 'one', sub: 'x' })),
        'one',
      );
    });

    const WRONG: [string, () => Promise<string>][] = [
      ['another issuer', () => tokenOf({ iss: 'https://other.test/' })],
      ['another audience', () => tokenOf({ aud: 'other' })],
      ['the past', () => tokenOf({ exp: seconds() - 1 })],
      ['no end', () => tokenOf({ exp: undefined })],
      ['a later time', () => tokenOf({ nbf: seconds() + 60 })],
      ['no account', () => tokenOf({ sub: 'nobody' })],
      ['no claim', () => tokenOf({ sub: undefined })],
      ['a strange key', () => tokenOf({}, stranger)],
      [
        'no signature',
        async () =>
          `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from(JSON.stringify({ iss: ISSUER, aud: 'ppg', sub: 'one', exp: seconds() + 60 })).toString('base64url')}.`,
      ],
      ['garbage', async () => 'a.b.c'],
    ];
    for (const [what, token] of WRONG) {
      it(`refuses one of ${what}`, async () => {
        assert.equal(await check(make({ token: tokens() }), await token()), 'wrong');
      });
    }

    it('takes none where none are configured', async () => {
      assert.equal(await check(make(), await tokenOf({})), 'malformed');
    });

    it('knows a token again until it expires, and not longer than its account is there', async () => {
      const auth = make({ token: tokens() });
      const token = await tokenOf({});
      assert.equal(await check(auth, token), 'one');
      assert.ok(!(auth.check(`Bearer ${token}`, 's', {}) instanceof Promise));
      auth.setAccounts([]);
      assert.equal(await check(auth, token), 'wrong');
      auth.setAccounts([{ name: 'one' }]);
      assert.equal(await check(auth, token), 'one');
      clock.tick(60_000);
      assert.equal(await check(auth, token), 'wrong');
    });

    it('limits what one source may try', async () => {
      const auth = make({ token: tokens() });
      for (let i = 0; i < 30; i++) assert.equal(await check(auth, 'a.b.c'), 'wrong');
      assert.equal(await check(auth, await tokenOf({ jti: 'limited' })), 'limited');
      clock.tick(60_000);
      assert.equal(await check(auth, await tokenOf({ jti: 'again' })), 'one');
    });

    it('limits a network of IPv6 as one source', async () => {
      const auth = make({ token: tokens() });
      const from = async (host: number, token: string): Promise<string> => {
        const result = await auth.check(`Bearer ${token}`, `2001:db8:0:1::${host.toString(16)}`, {});
        return result.ok ? result.account.name : result.reason;
      };
      for (let i = 0; i < 30; i++) assert.equal(await from(i, 'a.b.c'), 'wrong');
      assert.equal(await from(31, await tokenOf({ jti: 'six' })), 'limited');
    });

    it('knows tokens that name no key while the issuer has an old and a new one', async () => {
      const next = await generateKeyPair('ES256');
      const both = { keys: [...keys.keys, { ...(await exportJWK(next.publicKey)), kid: 'k2', alg: 'ES256' }] };
      const unnamed = ({ privateKey }: Pair): Promise<string> =>
        new SignJWT({ iss: ISSUER, aud: 'ppg', sub: 'one', exp: seconds() + 60 })
          .setProtectedHeader({ alg: 'ES256' })
          .sign(privateKey);
      const auth = make({ token: tokens({ keys: both }) });
      for (const key of [pair, next]) assert.equal(await check(auth, await unnamed(key)), 'one');
      assert.equal(await check(auth, await unnamed(stranger)), 'wrong');
    });

    it('gets the keys where they are published, and says "busy" when it cannot', async () => {
      let answer = 500;
      const server = createServer((_req, res) =>
        res.writeHead(answer, { 'Content-Type': 'application/json' }).end(JSON.stringify(keys)),
      );
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const jwksUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
      try {
        assert.equal(await check(make({ token: tokens({ jwksUrl }) }), await tokenOf({})), 'busy');
        answer = 200;
        const auth = make({ token: tokens({ jwksUrl }) });
        assert.equal(await check(auth, await tokenOf({})), 'one');
        assert.equal(await check(auth, await tokenOf({ jti: 'x' }, stranger)), 'wrong');
      } finally {
        server.closeAllConnections();
        server.close();
      }
    });

    it('does not believe keys that came over plain HTTP', () => {
      assert.throws(() => make({ token: tokens({ jwksUrl: 'http://id.test/keys' }) }), { code: 'PPG_E_OPTIONS' });
    });

    it('challenges with what it takes', () => {
      assert.deepEqual(make().challenges.length, 1);
      assert.match(make({ token: tokens() }).challenges.join(), /Basic .*Bearer /);
    });
  });

  describe("by the integrator's own check", () => {
    const asked = async (authenticate: NonNullable<AuthenticatorOptions['authenticate']>): Promise<string> => {
      const result = await make({ authenticate }).check(undefined, 's', {}, REQUEST);
      return result.ok ? result.account.name : result.reason;
    };

    it('takes an account by name, one of its own, or none', async () => {
      assert.equal(await asked(() => 'one'), 'one');
      assert.equal(await asked(async () => ({ name: 'own', replyStatus: 200 as const })), 'own');
      assert.equal(await asked(() => 'nobody'), 'wrong');
      assert.equal(await asked(async () => undefined), 'missing');
    });

    it('lets nobody in when it throws, rejects or does not answer', async () => {
      assert.equal(
        await asked(() => {
          throw new Error('no');
        }),
        'busy',
      );
      assert.equal(await asked(() => Promise.reject(new Error('no'))), 'busy');
      const never = asked(() => new Promise(() => undefined));
      await settle();
      clock.tick(10_000);
      assert.equal(await never, 'busy');
    });
  });

  describe('by client certificate', () => {
    const raw = Buffer.alloc(1);
    const connection = (certificate: object, authorized = true): object => ({
      encrypted: true,
      authorized,
      getPeerCertificate: () => certificate,
    });
    const PRINT = Array.from({ length: 32 }, () => 'AB').join(':');
    const named = async (rule: object, shown: object): Promise<string> => {
      const result = await make({ accounts: [{ name: 'one', certificate: rule }] }).check(undefined, 's', shown);
      return result.ok ? result.account.name : result.reason;
    };

    it('knows subject and alternative name when the CA has signed', async () => {
      const certificate = {
        raw,
        subject: { CN: 'pi one' },
        subjectaltname: 'DNS:a.test, DNS:pi.test',
        fingerprint256: '',
      };
      assert.equal(await named({ subject: 'pi one' }, connection(certificate)), 'one');
      assert.equal(await named({ san: 'DNS:pi.test' }, connection(certificate)), 'one');
      assert.equal(await named({ san: 'DNS:test' }, connection(certificate)), 'missing');
      assert.equal(await named({ subject: 'pi one', san: 'DNS:x' }, connection(certificate)), 'missing');
      assert.equal(await named({ subject: 'pi one' }, connection(certificate, false)), 'missing');
      assert.equal(await named({ san: 'DNS:pi.test' }, connection(certificate, false)), 'missing');
    });

    it('knows a fingerprint without a CA', async () => {
      const certificate = { raw, fingerprint256: PRINT };
      assert.equal(
        await named({ fingerprint: PRINT.toLowerCase().replaceAll(':', '') }, connection(certificate, false)),
        'one',
      );
      assert.equal(await named({ fingerprint: PRINT.replace('AB', 'AC') }, connection(certificate)), 'missing');
    });

    it('takes no certificate for none, and no quoted name apart', async () => {
      assert.equal(await named({ fingerprint: PRINT }, connection({})), 'missing');
      assert.equal(await named({ fingerprint: PRINT }, {}), 'missing');
      const quoted = { raw, subject: {}, subjectaltname: 'URI:"x, DNS:pi.test, y"', fingerprint256: '' };
      assert.equal(await named({ san: 'DNS:pi.test' }, connection(quoted)), 'missing');
    });

    it('forgets connections when the accounts change', async () => {
      const auth = make({ accounts: [{ name: 'one', certificate: { fingerprint: PRINT } }] });
      const shown = connection({ raw, fingerprint256: PRINT });
      assert.equal((await auth.check(undefined, 's', shown)).ok, true);
      auth.setAccounts([]);
      assert.equal((await auth.check(undefined, 's', shown)).ok, false);
    });
  });
});
