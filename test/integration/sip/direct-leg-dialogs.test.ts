import assert from 'node:assert/strict';
import { systemClock } from '../../../lib/base/clock.ts';
import { createDirectLeg } from '../../../lib/sip/direct/direct-leg.ts';
import type { SipLeg } from '../../../lib/sip/leg.ts';
import type { Dialog } from '../../../lib/stack/dialog.ts';
import type { SipStack } from '../../../lib/stack/types.ts';
import { UserAgent } from '../../../lib/stack/user-agent.ts';
import { newStack } from '../../support/sipd-net.ts';

describe('calls of the direct leg', () => {
  let leg: SipLeg;
  let stack: SipStack;
  let agent: UserAgent;

  beforeEach(async () => {
    leg = createDirectLeg({ stack: newStack(), clock: systemClock });
    stack = newStack();
    await Promise.all([leg.start(), stack.start()]);
    const contact = (): string => `sip:far@127.0.0.1:${stack.listening[0]?.port};transport=udp`;
    agent = new UserAgent({ stack, clock: systemClock, contact });
  });

  afterEach(async () => {
    agent.stop();
    await Promise.all([leg.stop(), stack.stop()]);
  });

  it('take what they said they support when the peer requires it, and name what they do not (section 8.2.2.3)', async () => {
    const dialogs: Dialog[] = [];
    agent.onInvite((call) => dialogs.push(call.accept()));
    const uri = `sip:far@127.0.0.1:${stack.listening[0]?.port}`;
    const headers = [
      { name: 'From', value: '<sip:ppg@example.com>;tag=1' },
      { name: 'To', value: `<${uri}>` },
      { name: 'Call-ID', value: 'requires' },
      { name: 'CSeq', value: '1 INVITE' },
    ];
    const answer = await leg.invite({ method: 'INVITE', uri, headers }, { onRequest: (_req, res) => res.send(200) });
    assert.equal(answer.kind, 'dialog');
    const [far] = dialogs;
    assert.ok(far);
    while (!far.settled) await new Promise((resolve) => setImmediate(resolve));
    const require = async (...options: string[]): Promise<(string | number | undefined)[]> => {
      const fields = options.map((value) => ({ name: 'Require', value }));
      const outcome = await far.request('INFO', { headers: fields });
      if (outcome.kind !== 'response') return [outcome.failure];
      return [outcome.response.status, outcome.response.headers.get('Unsupported')];
    };
    assert.deepEqual(await require('timer'), [200, undefined]);
    assert.deepEqual(await require('Timer,100rel'), [200, undefined]);
    assert.deepEqual(await require('timer, foo', 'bar'), [420, 'foo, bar']);
    await far.end();
  });
});
