import assert from 'node:assert/strict';
import { systemClock } from '../../../lib/base/clock.ts';
import { parseCredentials } from '../../../lib/codec/sip/digest.ts';
import type { SipRequest } from '../../../lib/codec/sip/message.ts';
import { respondTo } from '../../../lib/codec/sip/respond-to.ts';
import { DigestGuard } from '../../../lib/embedded/core/digest-guard.ts';
import { isTerminal } from '../../../lib/model/states.ts';
import { createPpg, type Ppg } from '../../../lib/ppg.ts';
import { createSipStack } from '../../../lib/stack/stack.ts';
import type { SipStack } from '../../../lib/stack/types.ts';

const UDP = { protocol: 'udp', host: '127.0.0.1', port: 0 } as const;
const DOMAIN = 'ims.example.com';

describe('a core that asks the gateway who it is', () => {
  let core: SipStack;
  let seen: SipRequest[];
  let ppg: Ppg;

  beforeEach(async () => {
    seen = [];
    core = createSipStack({ clock: systemClock, listen: [UDP] });
    const guard = new DigestGuard(systemClock, DOMAIN, { push: 'secret' }, ['SHA-256', 'MD5']);
    core.onRequest((transaction) => {
      const { request } = transaction;
      seen.push(request);
      transaction.respond(guard.refuse(request, `sip:push@${DOMAIN}`) ?? respondTo(request, 200));
    });
    await core.start();
  });

  afterEach(async () => {
    await ppg.stop();
    await core.stop();
  });

  /** The end of one push to alice, as `state code`. */
  async function pushWith(password: string): Promise<string> {
    ppg = createPpg({
      domain: DOMAIN,
      store: 'memory',
      sip: {
        nextHop: `sip:127.0.0.1:${core.listening[0]?.port};transport=udp`,
        direct: { listen: [UDP] },
        credentials: [{ realm: DOMAIN, username: 'push', password }],
      },
    });
    await ppg.start();
    return again();
  }

  async function again(): Promise<string> {
    const final = new Promise<string>((resolve) => {
      const off = ppg.on('state', ({ state, code }) => {
        if (!isTerminal(state)) return;
        off();
        resolve(`${state} ${code}`);
      });
    });
    await ppg.submit({ to: `sip:alice@${DOMAIN}`, body: 'hello', type: 'text/plain' });
    return final;
  }

  const told = (): unknown[] =>
    seen.map(({ headers }) => {
      const credentials = parseCredentials(headers.get('Authorization') ?? 'none');
      return [headers.get('CSeq'), credentials?.algorithm, credentials?.protection?.nc];
    });

  it('is told, by the strongest hash it offers, and by the next push at once', async () => {
    assert.equal(await pushWith('secret'), 'delivered 1000');
    assert.equal(await again(), 'delivered 1000');
    assert.deepEqual(told(), [
      ['1 MESSAGE', undefined, undefined],
      ['2 MESSAGE', 'SHA-256', '00000001'],
      ['1 MESSAGE', 'SHA-256', '00000002'],
    ]);
    assert.equal(seen[1]?.headers.get('Call-ID'), seen[0]?.headers.get('Call-ID'));
  });

  it('that does not believe it is not asked for ever', async () => {
    assert.equal(await pushWith('wrong'), 'undeliverable 4000');
    assert.equal(seen.length, 2);
  });
});
