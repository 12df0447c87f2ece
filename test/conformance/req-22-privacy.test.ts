import assert from 'node:assert/strict';
import { systemClock } from '../../lib/base/clock.ts';
import { createLog } from '../../lib/cli/log.ts';
import { createPpg } from '../../lib/ppg.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { basic } from '../support/tenants.ts';
import { DOMAIN, Scene, SUBMISSION_TYPE, submission, until } from './scene.ts';

const CONTENT = 'the-very-private-content';
const HEADER = 'https://private-header.test/';
const USER = 'alice-in-private';
const AUTHORIZATION = Buffer.from('shop:secret').toString('base64');

/** A gateway's log at that level, after pushes that were delivered, refused, cancelled, malformed and not let in. */
async function logOf(level: 'info' | 'debug'): Promise<string> {
  let log = '';
  const destination = {
    write: (line: string): void => {
      log += line;
    },
  };
  const scene = await Scene.of({
    initiators: [{ name: 'shop' }, { name: 'narrow', allow: { recipients: { domains: ['other.test'] } } }],
    log: createLog(level, false, destination),
  });
  try {
    const wishes = { body: CONTENT, headers: [`X-Wap-Content-URI: ${HEADER}`], to: [`sip:${USER}@${DOMAIN}`] };
    const code = (more: Partial<Parameters<Scene['code']>[1]> & { pushId: string }) =>
      scene.code('shop', { ...wishes, ...more });
    const phone = await scene.phone(USER);
    assert.equal(await code({ pushId: 'ok', attributes: scene.notify }), 1001);
    await until(() => scene.notified('ok')[0]);
    phone.answer('415');
    assert.equal(await code({ pushId: 'refused', attributes: scene.notify }), 1001);
    await until(() => scene.notified('refused')[0]);
    assert.equal(await code({ pushId: 'ok' }), 2007);
    assert.equal(await code({ pushId: 'bad', to: [`WAPPUSH=${USER}/TYPE=PLMN@ppg`] }), 2002);
    assert.equal(await scene.code('narrow', { ...wishes, pushId: 'forbidden' }), 2001);
    await phone.deregister();
    assert.equal(await code({ pushId: 'waits' }), 1001);
    await until(() => scene.node.ppg.inFlight === 0);
    await scene.pap('shop', '<cancel-message push-id="waits"/>');
    for (const headers of [{}, basic('shop', 'the-wrong-secret'), { Authorization: 'Bearer private-token' }]) {
      await scene.post(submission({ pushId: 'no', ...wishes }), SUBMISSION_TYPE, headers);
    }
    await scene.post(`<pap>${CONTENT}`, 'application/xml', basic('shop'));
    await scene.post(Buffer.from(`--B\r\n${CONTENT}`), 'multipart/related; boundary=B', basic('shop'));
  } finally {
    await scene.close();
  }
  return log;
}

