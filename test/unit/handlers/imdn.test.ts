import assert from 'node:assert/strict';
import { createImdnReader } from '../../../handlers/imdn.ts';
import { silentLogger } from '../../../lib/base/log.ts';
import { createImdnAsker, takesCpim } from '../../../lib/bearer/imdn.ts';
import { cpimHeader, readCpim } from '../../../lib/codec/cpim/cpim.ts';
import type { Proof } from '../../../lib/model/delivery.ts';
import type { Registration } from '../../../lib/model/device.ts';
import type { RecipientRef } from '../../../lib/model/push.ts';
import { tokenSecret } from '../../../lib/security/token-secret.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { fakeRequest } from '../../support/fake-sip.ts';
import { address, device, push, registration } from '../../support/model.ts';

const ALICE = 'sip:alice@ims.test';
const CORE = '10.0.0.1';
const DAY = 24 * 3_600_000;

describe('disposition notifications', () => {
  const clock = new FakeClock();
  const secret = tokenSecret(undefined);
  const asker = createImdnAsker({ secret, clock, identity: 'sip:push@ims.test' });
  const phone = device('phone');
  const content = {
    type: 'application/vnd.wap.mms-message',
    headers: [
      { name: 'X-Wap-Application-Id', value: 'x-wap-application:mms.ua' },
      { name: 'Content-Transfer-Encoding', value: 'base64' },
    ],
    body: Buffer.from([0, 1, 2, 255]),
  };
  let proofs: { ref: RecipientRef; proof: Proof }[];
  let registrations: Map<string, Registration>;

  beforeEach(() => {
    proofs = [];
    registrations = new Map();
  });

  const wrapped = (): ReturnType<typeof readCpim> => {
    const form = asker.wrap(
      {
        push: push({ content }),
        index: 2,
        address: address('alice'),
        target: { kind: 'device', device: phone },
        attempt: 1,
        callId: 'c',
        fromTag: 't',
        confirmed: true,
        expiresAt: clock.now() + DAY,
      },
      content,
    );
    assert.ok(form);
    assert.deepEqual(form.headers, [
      { name: 'Content-Type', value: 'message/cpim' },
      { name: 'X-Wap-Application-Id', value: 'x-wap-application:mms.ua' },
    ]);
    return readCpim(form.body);
  };
  const messageId = (): string => cpimHeader(wrapped().headers, 'imdn.Message-ID') ?? '';

  const read = createImdnReader({
    asker,
    prove: async (ref, proof) => {
      proofs.push({ ref, proof });
      return true;
    },
    find: (aor) => registrations.get(aor),
    trusts: (source) => source === CORE,
    domain: 'ims.test',
    clock: new FakeClock(),
    log: silentLogger,
  });

  const report = (id: string, status = 'delivered', more: { from?: string; source?: string; pai?: string } = {}) =>
    fakeRequest({
      method: 'MESSAGE',
      uri: 'sip:push@ims.test',
      source: more.source ?? CORE,
      headers: {
        'Content-Type': 'message/cpim',
        From: `<${more.from ?? ALICE}>;tag=1`,
        ...(more.pai !== undefined && { 'P-Asserted-Identity': more.pai }),
      },
      rawBody: Buffer.from(
        `From: <${ALICE}>\r\nTo: <sip:push@ims.test>\r\n\r\nContent-Type: message/imdn+xml\r\nContent-Disposition: notification\r\n\r\n<imdn xmlns="urn:ietf:params:xml:ns:imdn"><message-id>${id}</message-id><delivery-notification><status><${status}/></status></delivery-notification></imdn>`,
      ),
    });

  it('are asked for in a message/cpim whose entity is the push, octet for octet', () => {
    const { headers, entity, body } = wrapped();
    assert.deepEqual(body, content.body);
    assert.deepEqual(entity, [
      { name: 'Content-Type', value: 'application/vnd.wap.mms-message' },
      { name: 'X-Wap-Application-Id', value: 'x-wap-application:mms.ua' },
      { name: 'X-Push-Entity-Content-Transfer-Encoding', value: 'base64' },
    ]);
    assert.equal(cpimHeader(headers, 'NS'), 'imdn <urn:ietf:params:imdn>');
    assert.equal(cpimHeader(headers, 'imdn.Disposition-Notification'), 'positive-delivery, negative-delivery');
    assert.equal(cpimHeader(headers, 'To'), `<${ALICE}>`);
    assert.match(cpimHeader(headers, 'DateTime') ?? '', /^\d{4}-\d\d-\d\dT/);
    assert.match(messageId(), /^[\w.-]{60,}$/);
  });

  it('are asked of devices that told that they take it, and of no others', () => {
    const told = (types: string[]): boolean => takesCpim({ ...phone, capabilities: { types, until: 0 } });
    assert.deepEqual([told(['text/plain', 'message/cpim']), told(['*/*']), takesCpim(phone)], [true, false, false]);
    assert.ok(takesCpim({ ...phone, features: { '+g.oma.sip-im': '' } }));
    assert.ok(
      takesCpim({ ...phone, features: { '+g.3gpp.icsi-ref': 'urn%3Aurn-7%3A3gpp-service.ims.icsi.oma.cpm.msg' } }),
    );
  });

  it('of the user to whom the push went prove it', async () => {
    assert.equal(read(report(messageId()), [ALICE]), 200);
    await settle();
    assert.deepEqual(proofs, [
      {
        ref: { push: 'k1', index: 2 },
        proof: { kind: 'delivered', cause: 'imdn delivered', source: 'imdn', device: 'phone' },
      },
    ]);
  });

  it('that say it failed end it for that device; that nothing will be told changes nothing', async () => {
    assert.equal(read(report(messageId(), 'failed'), [ALICE]), 200);
    assert.equal(read(report(messageId(), 'forbidden'), [ALICE]), 200);
    assert.equal(read(report(messageId(), 'error'), [ALICE]), 200);
    await settle();
    assert.deepEqual(
      proofs.map(({ proof }) => proof.kind),
      ['failed'],
    );
  });

  it('of another user prove nothing', async () => {
    assert.equal(read(report(messageId()), ['sip:mallory@ims.test']), 200);
    await settle();
    assert.deepEqual(proofs, []);
  });

  it('of the same device under another identity of its user count', async () => {
    registrations.set('sip:+358401234567@ims.test', registration([phone]));
    assert.equal(read(report(messageId()), ['sip:+358401234567@ims.test']), 200);
    await settle();
    assert.equal(proofs.length, 1);
  });

  it('go by From where a trusted peer names nobody, and are refused from strangers', async () => {
    assert.equal(read(report(messageId()), undefined), 200);
    assert.equal(read(report(messageId(), 'delivered', { from: 'sip:mallory@ims.test' }), undefined), 200);
    assert.equal(read(report(messageId(), 'delivered', { source: '192.0.2.7' }), undefined), 403);
    assert.equal(read(report(messageId(), 'delivered', { pai: 'garbage' }), undefined), 403);
    await settle();
    assert.equal(proofs.length, 1);
  });

  it('on what is no push of ours, or out of date, are somebody else’s', () => {
    assert.equal(read(report('34jk324j'), [ALICE]), undefined);
    const other = createImdnAsker({ secret: tokenSecret(undefined), clock, identity: 'sip:push@ims.test' });
    assert.equal(other.refOf(messageId()), undefined);
    const old = messageId();
    const later = new FakeClock(clock.now() + 3 * DAY);
    const same = createImdnAsker({ secret, clock: later, identity: 'sip:push@ims.test' });
    assert.equal(same.refOf(old), undefined);
    assert.notEqual(asker.refOf(old), undefined);
    for (const type of ['text/plain', 'message/cpim']) {
      assert.equal(
        read(fakeRequest({ method: 'MESSAGE', headers: { 'Content-Type': type }, body: 'hi' }), [ALICE]),
        undefined,
      );
    }
  });
});
