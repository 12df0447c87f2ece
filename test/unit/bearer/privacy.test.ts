import assert from 'node:assert/strict';
import { silentLogger } from '../../../lib/base/log.ts';
import { createSipMessageBearer } from '../../../lib/bearer/sip-message.ts';
import { createSipSender } from '../../../lib/sip/sender.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { ACCEPTED_AT, fakeAttempt, fakePush } from '../../support/fake-push.ts';
import { FakeLeg } from '../../support/fake-sip.ts';

describe('the privacy of a Push Initiator', () => {
  const privacyOf = async (initiator: string): Promise<string[]> => {
    const leg = new FakeLeg('direct');
    const bearer = createSipMessageBearer({
      sender: createSipSender({ legs: [leg], force: 'auto', log: silentLogger }),
      clock: new FakeClock(ACCEPTED_AT),
      log: silentLogger,
      identity: 'sip:push@ppg.example.com',
      domain: 'ppg.example.com',
      hidesIdentity: (name) => name === 'hidden',
    });
    await bearer.deliver(fakeAttempt({ push: fakePush({ initiator, notifyUrl: 'https://pi.test/secret' }) }));
    const [request] = leg.sent;
    assert.ok(request);
    assert.doesNotMatch(JSON.stringify(request.headers), /hidden|shown|pi\.test/);
    return request.headers.filter(({ name }) => name === 'Privacy').map(({ value }) => value);
  };

  it('is asked for where the account says so, and its name and URLs never reach the device', async () => {
    assert.deepEqual(await privacyOf('hidden'), ['id']);
    assert.deepEqual(await privacyOf('shown'), []);
  });
});
