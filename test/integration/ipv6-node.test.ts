import assert from 'node:assert/strict';
import { systemClock } from '../../lib/base/clock.ts';
import { silentLogger } from '../../lib/base/log.ts';
import { loadConfig } from '../../lib/cli/config.ts';
import { type RunningNode, startNode } from '../../lib/cli/node.ts';
import { createPhone } from '../../lib/embedded/phone/phone.ts';
import type { ReceivedPush } from '../../lib/embedded/phone/push-log.ts';

for (const leg of ['drachtio', 'direct'] as const) {
  describe(`a node that listens on IPv6, with the ${leg} leg`, function () {
    this.timeout(30_000);
    let node: RunningNode;
    before(async () => {
      const environment = {
        NODE_ENV: 'test',
        PPG_DOMAIN: 'ims.test',
        PPG_INITIATORS: 'pi:secret',
        PPG_SIP_HOST: '::1',
        PPG_SIP_LEG: leg,
      };
      node = await startNode(loadConfig(environment), { log: silentLogger });
    });
    after(async () => {
      await node?.stop();
    });

    it('tells the core its address in brackets, and so learns who registers and delivers', async () => {
      assert.equal(node.announced, `[::1]:${leg === 'direct' ? node.ports.direct : node.ports.sipd}`);
      const state = new Promise<string>((resolve) => {
        node.ppg.on('state', ({ state }) => state !== 'pending' && resolve(state));
      });
      const { code } = await node.ppg.submit({ to: 'alice@ims.test', type: 'text/plain', body: 'hello' });
      assert.equal(code, 1001);
      const phone = createPhone({
        clock: systemClock,
        log: silentLogger,
        server: { host: '::1', port: node.ports.sip ?? 0 },
        listen: { host: '::1', port: 0 },
        user: 'alice@ims.test',
        applications: ['wml.ua'],
      });
      const pushes: ReceivedPush[] = [];
      phone.on('push', (push) => pushes.push(push));
      await phone.start();
      try {
        // it waits for her until the core's REGISTER at that address tells of her
        assert.equal(await state, 'delivered');
        assert.equal(pushes[0]?.body.toString(), 'hello');
      } finally {
        await phone.stop();
      }
    });
  });
}
