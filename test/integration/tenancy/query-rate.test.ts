import assert from 'node:assert/strict';
import { readPap } from '../../../lib/codec/pap/read.ts';
import { createMetrics } from '../../../lib/ops/metrics.ts';
import { assertCodes } from '../../support/pap-codes.ts';
import { basic, secretHash, TenantGateway } from '../../support/tenants.ts';

const QUESTIONS = {
  'cancel-message': '<cancel-message push-id="1"/>',
  'statusquery-message': '<statusquery-message push-id="1"/>',
  'ccq-message': '<ccq-message><address address-value="sip:alice@ims.test"/></ccq-message>',
};

describe('an account that asks too fast', () => {
  let gateway: TenantGateway;
  before(async () => {
    const passwordHash = await secretHash();
    const queryRate = { perSecond: 1 };
    gateway = await TenantGateway.of({
      initiators: [
        ...Object.keys(QUESTIONS).map((name) => ({ name, passwordHash, allow: { queryRate } })),
        { name: 'other', passwordHash },
      ],
    });
  });
  after(() => gateway.close());

  for (const [name, question] of Object.entries(QUESTIONS)) {
    it(`by ${name}: 429 with Retry-After and 3000, and nothing is done`, async () => {
      const metrics = createMetrics(gateway.ppg);
      let refusal: { status: number; headers: Readonly<Record<string, unknown>>; text: string } | undefined;
      // The limit is of a second, and a loaded machine may take longer for two questions.
      for (let tries = 0; tries < 50 && refusal === undefined; tries++) {
        const answers = await Promise.all(
          [1, 2].map(() =>
            gateway.endpoint.post(`<pap>${question}</pap>`, 'application/xml', { headers: basic(name) }),
          ),
        );
        refusal = answers.find(({ status }) => status === 429);
      }
      assert.ok(refusal, 'every question was answered');
      assert.equal(refusal.headers['retry-after'], '1');
      const message = readPap(Buffer.from(refusal.text), { strict: true });
      assertCodes(message);
      assert.equal(message.message, name.replace('-message', '-response'));
      assert.match(refusal.text, /code="3000"/);
      assert.match(refusal.text, /allow\.queryRate/);
      assert.match(await metrics.text(), /ppg_policy_refusals_total\{rule="allow\.queryRate"\} [1-9]/);
      metrics.close();
    });
  }

  it('pushes on as before, and nobody else is held', async () => {
    for (let count = 0; count < 5; count++) {
      assert.deepEqual((await gateway.push('cancel-message')).slice(0, 2), [202, 1001]);
      const answer = await gateway.pap('other', QUESTIONS['cancel-message']);
      assert.ok(answer.message === 'cancel-response');
      assert.deepEqual(
        answer.results.map(({ code }) => code),
        [2004],
      );
    }
  });
});
