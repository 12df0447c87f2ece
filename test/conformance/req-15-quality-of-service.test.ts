import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Scene, until } from './scene.ts';

describe('REQ15: quality of service is mapped, and what cannot be had is refused', () => {
  let scene: Scene;
  before(async () => {
    scene = await Scene.of();
    await scene.phone('alice');
  });
  after(() => scene.close());

  let count = 0;
  for (const method of ['confirmed', 'preferconfirmed', 'unconfirmed', 'notspecified']) {
    for (const [what, attributes, expected] of [
      ['IMS and SIP, required', 'network="IMS" network-required="true" bearer="SIP" bearer-required="true"', 1001],
      [
        'any network and bearer, required',
        'network="Any" network-required="true" bearer="Any" bearer-required="true"',
        1001,
      ],
      ['GSM and SMS, wished for', 'network="GSM" bearer="SMS"', 1001],
      ['the network GSM, required', 'network="GSM" network-required="true"', 3009],
      ['the bearer SMS, required', 'bearer="SMS" bearer-required="true"', 3010],
      ['required, but not named', 'network-required="true" bearer-required="true"', 1001],
    ] as const) {
      it(`${method} by ${what}: ${expected}`, async () => {
        const pushId = `q${count++}`;
        const wishes = { pushId, qos: `delivery-method="${method}" ${attributes}`, attributes: scene.notify };
        assert.equal(await scene.code('shop', wishes), expected);
        if (expected !== 1001) {
          assert.equal(await scene.node.ppg.status(pushId, 'shop'), undefined);
          return;
        }
        assert.equal((await until(() => scene.notified(pushId)[0])).state, 'delivered');
      });
    }
  }

  it('the map is written down', () => {
    const doc = readFileSync(join(import.meta.dirname, '../../docs/pap.md'), 'utf8');
    for (const word of ['priority', 'confirmed', 'network', 'bearer', 'deliver-before-timestamp']) {
      assert.match(doc.slice(doc.indexOf('## Quality of service')), new RegExp(`\\| ?.*${word}`));
    }
  });
});
