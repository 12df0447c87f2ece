import assert from 'node:assert/strict';
import type { PapMessage } from '../../lib/codec/pap/messages.ts';
import { basic } from '../support/tenants.ts';
import { DOMAIN, Scene, until } from './scene.ts';

const ALICE = `sip:alice@${DOMAIN}`;
const ERIN = `sip:erin@${DOMAIN}`;
const NOBODY = `sip:nobody@${DOMAIN}`;

describe('REQ13: every operation of PAP, from Push Initiator to phone and back', () => {
  let scene: Scene;
  let phone: Awaited<ReturnType<Scene['phone']>>;
  before(async () => {
    scene = await Scene.of();
    phone = await scene.phone('alice');
  });
  after(() => scene.close());

  const results = (message: PapMessage): (string | number | undefined)[][] => {
    assert.ok(message.message === 'cancel-response' || message.message === 'statusquery-response');
    return message.results.map((one) => ('state' in one ? [one.state, one.code] : [one.code]));
  };
  const ended = (pushId: string) => until(() => scene.notified(pushId)[0]);

  it('submission and result notification', async () => {
    const wishes = { pushId: 'a', attributes: scene.notify, qos: 'delivery-method="confirmed"' };
    assert.equal(await scene.code('shop', wishes), 1001);
    const { state, code, address, qos } = await ended('a');
    assert.deepEqual([state, code, address, qos?.deliveryMethod], ['delivered', 1000, ALICE, 'confirmed']);
    assert.equal(phone.pushes.filter(({ body }) => body.toString() === 'hello').length, 1);
  });

  it('the same push-id again: 2007', async () => assert.equal(await scene.code('shop', { pushId: 'a' }), 2007));

  it('status query', async () => {
    assert.deepEqual(results(await scene.pap('shop', '<statusquery-message push-id="a"/>')), [['delivered', 1000]]);
    assert.deepEqual(results(await scene.pap('shop', '<statusquery-message push-id="none"/>')), [['unknown', 2004]]);
  });

  it('several recipients: one answer, a result for each', async () => {
    const wishes = { pushId: 'many', to: [ALICE, `sip:alice@other.test`, NOBODY], attributes: scene.notify };
    assert.equal(await scene.code('shop', wishes), 1001);
    await ended('many');
    const status = await scene.pap(
      'shop',
      `<statusquery-message push-id="many"><address address-value="${ALICE}"/></statusquery-message>`,
    );
    assert.deepEqual(results(status), [['delivered', 1000]]);
  });

  it('cancel: told to the initiator, and the phone never sees it', async () => {
    await scene.code('shop', { pushId: 'c', to: [ERIN], attributes: scene.notify });
    await until(() => scene.node.ppg.inFlight === 0);
    assert.deepEqual(results(await scene.pap('shop', '<cancel-message push-id="c"/>')), [[1000]]);
    const { state, code } = await ended('c');
    assert.deepEqual([state, code], ['cancelled', 1000]);
    const late = await scene.phone('erin');
    await scene.code('shop', { pushId: 'c2', to: [ERIN], attributes: scene.notify, body: 'next' });
    await ended('c2');
    assert.deepEqual(
      late.pushes.map(({ body }) => body.toString()),
      ['next'],
    );
    assert.deepEqual(results(await scene.pap('shop', '<cancel-message push-id="a"/>')), [[2008]]);
  });

  it('replace: the old push is reported under its own push-id, the new one is delivered', async () => {
    const to = [`sip:dave@${DOMAIN}`];
    await scene.code('shop', { pushId: 'old', to, attributes: scene.notify, body: 'old' });
    await until(() => scene.node.ppg.inFlight === 0);
    const attributes = `replace-push-id="old" replace-method="all" ${scene.notify}`;
    assert.equal(await scene.code('shop', { pushId: 'new', to, attributes, body: 'new' }), 1001);
    assert.equal((await ended('old')).state, 'cancelled');
    const dave = await scene.phone('dave');
    assert.equal((await ended('new')).state, 'delivered');
    assert.deepEqual(
      dave.pushes.map(({ body }) => body.toString()),
      ['new'],
    );
  });

  it('capability query', async () => {
    const known = await scene.pap(
      'shop',
      `<ccq-message query-id="q"><address address-value="${ALICE}"/></ccq-message>`,
    );
    assert.ok(known.message === 'ccq-response');
    assert.deepEqual([known.code, known.queryId], [1000, 'q']);
    const unknown = await scene.pap('shop', '<ccq-message><address address-value="sip:x@y.test"/></ccq-message>');
    assert.ok(unknown.message === 'ccq-response' && unknown.code === 3008);
  });

  it('what is no message of an initiator: badmessage-response 2000; another version: 3002', async () => {
    const { text } = await scene.post('<pap><nonsense/></pap>', 'application/xml', basic('shop'));
    assert.match(text, /<badmessage-response code="2000"/);
    const later = '<!DOCTYPE pap PUBLIC "-//WAPFORUM//DTD PAP 9.0//EN" "http://x/pap_9.0.dtd"><pap/>';
    assert.match((await scene.post(later, 'application/xml', basic('shop'))).text, /code="3002"/);
  });

  it('progress notes, source-reference and times', async () => {
    const attributes =
      'progress-notes-requested="true" source-reference="s" deliver-before-timestamp="2099-01-01T00:00:00Z"';
    const answer = await scene.push('shop', { pushId: 'notes', attributes });
    assert.ok(answer.message === 'push-response');
    assert.deepEqual(
      answer.progressNotes.map(({ stage }) => stage),
      ['received', 'accepted'],
    );
    assert.ok(answer.replyTime !== undefined);
  });

  it('an address that cannot be: 2002', async () => {
    for (const to of ['WAPPUSH=10.0.0.1/TYPE=IPv4@ppg', 'WAPPUSH=12345678/TYPE=MAN@ppg', 'WAPPUSH=x/TYPE=PLMN@ppg']) {
      assert.equal(await scene.code('shop', { pushId: `bad ${to}`, to: [to] }), 2002, to);
    }
  });
});
