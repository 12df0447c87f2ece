import assert from 'node:assert/strict';
import { silentLogger } from '../../../../lib/base/log.ts';
import { createPhone, type Phone, type PhoneOptions } from '../../../../lib/embedded/phone/phone.ts';
import { FakeClock, settle } from '../../../support/fake-clock.ts';
import { FakeStack, requestOf, type Sent } from '../fake-stack.ts';

describe('registration of a phone', () => {
  let clock: FakeClock;
  let stack: FakeStack;
  let phone: Phone;

  function make(options: Partial<PhoneOptions> = {}): Phone {
    clock = new FakeClock();
    stack = new FakeStack();
    return createPhone({
      clock,
      log: silentLogger,
      stack,
      server: { host: '192.0.2.5', port: 5060 },
      user: 'alice@example.com',
      applications: ['mms.ua', 'x-oma-docomo:open.ctl'],
      instance: 'urn:uuid:1',
      ...options,
    });
  }

  const last = (): Sent => {
    const sent = stack.sent.at(-1);
    assert.ok(sent);
    return sent;
  };

  async function started(options: Partial<PhoneOptions> = {}): Promise<void> {
    phone = make(options);
    const starting = phone.start();
    await settle();
    last().respond(200);
    await starting;
  }

  it('carries its applications and its instance, and asks for a GRUU', async () => {
    await started();
    const { request, hop } = last();
    assert.equal(request.uri, 'sip:example.com');
    assert.deepEqual(hop, { protocol: 'udp', host: '192.0.2.5', port: 5060 });
    assert.equal(
      request.headers.get('Contact'),
      '<sip:alice@127.0.0.1:5060>;+g.oma.pusheventapp="mms.ua,<x-oma-docomo:open.ctl>";+sip.instance="<urn:uuid:1>"',
    );
    assert.equal(request.headers.get('Supported'), 'gruu');
  });

  it('renews before it expires, with the same Call-ID and the next CSeq', async () => {
    await started({ expires: 600 });
    await clock.advance(539_999);
    assert.equal(stack.sent.length, 1);
    await clock.advance(1);
    assert.equal(stack.sent.length, 2);
    const [first, second] = stack.sent.map(({ request }) => request.headers);
    assert.equal(second?.get('Call-ID'), first?.get('Call-ID'));
    assert.deepEqual([first?.get('CSeq'), second?.get('CSeq')], ['1 REGISTER', '2 REGISTER']);
  });

  it('tries again, ever more rarely, while the registrar is away', async () => {
    await started({ expires: 600 });
    await clock.advance(540_000);
    for (const wait of [2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]) {
      last().fail('timeout');
      await settle();
      const before = stack.sent.length;
      await clock.advance(wait - 1);
      assert.equal(stack.sent.length, before);
      await clock.advance(1);
      assert.equal(stack.sent.length, before + 1);
    }
    last().respond(200);
    await settle();
    assert.equal(clock.nextIn, 540_000);
  });

  it('a start that is refused says with what', async () => {
    phone = make();
    const starting = phone.start();
    await settle();
    last().respond(403);
    await assert.rejects(starting, { code: 'PPG_E_FORBIDDEN', sipStatus: 403 });
    assert.equal(clock.pending, 0);
  });

  it('a phone that stops tells the registrar, and does not wait for it longer than two seconds', async () => {
    await started();
    const stopping = phone.stop();
    await settle();
    assert.equal(last().request.headers.get('Expires'), '0');
    await clock.advance(2000);
    await stopping;
    assert.equal(stack.running, false);
    assert.equal(clock.pending, 0);
  });

  it('a phone that vanishes tells nobody', async () => {
    await started();
    await phone.vanish();
    assert.equal(stack.sent.length, 1);
    assert.equal(clock.pending, 0);
  });

  it('a method it does not know is 405, silence is silent', async () => {
    await started({ answers: 'silent' });
    assert.deepEqual(
      stack.receive(requestOf('PUBLISH', phone.contact)).map(({ status }) => status),
      [405],
    );
    assert.deepEqual(stack.receive(requestOf('MESSAGE', phone.contact)), []);
    assert.equal(phone.counters.pushes, 1);
  });

  it('an application that would break out of the Contact is refused', () => {
    for (const applications of [['a"b'], ['a>b'], ['a\r\nX: y'], ['a,b'], ['']])
      assert.throws(() => make({ applications }), { code: 'PPG_E_OPTIONS' });
    assert.throws(() => make({ user: 'example.com' }), { code: 'PPG_E_OPTIONS' });
    assert.throws(() => make({ answers: 'maybe' }), { code: 'PPG_E_OPTIONS' });
  });

  it('a 423 is taken as it is meant, once', async () => {
    phone = make({ expires: 30 });
    const starting = phone.start();
    await settle();
    last().respond(423, { 'Min-Expires': '90' });
    await settle();
    assert.equal(last().request.headers.get('Expires'), '90');
    last().respond(423, { 'Min-Expires': '120' });
    await assert.rejects(starting, { code: 'PPG_E_FORBIDDEN', sipStatus: 423 });
  });
});
