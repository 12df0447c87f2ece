import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { type Leg, MsrpScene, nextPush } from './scene.ts';

const LEGS: readonly Leg[] = ['direct', 'drachtio'];

const sha256 = (body: Buffer): string => createHash('sha256').update(body).digest('hex');

for (const leg of LEGS) {
  describe(`pushes by MSRP over the ${leg} leg`, function () {
    this.timeout(60_000);
    let scene: MsrpScene;

    beforeEach(async () => {
      scene = await new MsrpScene(leg).start();
    });

    afterEach(async () => {
      await scene.stop();
      assert.deepEqual([scene.ppg.msrp?.sessions, scene.ppg.msrp?.connections], [0, 0]);
    });

    for (const size of [1301, 65_536, 1_048_576, 10_485_760]) {
      it(`bring ${size} binary octets unchanged, proven by the device`, async () => {
        const phone = await scene.phone('alice');
        const body = randomBytes(size);
        const pushed = nextPush(phone);
        const ending = await scene.push('alice', body, {
          headers: { 'X-Wap-Content-URI': 'http://a', Expires: 'Mon, 21 Sep 2026 14:00:00 GMT' },
        });
        assert.deepEqual([ending.state, ending.code, ending.deliveredBy], ['delivered', 1000, 'confirmed']);
        assert.deepEqual(
          ending.attempts.map(({ bearer, leg: by, cause }) => [bearer, by, cause]),
          [['msrp-session', leg, 'msrp success report']],
        );
        const got = await pushed;
        assert.deepEqual([got.size, got.sha256, got.contentType], [size, sha256(body), 'application/octet-stream']);
        assert.equal(got.applicationId, 'mms.ua');
        assert.deepEqual(
          got.entity.filter(({ name }) => /^(expires|x-wap-content-uri)$/i.test(name)),
          [
            { name: 'X-Wap-Content-URI', value: 'http://a' },
            { name: 'Expires', value: 'Mon, 21 Sep 2026 14:00:00 GMT' },
          ],
        );
      });
    }
  });
}
