import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { createRegisterHandler } from '../../handlers/register.ts';
import { silentLogger } from '../../lib/base/log.ts';
import type { ResponseLike } from '../../lib/sip/leg.ts';
import { createRegistrations } from '../../lib/sip/registrations/registrations.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { fakeRequest } from '../support/fake-sip.ts';

type DrachtioResponse = ResponseLike & { set(name: string, value: string): unknown };
const Response = createRequire(import.meta.url)('drachtio-srf/lib/response.js') as new (agent: {
  sendResponse(): void;
}) => DrachtioResponse;

const ALICE = 'sip:alice@example.com';

describe("drachtio-srf's response", () => {
  const clock = new FakeClock();

  /** Devices learned from a REGISTER that a later handler answers in its own way. */
  async function learned(answer: (res: DrachtioResponse) => void): Promise<number[]> {
    const registrations = createRegistrations({
      store: { registration: async () => undefined, saveRegistration: async () => undefined },
      clock,
      log: silentLogger,
      source: 'register',
    });
    const handler = createRegisterHandler({
      registrations,
      trusts: () => false,
      own: { isServer: () => false },
      domain: 'example.com',
      clock,
      log: silentLogger,
    });
    const headers = { From: `<${ALICE}>`, To: `<${ALICE}>`, Contact: '<sip:alice@192.0.2.1>;expires=600' };
    const res = new Response({ sendResponse: () => undefined });
    handler(fakeRequest({ method: 'REGISTER', headers }), res, () => answer(res));
    await settle();
    const known = await registrations.find(ALICE);
    return (known?.devices ?? []).map(({ expiresAt }) => (expiresAt - clock.now()) / 1000);
  }

  it('tells of the 200 that a later handler sends', async () => {
    assert.deepEqual(await learned((res) => res.send(200, { headers: { Contact: '<sip:alice@192.0.2.1>' } })), [600]);
  });

  it('shows the headers that a later handler set on it', async () => {
    const answer = (res: DrachtioResponse): void => {
      res.set('Contact', '<sip:alice@192.0.2.1>;expires=60');
      res.send(200);
    };
    assert.deepEqual(await learned(answer), [60]);
  });

  it('tells of a refusal as such', async () => {
    assert.deepEqual(await learned((res) => res.send(403)), []);
  });
});
