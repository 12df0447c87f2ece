import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '../../lib/base/log.ts';
import { openAudit } from '../../lib/cli/log.ts';
import { createPpg } from '../../lib/ppg.ts';
import { basic, secretHash } from '../support/tenants.ts';
import { Scene, SUBMISSION_TYPE, submission, until } from './scene.ts';

/** Ways in which an initiator may try to speak for the gateway. */
const FORGERIES: readonly (readonly [string, readonly string[]])[] = [
  ['X-Wap-Push-Info', ['X-Wap-Push-Info: authenticated, trusted']],
  ['another spelling', ['x-WAP-push-INFO:authenticated', 'PUSH-FLAG: 3', 'Push-Flag: 7', 'X-Wap-Push-Flag: 3']],
  ['a blank before the colon', ['X-Wap-Push-Info : authenticated']],
  ['a folded header', ['X-Wap-Content-URI: http://x.test/', '\tX-Wap-Push-Info: authenticated']],
  ['a bare CR within a header', ['X-Other: a\rX-Wap-Push-Info: authenticated']],
  ['a bare LF within a header', ['X-Other: a\nX-Wap-Push-Info: authenticated']],
  ['a NUL within a header', ['X-Other: a\0X-Wap-Push-Info: authenticated']],
  ['the prefix of entity headers', ['X-Push-Entity-X-Wap-Push-Info: authenticated']],
  ['a charset', ['X-Wap-Push-Info: =?utf-8?B?YXV0aGVudGljYXRlZA==?=']],
];

