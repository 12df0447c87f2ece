import assert from 'node:assert/strict';
import { cpimHeader, readCpim } from '../../../../lib/codec/cpim/cpim.ts';
import { readImdn } from '../../../../lib/codec/imdn/imdn.ts';
import { ImdnTeller, type ImdnWish, imdnWish, type PhoneImdn, withCpim } from '../../../../lib/embedded/phone/imdn.ts';
import type { HeaderField } from '../../../../lib/model/push.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { FakeStack } from '../fake-stack.ts';

const NS = 'urn:ietf:params:imdn';

function headers(more: Readonly<Record<string, string>> = {}): HeaderField[] {
  const all: Record<string, string> = {
    From: 'Push Gateway <sip:push@ims.test>',
    NS: `imdn <${NS}>`,
    'imdn.Message-ID': '<m&1>',
    'imdn.Disposition-Notification': 'positive-delivery, Negative-Delivery',
    ...more,
  };
  return Object.entries(all).map(([name, value]) => ({ name, value }));
}

const WISH: ImdnWish = {
  messageId: '<m&1>',
  sender: 'sip:push@ims.test',
  wants: ['positive-delivery', 'negative-delivery'],
};

describe('disposition notifications of a phone', () => {
  it('what a message asks to be told is read by the prefix that it declares', () => {
    assert.deepEqual(imdnWish(headers()), WISH);
    const other = headers({
      NS: `i <${NS}>`,
      'i.Message-ID': '2',
      'i.Disposition-Notification': 'display',
    });
    assert.deepEqual(imdnWish(other), { ...WISH, messageId: '2', wants: ['display'] });
  });

  it('nothing is asked without the name space, an id, a disposition, or a SIP address to tell', () => {
    for (const less of [
      { NS: 'imdn <urn:other>' },
      { 'imdn.Message-ID': '' },
      { 'imdn.Disposition-Notification': ' , ' },
      { From: '<im:push@ims.test>' },
      { From: '<sip:ims.test>' },
      { From: 'nobody' },
    ] as Readonly<Record<string, string>>[])
      assert.equal(imdnWish(headers(less)), undefined, JSON.stringify(less));
  });

  it('the phone says by name that it takes message/cpim, once', () => {
    assert.deepEqual(withCpim(['*/*']), ['*/*', 'message/cpim']);
    assert.deepEqual(withCpim(['message/cpim', 'text/plain']), ['message/cpim', 'text/plain']);
  });

  const hop = { protocol: 'udp', host: '192.0.2.5', port: 5060 } as const;
  const aor = 'sip:alice@ims.test';
  function teller(status: PhoneImdn): {
    stack: FakeStack;
    tell: (wish: ImdnWish, answered?: number | 'silent') => unknown;
  } {
    const stack = new FakeStack();
    const one = new ImdnTeller({ stack, clock: new FakeClock(), hop, aor, status });
    return { stack, tell: (imdn, answered = 200) => one.tell({ imdn, answered }) };
  }

  it('a MESSAGE to the sender, by the registrar, tells what became of the push', async () => {
    for (const [status, kind] of [
      ['delivered', 'delivery'],
      ['failed', 'delivery'],
      ['displayed', 'display'],
    ] as const) {
      const { stack, tell } = teller(status);
      const told = tell(WISH);
      const [sent] = stack.sent;
      assert.deepEqual([sent?.hop, sent?.request.method, sent?.request.uri], [hop, 'MESSAGE', WISH.sender]);
      assert.equal(sent?.request.headers.get('Content-Type'), 'message/cpim');
      const { entity, body } = readCpim(sent?.request.body ?? Buffer.alloc(0));
      assert.equal(cpimHeader(entity, 'Content-Type'), 'message/imdn+xml');
      assert.equal(cpimHeader(entity, 'Content-Disposition'), 'notification');
      assert.deepEqual(readImdn(body), { messageId: WISH.messageId, kind, status });
      sent?.respond(202);
      assert.deepEqual(await told, { messageId: WISH.messageId, status, answer: 202 });
    }
  });

  it('that nobody answered is said', async () => {
    const { stack, tell } = teller('delivered');
    const told = tell(WISH);
    stack.sent[0]?.fail('timeout');
    assert.deepEqual(await told, { messageId: WISH.messageId, status: 'delivered', answer: 'timeout' });
  });

  it('nothing is told of a push that was not taken, nor what nobody wants to know', () => {
    const { stack, tell } = teller('delivered');
    for (const answered of [415, 'silent'] as const) assert.equal(tell(WISH, answered), undefined);
    assert.equal(tell({ ...WISH, wants: ['negative-delivery', 'display'] }), undefined);
    assert.equal(teller('failed').tell({ ...WISH, wants: ['positive-delivery'] }), undefined);
    assert.equal(stack.sent.length, 0);
  });
});
