import assert from 'node:assert/strict';
import { Scene, until } from '../../conformance/scene.ts';

const PAST = 'deliver-before-timestamp="2020-01-01T00:00:00Z"';

describe('who answers and reports', () => {
  const told = async (pap?: { name: string; address: string }): Promise<(string | undefined)[]> => {
    const scene = await Scene.of({ config: { pap } });
    try {
      const answer = await scene.push('shop', { pushId: '1', attributes: `${PAST} ${scene.notify}` });
      assert.ok(answer.message === 'push-response');
      const notified = await until(() => scene.notified('1')[0]);
      return [answer, notified].flatMap(({ senderName, senderAddress }) => [senderName, senderAddress]);
    } finally {
      await scene.close();
    }
  };

  it('has the name and address that are configured', async () => {
    const [name, address] = ['Häns & <Co>', 'https://ppg.example.com/pap'];
    assert.deepEqual(await told({ name, address }), [name, address, name, address]);
  });

  it('is the gateway by its identity in what it reports where nothing is', async () => {
    assert.deepEqual(await told(), [undefined, undefined, undefined, 'sip:push@ims.test']);
  });
});
