import assert from 'node:assert/strict';
import { createRegisterHandler } from '../../../handlers/register.ts';
import { silentLogger } from '../../../lib/base/log.ts';
import type { Registration } from '../../../lib/model/device.ts';
import type { RequestLike, SipHandler } from '../../../lib/sip/leg.ts';
import { ownAddress } from '../../../lib/sip/own-address.ts';
import { createRegistrations, type Registrations } from '../../../lib/sip/registrations/registrations.ts';
import { trustedPeers } from '../../../lib/sip/trusted-peers.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { FakeResponse, fakeRequest } from '../../support/fake-sip.ts';

const ALICE = 'sip:alice@example.com';
const CORE = '10.0.0.1';

describe('REGISTER', () => {
  let clock: FakeClock;
  let registrations: Registrations;
  let heard: string[];
  let handler: SipHandler;
  let res: FakeResponse;
  let running: boolean;
  let nexts: number;

  const make = (source: 'register' | 'none' = 'register'): void => {
    const rows = new Map<string, Registration>();
    registrations = createRegistrations({
      store: {
        registration: async (aor) => rows.get(aor),
        saveRegistration: async (registration) => void rows.set(registration.aor, registration),
      },
      clock,
      log: silentLogger,
      source,
    });
    heard = [];
    registrations.on('registered', ({ aor }) => heard.push(`+${aor}`));
    registrations.on('deregistered', ({ aor }) => heard.push(`-${aor}`));
    handler = createRegisterHandler({
      registrations,
      trusts: trustedPeers([CORE]),
      own: ownAddress('sip:push@example.com', () => ['10.0.0.9:5070']),
      domain: 'example.com',
      running: () => running,
      clock,
      log: silentLogger,
    });
  };

  const thirdParty = (more: { uri?: string; source?: string; headers?: Record<string, string> } = {}): RequestLike =>
    fakeRequest({
      method: 'REGISTER',
      uri: more.uri ?? 'sip:10.0.0.9:5070',
      source: more.source ?? CORE,
      headers: {
        From: '<sip:scscf.example.com:6060>;tag=1',
        To: `<${ALICE}>`,
        Contact: '<sip:scscf.example.com:6060>',
        Expires: '600',
        ...more.headers,
      },
    });

  const ueRegister = (headers: Record<string, string> = {}, source = '192.0.2.50'): RequestLike =>
    fakeRequest({
      method: 'REGISTER',
      uri: 'sip:example.com',
      source,
      headers: { From: `<${ALICE}>;tag=1`, To: `<${ALICE}>`, Contact: '<sip:alice@192.0.2.50>', ...headers },
    });

  const handle = (req: RequestLike): void => handler(req, res, () => nexts++);
  const known = async (): Promise<Registration | undefined> => {
    await settle();
    return registrations.find(ALICE);
  };

  beforeEach(() => {
    clock = new FakeClock();
    res = new FakeResponse();
    nexts = 0;
    running = true;
    make();
  });

  it('takes three arguments, as drachtio-srf wants a handler to', () => {
    assert.equal(handler.length, 3);
  });

  it('of a trusted core for a user is answered at once and learned', async () => {
    handle(thirdParty());
    assert.deepEqual(res.sent, [{ status: 200, headers: { Contact: '<sip:scscf.example.com:6060>', Expires: '600' } }]);
    assert.equal(nexts, 0);
    assert.equal((await known())?.registered, true);
    assert.deepEqual(heard, [`+${ALICE}`]);
  });

  it('of a trusted core for a user who left makes the user offline', async () => {
    handle(thirdParty({ headers: { Expires: '0' } }));
    assert.deepEqual(res.sent, [{ status: 200, headers: { Expires: '0' } }]);
    assert.equal((await known())?.registered, false);
    assert.deepEqual(heard, [`-${ALICE}`]);
  });

  it('of a trusted core that names no user is answered 400', async () => {
    handle(thirdParty({ headers: { To: '<sip:example.com>' } }));
    assert.deepEqual(
      res.sent.map(({ status }) => status),
      [400],
    );
    assert.equal(nexts, 0);
  });

  for (const [what, req] of [
    ['of a stranger to our address', () => thirdParty({ source: '192.0.2.66' })],
    ['to somebody else', () => thirdParty({ uri: 'sip:other.example.com' })],
    ['of a UE for itself, even by a trusted peer', () => ueRegister({}, CORE)],
    ['of a UE for itself to our address', () => thirdParty({ headers: { From: `<${ALICE}>;tag=2` } })],
  ] as const) {
    it(`${what} goes on untouched and is not believed`, async () => {
      handle(req());
      assert.equal(nexts, 1);
      assert.deepEqual(res.sent, []);
      assert.equal(await known(), undefined);
    });
  }

  it('of a UE is learned when the registrar of the app answers 200', async () => {
    handle(ueRegister({ Expires: '60' }));
    assert.equal(nexts, 1);
    res.send(200);
    assert.equal((await known())?.devices[0]?.expiresAt, clock.now() + 60_000);
    assert.deepEqual(heard, [`+${ALICE}`]);
  });

  it('what the registrar set on its response has the last word', async () => {
    handle(ueRegister({ Expires: '60' }));
    res.headers.set('contact', '<sip:alice@192.0.2.50>;expires=30');
    res.send(200);
    assert.equal((await known())?.devices[0]?.expiresAt, clock.now() + 30_000);
  });

  it('of a UE that is challenged or refused is not learned', async () => {
    for (const status of [401, 403, 423, 500, 202]) {
      res = new FakeResponse();
      handle(ueRegister());
      res.send(status);
    }
    assert.equal(await known(), undefined);
  });

  it('is not watched where registrations are not asked for', async () => {
    make('none');
    handle(ueRegister());
    res.send(200);
    assert.equal(await known(), undefined);
    assert.equal(nexts, 1);
  });

  it('a response that tells no end does not matter', () => {
    handler(ueRegister(), { send: () => undefined }, () => nexts++);
    assert.equal(nexts, 1);
  });

  it('never throws by itself, and calls next once', async () => {
    const bad = {
      ...ueRegister(),
      get: (): string => {
        throw new Error('hostile');
      },
    };
    handle({ ...bad, source_address: CORE, uri: 'sip:10.0.0.9:5070' });
    assert.equal(nexts, 1);
    handle(bad);
    assert.equal(nexts, 2);
    res.send(200);
    res = new FakeResponse();
    res.throwing = true;
    handle(thirdParty());
    assert.equal(nexts, 2);
    assert.equal((await known())?.registered, true, 'what was told is learned though the answer is lost');
  });

  it('what later handlers throw is theirs', () => {
    assert.throws(
      () =>
        handler(ueRegister(), res, () => {
          throw new Error('of the app');
        }),
      /of the app/,
    );
  });

  it('a gateway that stops answers a core 503 and learns nothing more', async () => {
    running = false;
    handle(thirdParty());
    assert.deepEqual(
      res.sent.map(({ status }) => status),
      [503],
    );
    assert.equal(await known(), undefined);
    handle(ueRegister());
    assert.equal(nexts, 1);
  });

  describe('of a trusted core that an earlier one comes after (RFC 3261 section 10.3, item 7)', () => {
    /** Sends one after the other; what was heard of each, with its status before. */
    async function sent(cseq: string, headers: Record<string, string> = {}): Promise<string> {
      heard.length = 0;
      const response = new FakeResponse();
      handler(thirdParty({ headers: { 'Call-ID': 'c1@scscf', CSeq: cseq, ...headers } }), response, () => nexts++);
      await settle();
      return [response.sent[0]?.status, ...heard].join(' ');
    }
    const GONE = { Expires: '0' };

    it('wins, and the earlier one is answered 200 all the same', async () => {
      assert.equal(await sent('8 REGISTER', GONE), `200 -${ALICE}`);
      assert.equal(await sent('7 REGISTER'), '200');
      assert.equal((await registrations.find(ALICE))?.registered, false);
      assert.equal(await sent('9 REGISTER'), `200 +${ALICE}`);
    });

    it('wins, whichever tag and transport the earlier one came with', async () => {
      await sent('8 REGISTER', GONE);
      assert.equal(await sent('7 REGISTER', { From: '"S-CSCF" <sip:scscf.example.com:6060>;tag=2' }), '200');
    });

    it('is no reason to ignore the same one again', async () => {
      await sent('8 REGISTER');
      assert.equal(await sent('8 REGISTER'), `200 +${ALICE}`);
    });

    for (const [what, headers] of [
      ['another Call-ID', { 'Call-ID': 'c2@scscf' }],
      ['another S-CSCF', { From: '<sip:other.example.com:6060>;tag=1' }],
      ['a REGISTER for another user', { To: '<sip:bob@example.com>' }],
      ['a CSeq that cannot be read', { CSeq: 'seven' }],
    ] as const)
      it(`is no reason to ignore ${what}`, async () => {
        await sent('8 REGISTER', GONE);
        assert.match(await sent('7 REGISTER', headers), /^200 \+/);
      });

    it('is no reason to ignore a core that counts anew half a minute later', async () => {
      await sent('8 REGISTER', GONE);
      await clock.advance(31_999);
      assert.equal(await sent('1 REGISTER'), '200', 'what is ignored makes it no longer');
      await clock.advance(1);
      assert.equal(await sent('1 REGISTER'), `200 +${ALICE}`);
      assert.equal(await sent('2 REGISTER'), `200 +${ALICE}`);
    });
  });

  it('a Contact that holds a line break is not sent back', () => {
    handle(thirdParty({ headers: { Contact: '<sip:a@b>\r\nX-Evil: 1' } }));
    assert.deepEqual(res.sent, [{ status: 200, headers: { Expires: '600' } }]);
  });
});