describe('REQ22: privacy', () => {
  for (const level of ['info', 'debug'] as const) {
    it(`the log at ${level} has neither content nor credentials${level === 'info' ? ' nor notify URLs' : ''}`, async () => {
      const log = await logOf(level);
      assert.ok(log.includes('shop'), 'the log was searched, and there was something in it');
      for (const secret of [
        CONTENT,
        'private-header',
        'secret',
        AUTHORIZATION,
        'private-token',
        'Authorization',
        '/notify',
      ]) {
        const at = log.toLowerCase().indexOf(secret.toLowerCase());
        assert.ok(at < 0 || (level === 'debug' && secret === '/notify'), log.slice(Math.max(0, at - 200), at + 100));
      }
    });
  }

  it('the log at info names subscribers in lines about their registration only', async () => {
    const lines = (await logOf('info')).split('\n').filter((line) => line.includes(USER));
    assert.deepEqual(
      lines.filter((line) => !/regist/i.test(line)),
      [],
    );
  });

  describe('between initiators', () => {
    let scene: Scene;
    let phone: Awaited<ReturnType<Scene['phone']>>;
    before(async () => {
      scene = await Scene.of({
        initiators: [{ name: 'shop' }, { name: 'bank' }, { name: 'hidden', privacy: true }],
        config: { block: [{ user: 'optout@ims.test' }] },
      });
      phone = await scene.phone('alice');
      await scene.code('shop', { pushId: 'mine', to: ['sip:waiting@ims.test'] });
      await until(() => scene.node.ppg.inFlight === 0);
    });
    after(() => scene.close());

    for (const [what, document] of [
      ['ask about', '<statusquery-message push-id="mine"/>'],
      ['cancel', '<cancel-message push-id="mine"/>'],
    ] as const) {
      it(`one cannot ${what} another's push: 2004, as if it were not there`, async () => {
        const theirs = await scene.pap('bank', document);
        const none = await scene.pap('bank', document.replace('mine', 'none'));
        assert.deepEqual({ ...theirs, pushId: '' }, { ...none, pushId: '' });
        assert.match(JSON.stringify(theirs), /2004/);
        const status = await scene.pap('shop', '<statusquery-message push-id="mine"/>');
        assert.ok(status.message === 'statusquery-response' && status.results[0]?.state === 'pending');
      });
    }

    it('one cannot replace another’s push', async () => {
      const attributes = 'replace-push-id="mine" replace-method="pending-only"';
      assert.equal(await scene.code('bank', { pushId: 'theirs', to: ['sip:waiting@ims.test'], attributes }), 2004);
    });

    it('nor learn from its push-id that it is there', async () =>
      assert.equal(await scene.code('bank', { pushId: 'mine', to: ['sip:waiting@ims.test'] }), 1001));

    it('who opted out is not asked about either: 2001', async () => {
      const answer = await scene.pap(
        'bank',
        '<ccq-message><address address-value="sip:optout@ims.test"/></ccq-message>',
      );
      assert.ok(answer.message === 'ccq-response' && answer.code === 2001);
    });

    it('a capability answer names no device, contact or number of devices', async () => {
      const { text } = await scene.post(
        '<pap><ccq-message><address address-value="sip:alice@ims.test"/></ccq-message></pap>',
        'application/xml',
        basic('bank'),
      );
      assert.match(text, /code="1000"/);
      assert.ok(!text.includes(phone.instance ?? '?') && !text.includes('127.0.0.1'));
    });

    it('the phone sees the gateway and nothing of the initiator; Privacy is asked for where the account says so', async () => {
      const before = phone.pushes.length;
      await scene.code('hidden', { pushId: 'h', attributes: scene.notify });
      await until(() => scene.notified('h')[0]);
      await scene.code('bank', { pushId: 'b', attributes: scene.notify });
      await until(() => scene.notified('b')[0]);
      const [hidden, open] = phone.pushes.slice(before);
      assert.equal(hidden?.headers.get('Privacy'), 'id');
      assert.equal(open?.headers.get('Privacy'), undefined);
      for (const push of [hidden, open]) {
        assert.doesNotMatch(JSON.stringify(push?.headers.fields), /hidden|bank|notify/);
      }
    });
  });

  it('content goes with the last recipient’s end, the rest after its retention', async () => {
    const clock = new FakeClock(systemClock.now());
    const ppg = createPpg({
      domain: DOMAIN,
      store: 'memory',
      clock,
      limits: { retention: 3_600_000 },
      initiators: [{ name: 'short', retention: 60_000 }],
    });
    await ppg.start();
    for (const initiator of ['short', 'app']) {
      await ppg.submit({ to: `sip:a@${DOMAIN}`, type: 'text/plain', body: CONTENT, pushId: 'p', initiator });
      await ppg.cancel('p', initiator);
      assert.equal((await ppg.status('p', initiator))?.push.content, undefined);
    }
    const known = async (): Promise<boolean[]> => [
      (await ppg.status('p', 'short')) !== undefined,
      (await ppg.status('p', 'app')) !== undefined,
    ];
    const pass = async (milliseconds: number): Promise<void> => {
      for (let passed = 0; passed < milliseconds; passed += 60_000) {
        clock.tick(60_000);
        await settle();
      }
    };
    assert.deepEqual(await known(), [true, true]);
    await pass(50 * 60_000);
    assert.deepEqual(await known(), [false, true]);
    await pass(4 * 3_600_000);
    assert.deepEqual(await known(), [false, false]);
    await ppg.stop();
    assert.equal(clock.pending, 0);
  });
});
