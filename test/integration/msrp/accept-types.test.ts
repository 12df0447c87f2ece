import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { PhoneMsrpOptions } from '../../../lib/embedded/phone/msrp.ts';
import type { PpgOptions } from '../../../lib/ppg.ts';
import { type Leg, MsrpScene, nextPush } from './scene.ts';

const SI =
  '<?xml version="1.0"?><!DOCTYPE si PUBLIC "-//WAPFORUM//DTD SI 1.0//EN" "http://www.wapforum.org/DTD/si.dtd">' +
  '<si><indication href="http://www.example.com/">4 new e-mails</indication></si>';
const HEADERS = { 'X-Wap-Content-URI': 'http://example.com/a', ETag: '"7"', 'Content-Language': 'fi' };

/** What a device takes may be told in its answer to OPTIONS, or to the INVITE only. No MESSAGE over drachtio carries binary. */
for (const [when, leg, options] of [
  ['before', 'drachtio', {}],
  ['in the answer to the INVITE only', 'direct', { sip: { capabilities: { ask: 'never' } } }],
] as const satisfies readonly (readonly [string, Leg, Partial<PpgOptions>])[]) {
  describe(`pushes by MSRP to a device that tells ${when} that it takes`, function () {
    this.timeout(60_000);
    let scene: MsrpScene;

    before(async () => {
      scene = await new MsrpScene(leg).start({
        ...options,
        msrp: { listen: { host: '127.0.0.1', port: 0 }, above: 0 },
      });
    });
    after(() => scene.stop());

    let count = 0;
    async function arrives(msrp: PhoneMsrpOptions, type: string, body: Buffer): ReturnType<typeof nextPush> {
      const user = `user${count++}`;
      const phone = await scene.phone(user, msrp);
      const came = nextPush(phone);
      const { state, attempts } = await scene.push(user, body, { type, headers: HEADERS });
      assert.deepEqual(
        [state, attempts.map(({ bearer, cause }) => [bearer, cause])],
        ['delivered', [['msrp-session', 'msrp success report']]],
      );
      return came;
    }

    for (const wrapped of ['*', 'application/*', 'application/octet-stream']) {
      it(`message/cpim with ${wrapped} in it get it so, with all of its headers`, async () => {
        const body = randomBytes(20_000);
        const takes = { acceptTypes: ['message/cpim', 'text/plain'], acceptWrappedTypes: [wrapped] };
        const push = await arrives(takes, 'application/octet-stream; a=b', body);
        assert.deepEqual([push.profile, push.contentType], ['cpim', 'application/octet-stream; a=b']);
        assert.ok(push.body.equals(body));
        for (const [name, value] of Object.entries(HEADERS))
          assert.equal(push.entity.find((field) => field.name === name)?.value, value, name);
        assert.equal(push.applicationId, 'mms.ua');
      });
    }

    it('message/cpim get content of that type as it is', async () => {
      const body = Buffer.from('From: <sip:a@b>\r\n\r\nContent-Type: text/plain\r\n\r\nhello'.padEnd(20_000));
      const push = await arrives({ acceptTypes: ['message/cpim'] }, 'message/cpim', body);
      assert.deepEqual([push.profile, push.contentType], ['headers', 'message/cpim']);
      assert.ok(push.body.equals(body));
    });

    // One that told it before gets it as it is, by a bearer that carries it so.
    if (when !== 'before')
      it('the other form of a document only get that', async () => {
        const told: string[] = [];
        const off = scene.ppg.on('transformed', ({ bearer, how }) => told.push(`${bearer}: ${how}`));
        // Large enough to be tried by MSRP first.
        const si = SI.replace('</indication>', `${'x'.repeat(20_000)}</indication>`);
        const push = await arrives({ acceptTypes: ['application/vnd.wap.sic'] }, 'text/vnd.wap.si', Buffer.from(si));
        off();
        assert.equal(push.contentType, 'application/vnd.wap.sic');
        assert.equal(push.body[0], 2);
        assert.deepEqual(told, ['msrp-session: text/vnd.wap.si to application/vnd.wap.sic']);
      });

    it('message/cpim with other types in it get it by another bearer, if at all', async () => {
      await scene.phone('other', { acceptTypes: ['message/cpim'], acceptWrappedTypes: ['text/plain'] });
      const { state, code, attempts } = await scene.push('other', randomBytes(20_000));
      const expected = leg === 'direct' ? ['delivered', 1000, 'sip-message'] : ['undeliverable', 2005, 'none'];
      assert.deepEqual([state, code, attempts.at(-1)?.bearer ?? 'none'], expected);
    });
  });
}