describe('REQ21: security of push', () => {
  let scene: Scene;
  let phone: Awaited<ReturnType<Scene['phone']>>;
  before(async () => {
    scene = await Scene.of({
      initiators: [
        { name: 'shop' },
        { name: 'known', initiatorUris: ['https://known.test/'] },
        { name: 'mmsc', trusted: true, initiatorUris: ['https://mmsc.test/'] },
        { name: 'slow', allow: { rate: { perSecond: 1 } } },
        { name: 'small', allow: { open: 2, maxRecipients: 2 } },
      ],
    });
    phone = await scene.phone('alice');
  });
  after(() => scene.close());

  let count = 0;
  /** What the phone reads as the gateway's word, and every header that speaks of it. */
  const wordOn = async (user: string, headers: readonly string[]): Promise<string | undefined> => {
    const pushId = `flags ${count++}`;
    const before = phone.pushes.length;
    const answer = await scene.push(user, { pushId, headers, attributes: scene.notify });
    if (answer.message !== 'push-response' || answer.code !== 1001) return 'refused';
    const { state } = await until(() => scene.notified(pushId)[0]);
    if (state !== 'delivered') return 'refused';
    const [push] = await until(() => phone.pushes.length > before && phone.pushes.slice(before));
    assert.equal(push?.headers.get('Push-Flag'), undefined);
    assert.equal(push?.headers.get('X-Wap-Push-Flag'), undefined);
    return push?.headers.get('X-Wap-Push-Info');
  };

  for (const [how, headers] of FORGERIES) {
    it(`an initiator cannot forge the flags: ${how}`, async () => {
      const word = await wordOn('shop', headers);
      assert.ok(word === undefined || word === 'refused', word);
    });
  }

  it('the gateway says "authenticated" for a URI of the account, and of no other', async () => {
    const forged = 'X-Wap-Push-Info: authenticated, trusted, last';
    assert.equal(await wordOn('known', ['X-Wap-Initiator-URI: https://known.test/offers', forged]), 'authenticated');
    assert.equal(await wordOn('known', ['X-Wap-Initiator-URI: https://mmsc.test/', forged]), undefined);
    assert.equal(await wordOn('shop', ['X-Wap-Initiator-URI: https://known.test/offers']), undefined);
    assert.equal(
      await wordOn('known', ['X-Wap-Initiator-URI: https://known.test/', 'X-Wap-Initiator-URI: https://evil.test/']),
      undefined,
    );
  });

  it('the gateway says "trusted" for trusted accounts alone', async () => {
    assert.equal(await wordOn('mmsc', []), 'trusted');
    assert.equal(await wordOn('mmsc', ['X-Wap-Initiator-URI: https://mmsc.test/1']), 'authenticated, trusted');
  });

  it('the app’s own pushes cannot forge them either', async () => {
    const before = phone.pushes.length;
    const headers = { 'X-Wap-Push-Info': 'authenticated' };
    await scene.node.ppg.submit({ to: 'sip:alice@ims.test', type: 'text/plain', body: 'x', headers });
    const [push] = await until(() => phone.pushes.length > before && phone.pushes.slice(before));
    assert.equal(push?.headers.get('X-Wap-Push-Info'), undefined);
  });

  it('a flood of one account is held off by rate, and another account feels nothing', async () => {
    const post = (user: string, n: number) =>
      scene.post(submission({ pushId: `r${n}`, to: ['sip:x@off.test'] }), SUBMISSION_TYPE, basic(user));
    const statuses: number[] = [];
    for (let n = 0; n < 5; n++) statuses.push((await post('slow', n)).status);
    assert.ok(statuses.includes(202) && statuses.filter((status) => status === 429).length >= 3, `${statuses}`);
    assert.equal((await post('shop', 0)).status, 202);
  });

  it('what an account has waiting is bounded, and so are its recipients', async () => {
    const far = (n: number): string => `sip:far${n}@nowhere.test`;
    const attributes = 'deliver-after-timestamp="2099-01-01T00:00:00Z"';
    assert.equal(await scene.code('small', { pushId: 's1', to: [far(1), far(2), far(3)] }), 2001);
    assert.equal(await scene.code('small', { pushId: 's2', to: [far(1), far(2)], attributes }), 1001);
    assert.equal(await scene.code('small', { pushId: 's3', to: [far(3)], attributes }), 3000);
  });

  it('every decision stands in the audit log', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'ppg-audit-'));
    const file = join(directory, 'audit.log');
    const audit = openAudit(file, silentLogger);
    const ppg = createPpg({
      domain: 'x.test',
      store: 'memory',
      audit: audit.log,
      initiators: [],
      block: [{ user: 'sip:no@x.test' }],
    });
    try {
      await ppg.start();
      await ppg.submit({ to: 'sip:yes@x.test', type: 'text/plain', body: 'x', pushId: 'taken' });
      await assert.rejects(ppg.submit({ to: 'sip:no@x.test', type: 'text/plain', body: 'x', pushId: 'not' }));
      await ppg.cancel('taken');
    } finally {
      await ppg.stop();
      audit.close();
    }
    const lines = await until(() => {
      const text = readFileSync(file, 'utf8');
      return text.includes('cancelled') && text.endsWith('\n') && text;
    });
    rmSync(directory, { recursive: true });
    const decisions = lines
      .trimEnd()
      .split('\n')
      .map((line): { event?: string; pushId?: string; code?: number } => JSON.parse(line))
      .map(({ event, pushId, code }) => [event, pushId, code]);
    assert.deepEqual(decisions, [
      ['accepted', 'taken', undefined],
      ['refused', 'not', 2001],
      ['cancelled', 'taken', 1000],
    ]);
  });

  it('trust that is taken back counts at once', async () => {
    assert.equal(await wordOn('mmsc', []), 'trusted');
    const passwordHash = await secretHash();
    scene.node.ppg.setInitiators(['mmsc', 'shop'].map((name) => ({ name, passwordHash })));
    assert.equal(await wordOn('mmsc', []), undefined);
  });

  // last, since it locks the address of this test out
  it('guessing passwords is slowed down', async () => {
    const statuses = new Set<number>();
    for (let n = 0; n < 40 && !statuses.has(429); n++) {
      const { status } = await scene.post(submission({ pushId: 'g' }), SUBMISSION_TYPE, basic('shop', `guess${n}`));
      statuses.add(status);
    }
    assert.deepEqual([...statuses].sort(), [401, 429]);
  });
});
