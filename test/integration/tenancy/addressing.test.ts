import assert from 'node:assert/strict';
import { secretHash, TenantGateway } from '../../support/tenants.ts';

describe('addresses that lead elsewhere', () => {
  let gateway: TenantGateway;
  let down = false;

  before(async () => {
    const passwordHash = await secretHash();
    gateway = await TenantGateway.of({
      initiators: [
        { name: 'shop', passwordHash },
        { name: 'local', passwordHash, allow: { recipients: { numbers: ['+4930'] } } },
      ],
      block: [{ user: '+4930999' }, { user: 'sip:optout@m.test' }, { user: 'desk', application: 'mms.ua' }],
      addresses: {
        aliases: { desk: 'sip:front@office.test' },
        numbers: [{ prefix: '+4930', domain: 'berlin.test' }],
        lookup: async (aor) => {
          if (down) throw new Error('no database');
          if (aor === 'sip:+4930999@berlin.test') return 'sip:somebody@m.test';
          if (aor === 'sip:+4930998@berlin.test') return 'sip:optout@m.test';
          if (aor === 'sip:+4930111@berlin.test') return 'sip:meter@m.test';
          return aor === 'sip:gone@ims.test' ? null : undefined;
        },
      },
    });
  });
  after(() => gateway.close());

  const leadsTo = async (pushId: string, user: string): Promise<string[] | undefined> =>
    (await gateway.ppg.status(pushId, user))?.recipients.map(({ address }) => address.aor);

  it('are found out before the push is accepted, and keep the text of the initiator', async () => {
    const to = ['WAPPUSH=desk/TYPE=USER@ppg', '+4930111', '+4930222', 'sip:bob@ims.test'];
    assert.equal((await gateway.push('shop', { pushId: 'a', to }))[1], 1001);
    assert.deepEqual(await leadsTo('a', 'shop'), [
      'sip:front@office.test',
      'sip:meter@m.test',
      'sip:+4930222@berlin.test',
      'sip:bob@ims.test',
    ]);
    const status = await gateway.pap('shop', '<statusquery-message push-id="a"/>');
    assert.ok(status.message === 'statusquery-response');
    assert.ok(!JSON.stringify(status).includes('m.test'), 'who is behind a number is not told');
  });

  it('are found by any spelling in questions about the push', async () => {
    await gateway.push('shop', { pushId: 'b', to: ['WAPPUSH=+4930111/TYPE=PLMN@ppg'] });
    const answer = await gateway.pap(
      'shop',
      '<cancel-message push-id="b"><address address-value="tel:+49-30-111"/></cancel-message>',
    );
    assert.ok(answer.message === 'cancel-response');
    assert.deepEqual(
      answer.results.map(({ code }) => code),
      [1000],
    );
  });

  it('are refused with 2002 when nobody is there', async () =>
    assert.equal((await gateway.push('shop', { to: ['gone'] }))[1], 2002));

  it('are held against the account as they were submitted', async () => {
    assert.equal((await gateway.push('local', { pushId: 'c', to: ['+4930111'] }))[1], 1001);
    assert.equal((await gateway.push('local', { to: ['sip:meter@m.test'] }))[1], 2001);
  });

  for (const [what, to] of [
    ['that was submitted', '+4930999'],
    ['that it leads to', '+4930998'],
  ] as const) {
    it(`count as opted out by the user ${what}`, async () => {
      assert.equal((await gateway.push('shop', { to: [to] }))[1], 2001);
    });

    it(`are not told of when it is the user ${what} who has opted out`, async () => {
      const answer = await gateway.pap('shop', `<ccq-message><address address-value="${to}"/></ccq-message>`);
      assert.ok(answer.message === 'ccq-response');
      assert.equal(answer.code, 2001);
    });
  }

  it('may be blocked by an alias', async () =>
    assert.equal((await gateway.push('shop', { to: ['desk'], application: '4' }))[1], 2001));

  it('are refused for now, and nothing is kept, when nobody can say where they lead', async () => {
    down = true;
    const { status, headers, text } = await gateway.post(
      { Authorization: `Basic ${Buffer.from('shop:secret').toString('base64')}` },
      { pushId: 'later', to: ['sip:new@ims.test'] },
    );
    down = false;
    assert.equal(status, 503);
    assert.equal(headers['retry-after'], '5');
    assert.match(text, /code="3000"/);
    assert.equal(await gateway.ppg.status('later', 'shop'), undefined);
    assert.equal((await gateway.push('shop', { pushId: 'later', to: ['sip:new@ims.test'] }))[1], 1001);
  });

  it('are read so in the app’s own pushes', async () => {
    const { pushId } = await gateway.ppg.submit({ to: 'desk', type: 'text/plain', body: 'x' });
    assert.deepEqual(await leadsTo(pushId, 'app'), ['sip:front@office.test']);
  });
});
