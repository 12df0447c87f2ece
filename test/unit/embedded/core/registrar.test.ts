import assert from 'node:assert/strict';
import { silentLogger } from '../../../../lib/base/log.ts';
import type { SipResponse } from '../../../../lib/codec/sip/message.ts';
import { type Core, createCore } from '../../../../lib/embedded/core/core.ts';
import type { CoreOptions } from '../../../../lib/embedded/core/options.ts';
import type { Flow } from '../../../../lib/stack/types.ts';
import type { BindingRecord } from '../../../../lib/store/bindings.ts';
import { createMemoryBindings } from '../../../../lib/store/memory-bindings.ts';
import { FakeClock, settle } from '../../../support/fake-clock.ts';
import { FakeStack, FLOW, requestOf } from '../fake-stack.ts';

const ALICE = 'sip:alice@example.com';

describe('registrar of the embedded core (RFC 3261 section 10.3)', () => {
  let clock: FakeClock;
  let stack: FakeStack;
  let records: Map<string, BindingRecord>;
  let core: Core;
  let cseq: number;

  async function start(options: Partial<CoreOptions> = {}): Promise<void> {
    stack = new FakeStack();
    core = createCore({
      clock,
      log: silentLogger,
      stack,
      domain: 'Example.com',
      applicationServers: [],
      bindings: createMemoryBindings(records),
      ...options,
    });
    await core.start();
  }

  beforeEach(async () => {
    clock = new FakeClock();
    records = new Map();
    cseq = 1;
    await start();
  });

  afterEach(() => core.stop());

  function register(headers: Record<string, string>, flow: Flow = FLOW, uri = 'sip:example.com'): SipResponse {
    const [response] = stack.receive(requestOf('REGISTER', uri, { CSeq: `${cseq++} REGISTER`, ...headers }), flow);
    assert.ok(response);
    return response;
  }

  const contacts = (aor = ALICE): string[] => core.registered(aor).map(({ contact }) => contact);

  it('the time granted is that of the contact, else of the header, else an hour', () => {
    const of = (headers: Record<string, string>) =>
      /expires=(\d+)/.exec(register(headers).headers.get('Contact') ?? '')?.[1];
    assert.equal(of({ Contact: '<sip:a@192.0.2.1>;expires=100', Expires: '200' }), '100');
    assert.equal(of({ Contact: '<sip:a@192.0.2.1>', Expires: '200' }), '200');
    assert.equal(of({ Contact: '<sip:a@192.0.2.1>' }), '3600');
    assert.equal(of({ Contact: '<sip:a@192.0.2.1>', Expires: 'soon' }), '3600');
    assert.equal(of({ Contact: '<sip:a@192.0.2.1>', Expires: '4000000000' }), '604800');
  });

  it('too short a time is 423 with the shortest, and changes nothing', () => {
    const response = register({ Contact: '<sip:a@192.0.2.1>;expires=59' });
    assert.deepEqual([response.status, response.headers.get('Min-Expires')], [423, '60']);
    assert.deepEqual(contacts(), []);
  });

  it('without a Contact it only asks', () => {
    register({ Contact: '<sip:a@192.0.2.1>' });
    const response = register({ 'Call-ID': 'other' });
    assert.deepEqual(response.headers.all('Contact'), ['<sip:a@192.0.2.1>;expires=3600']);
  });

  it('Expires 0 removes one contact, the star removes all', () => {
    register({ Contact: '<sip:a@192.0.2.1>, <sip:b@192.0.2.1>, <sip:c@192.0.2.1>' });
    assert.equal(register({ Contact: '<sip:a@192.0.2.1>;expires=0' }).headers.all('Contact').length, 2);
    assert.deepEqual(contacts(), ['sip:b@192.0.2.1', 'sip:c@192.0.2.1']);
    assert.equal(register({ Contact: '*', Expires: '0' }).status, 200);
    assert.deepEqual(contacts(), []);
  });

  it('a star with company or without Expires 0 is 400', () => {
    register({ Contact: '<sip:a@192.0.2.1>' });
    assert.equal(register({ Contact: '*' }).status, 400);
    assert.equal(register({ Contact: '*, <sip:b@192.0.2.1>', Expires: '0' }).status, 400);
    assert.deepEqual(contacts(), ['sip:a@192.0.2.1']);
  });

  it('requests that overtook each other change nothing: the CSeq must rise within a Call-ID', () => {
    register({ Contact: '<sip:a@192.0.2.1>', CSeq: '10 REGISTER' });
    for (const late of ['10 REGISTER', '9 REGISTER']) {
      assert.equal(register({ Contact: '<sip:a@192.0.2.1>;expires=0', CSeq: late }).status, 500);
      assert.equal(register({ Contact: '*', Expires: '0', CSeq: late }).status, 500);
      const both = '<sip:new@192.0.2.1>, <sip:a@192.0.2.1>';
      assert.equal(register({ Contact: both, CSeq: late }).status, 500);
    }
    assert.deepEqual(contacts(), ['sip:a@192.0.2.1']);
    assert.equal(
      register({ Contact: '<sip:a@192.0.2.1>;expires=0', CSeq: '1 REGISTER', 'Call-ID': 'new' }).status,
      200,
    );
    assert.deepEqual(contacts(), []);
  });

  it('an instance that comes from another address replaces its contact', () => {
    register({ Contact: '<sip:a@192.0.2.1>;+sip.instance="<urn:uuid:1>"' });
    register({ Contact: '<sip:a@192.0.2.9>;+sip.instance="<urn:uuid:1>"', 'Call-ID': 'after boot' });
    assert.deepEqual(contacts(), ['sip:a@192.0.2.9']);
  });

  it('an instance may have one contact for each reg-id', () => {
    register({ Contact: '<sip:a@192.0.2.1>;+sip.instance="<urn:uuid:1>";reg-id=1' });
    register({ Contact: '<sip:a@192.0.2.9>;+sip.instance="<urn:uuid:1>";reg-id=2' });
    assert.deepEqual(contacts(), ['sip:a@192.0.2.1', 'sip:a@192.0.2.9']);
  });

  it('several flows of an instance get one copy, the youngest first and the others when it cannot be reached', () => {
    register({ Contact: '<sip:a@192.0.2.1>;+sip.instance="<urn:uuid:1>";reg-id=1' });
    clock.tick(1000);
    register({ Contact: '<sip:a@192.0.2.9>;+sip.instance="<urn:uuid:1>";reg-id=2' });
    const responses = stack.receive(requestOf('MESSAGE', ALICE));
    assert.deepEqual(
      stack.sent.map(({ request }) => request.uri),
      ['sip:a@192.0.2.9'],
    );
    stack.sent[0]?.fail('transport');
    assert.equal(stack.sent[1]?.request.uri, 'sip:a@192.0.2.1');
    stack.sent[1]?.respond(200);
    assert.deepEqual(
      responses.map(({ status }) => status),
      [200],
    );
  });

  it('a phone that comes over TCP is reached over its connection, and by its address when that is gone', () => {
    const flow: Flow = { ...FLOW, protocol: 'tcp', port: 40_000 };
    register({ Contact: '<sip:a@10.0.0.1:5070;transport=tcp>' }, flow);
    stack.receive(requestOf('MESSAGE', ALICE));
    assert.deepEqual(stack.sent[0]?.hop, { protocol: 'tcp', host: '192.0.2.1', port: 40_000, existing: true });
    stack.sent[0]?.fail('transport');
    assert.deepEqual(stack.sent[1]?.hop, { protocol: 'tcp', host: '10.0.0.1', port: 5070 });
  });

  it('a GRUU goes only to those who know what it is', () => {
    const Contact = '<sip:a@192.0.2.1>;+sip.instance="<urn:uuid:1>"';
    assert.doesNotMatch(register({ Contact }).headers.get('Contact') ?? '', /gruu/);
    assert.equal(
      register({ Contact, Supported: 'path, gruu' }).headers.get('Contact'),
      `${Contact};pub-gruu="sip:alice@example.com;gr=urn:uuid:1";expires=3600`,
    );
  });

  it('a registration ends when its time is over, without anybody asking', async () => {
    register({ Contact: '<sip:a@192.0.2.1>;expires=60, <sip:b@192.0.2.1>;expires=120' });
    await settle();
    assert.equal(records.size, 2);
    await clock.advance(60_000);
    assert.deepEqual(contacts(), ['sip:b@192.0.2.1']);
    assert.equal(records.size, 1);
    await clock.advance(60_000);
    assert.equal(records.size, 0);
    assert.equal(clock.pending, 0);
  });

  it('a restart brings back what has not expired, and forgets the rest', async () => {
    register({ Contact: '<sip:a@192.0.2.1>;+x="1";q=0.3;expires=60, <sip:b@192.0.2.1>;expires=600' });
    const [, before] = core.registered(ALICE);
    await core.stop();
    clock.tick(100_000);
    const damaged = { aor: 'sip:bob@example.com', key: 'k', data: '{"contact":7}', expiresAt: clock.now() + 1e6 };
    records.set(JSON.stringify([damaged.aor, damaged.key]), damaged);
    await start();
    assert.deepEqual(core.registered(ALICE), [before]);
    assert.deepEqual(core.registered('sip:bob@example.com'), []);
    await settle();
    assert.deepEqual(
      [...records.values()].map(({ key }) => key),
      ['sip:b@192.0.2.1'],
    );
  });

  it('users are one whatever the spelling of their address', () => {
    register({ Contact: '<sip:a@192.0.2.1>', To: '"A" <sip:%61lice@EXAMPLE.com;x=y>;tag=7' });
    register({ Contact: '<sip:b@192.0.2.1>', To: '<sip:alice@127.0.0.1:5060>' });
    assert.deepEqual(contacts(), ['sip:a@192.0.2.1', 'sip:b@192.0.2.1']);
    register({ Contact: '<sip:p@192.0.2.1>', To: '<tel:+1-555-0100>' });
    assert.deepEqual(contacts('sip:+15550100@example.com'), ['sip:p@192.0.2.1']);
  });

  it('refuses what it should not take', () => {
    const Contact = '<sip:a@192.0.2.1>';
    const cases: [headers: Record<string, string>, status: number][] = [
      [{ Contact, To: '<sip:alice@elsewhere.example>' }, 404],
      [{ Contact, To: '<sip:example.com>' }, 404],
      [{ Contact, Require: 'path' }, 420],
      [{ Contact: '<sip:alice@127.0.0.1:5060>' }, 403],
      [{ Contact: '<sip:bob@example.com>' }, 403],
      [{ Contact: '<sip:a@192.0.2.1' }, 400],
      [{ Contact: '<mailto:a@b>' }, 416],
      [{ Contact, 'X-Fill': 'x'.repeat(20_000) }, 513],
    ];
    for (const [headers, status] of cases) assert.equal(register(headers).status, status, JSON.stringify(headers));
    assert.equal(register({ Contact }, FLOW, 'sip:elsewhere.example').status, 403);
    assert.deepEqual(contacts(), []);
  });

  it('a user has a bounded number of contacts, and so has the core; renewing is always possible', async () => {
    await core.stop();
    await start({ limits: { bindingsPerUser: 2, bindings: 3 } });
    register({ Contact: '<sip:a@192.0.2.1>, <sip:b@192.0.2.1>' });
    assert.equal(register({ Contact: '<sip:c@192.0.2.1>' }).status, 403);
    const bob = { To: '<sip:bob@example.com>' };
    assert.equal(register({ ...bob, Contact: '<sip:a@192.0.2.1>' }).status, 200);
    assert.equal(register({ ...bob, Contact: '<sip:b@192.0.2.1>' }).status, 503);
    assert.equal(register({ Contact: '<sip:a@192.0.2.1>, <sip:b@192.0.2.1>' }).status, 200);
  });

  it('a request that a store cannot keep is answered all the same', async () => {
    await core.stop();
    const broken = { ...createMemoryBindings(), put: () => Promise.reject(new Error('disk full')) };
    await start({ bindings: broken });
    assert.equal(register({ Contact: '<sip:a@192.0.2.1>' }).status, 200);
    await settle();
    assert.deepEqual(contacts(), ['sip:a@192.0.2.1']);
  });
});
