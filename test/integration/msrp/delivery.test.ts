import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import type { Phone } from '../../../lib/embedded/phone/phone.ts';
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

    for (const size of [0, 1, 1300, 65_536, 1_048_576, 10_485_760]) {
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

    it('unconfirmed ask for no report', async () => {
      const phone = await scene.phone('alice');
      const pushed = nextPush(phone);
      const ending = await scene.push('alice', randomBytes(40_000), { deliveryMethod: 'unconfirmed' });
      assert.deepEqual([ending.state, ending.deliveredBy], ['delivered', 'unconfirmed']);
      assert.equal((await pushed).headers.get('Success-Report'), undefined);
    });

    it('of one device share a session, one after another', async () => {
      const phone = await scene.phone('alice');
      const bodies = [randomBytes(30_000), randomBytes(70_000), Buffer.alloc(0)];
      for (const body of bodies) {
        const pushed = nextPush(phone);
        const ending = await scene.push('alice', body, { headers: { 'X-Number': String(body.length) } });
        assert.equal(ending.state, 'delivered');
        const got = await pushed;
        assert.deepEqual([got.sha256, got.headers.get('X-Number')], [sha256(body), String(body.length)]);
      }
      assert.equal(scene.methods.filter((method) => method === 'INVITE').length, 1);
      assert.equal(phone.counters.duplicates, 0);
    });

    it('go in a new session when the kept one has died', async () => {
      const phone = await scene.phone('alice');
      assert.equal((await scene.push('alice', randomBytes(3_000))).state, 'delivered');
      await phone.vanish();
      const again = await scene.phone('alice', {}, { instance: phone.instance ?? '' });
      const pushed = nextPush(again);
      assert.equal((await scene.push('alice', Buffer.from('again'))).state, 'delivered');
      assert.equal((await pushed).body.toString(), 'again');
    });

    it('reach a phone that connects to the gateway', async () => {
      const phone = await scene.phone('alice', { setup: 'active' });
      const body = randomBytes(200_000);
      const pushed = nextPush(phone);
      assert.equal((await scene.push('alice', body)).state, 'delivered');
      assert.equal((await pushed).sha256, sha256(body));
    });

    it('are 100 at a time, with memory for little more than what is under way', async () => {
      const names = Array.from({ length: 100 }, (_, at) => `user${at}`);
      const phones: Phone[] = [];
      for (const name of names) phones.push(await scene.phone(name));
      const got = phones.map(nextPush);
      const bodies = names.map(() => randomBytes(200_000));
      let most = 0;
      const before = process.memoryUsage();
      const watch = setInterval(() => (most = Math.max(most, scene.ppg.msrp?.sessions ?? 0)), 1);
      const endings = await Promise.all(names.map((name, at) => scene.push(name, bodies[at] ?? Buffer.alloc(0))));
      clearInterval(watch);
      assert.deepEqual([...new Set(endings.map(({ state }) => state))], ['delivered']);
      const hashes = (await Promise.all(got)).map((push) => push.sha256);
      assert.deepEqual(hashes, bodies.map(sha256));
      assert.ok(most > 10, `${most} sessions at once`);
      // 20 MB of content in the store, 20 MB received and joined by the phones of this process, twice while joining.
      const grown = process.memoryUsage().arrayBuffers - before.arrayBuffers;
      assert.ok(grown < 150 * 2 ** 20, `${grown} octets`);
    });
  });
}
