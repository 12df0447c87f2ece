import assert from 'node:assert/strict';
import { silentLogger } from '../../../../lib/base/log.ts';
import { parseSip } from '../../../../lib/codec/sip/parse.ts';
import { writeSip } from '../../../../lib/codec/sip/write.ts';
import { createCore } from '../../../../lib/embedded/core/core.ts';
import { readThirdPartyRegister } from '../../../../lib/sip/registrations/third-party-register.ts';
import type { BindingRecord } from '../../../../lib/store/bindings.ts';
import { createMemoryBindings } from '../../../../lib/store/memory-bindings.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { FakeStack, requestOf, type Sent } from '../fake-stack.ts';

const ALICE = 'sip:alice@example.com';

describe('what an application server learns from the core', () => {
  let clock: FakeClock;
  let stack: FakeStack;
  const records = new Map<string, BindingRecord>();

  async function start() {
    stack = new FakeStack();
    const core = createCore({
      clock,
      log: silentLogger,
      stack,
      domain: 'example.com',
      applicationServers: ['sip:127.0.0.1:5070'],
      bindings: createMemoryBindings(records),
    });
    await core.start();
    return core;
  }

  beforeEach(() => {
    clock = new FakeClock();
    records.clear();
  });

  let cseq = 1;
  function register(headers: Record<string, string>): void {
    stack.receive(requestOf('REGISTER', 'sip:example.com', { CSeq: `${cseq++} REGISTER`, ...headers }));
  }

  /** A notice as the gateway reads it. */
  function read(sent: Sent | undefined) {
    assert.ok(sent);
    const { headers, body } = sent.request;
    const request = { get: (name: string) => headers.get(name), body: '', rawBody: body };
    const update = readThirdPartyRegister(request, { domain: 'example.com', now: clock.now() });
    assert.ok(update);
    return update;
  }

  it('a device with its applications, its instance, its GRUU and its end', async () => {
    const core = await start();
    register({
      Contact: '<sip:a@192.0.2.1>;+sip.instance="<urn:uuid:1>";+g.oma.pusheventapp="mms.ua,ulp.ua"',
      Expires: '600',
      Supported: 'gruu',
    });
    const { aors, kind, devices } = read(stack.sent[0]);
    assert.deepEqual([aors, kind], [[ALICE], 'registered']);
    assert.deepEqual(devices, [
      {
        id: 'urn:uuid:1',
        contact: 'sip:a@192.0.2.1',
        instance: 'urn:uuid:1',
        gruu: 'sip:alice@example.com;gr=urn:uuid:1',
        applications: ['mms.ua', 'ulp.ua'],
        features: {},
        expiresAt: clock.now() + 600_000,
      },
    ]);
    await core.stop();
  });

  it('one of two devices leaving, then the other', async () => {
    const core = await start();
    register({ Contact: '<sip:a@192.0.2.1>, <sip:b@192.0.2.1>' });
    register({ Contact: '<sip:a@192.0.2.1>;expires=0' });
    stack.sent[0]?.respond(200);
    const first = read(stack.sent[1]);
    assert.deepEqual([first.kind, first.removed, first.devices], ['registered', [{ contact: 'sip:a@192.0.2.1' }], []]);
    assert.equal(first.expiresAt, clock.now() + 3_600_000);
    stack.sent[1]?.respond(200);
    register({ Contact: '*', Expires: '0' });
    assert.equal(read(stack.sent[2]).kind, 'deregistered');
    await core.stop();
  });

  it('after a restart: the contacts that are left, with the time they have left', async () => {
    const first = await start();
    register({ Contact: '<sip:a@192.0.2.1>;audio, <sip:b@192.0.2.1>;video' });
    register({ Contact: '<sip:a@192.0.2.1>;expires=0' });
    register({ Contact: '<sip:c@192.0.2.1>' });
    const asCame = writeSip(
      requestOf('REGISTER', 'sip:example.com', { CSeq: `${cseq - 1} REGISTER`, Contact: '<sip:c@192.0.2.1>' }),
    );
    await first.stop();
    clock.tick(600_000);
    const second = await start();
    stack.sent[0]?.respond(200);
    assert.equal(stack.sent.length, 2);
    const devices = stack.sent.flatMap((sent) => read(sent).devices);
    assert.deepEqual(
      devices.map(({ contact, features, expiresAt }) => [contact, features, expiresAt - clock.now()]),
      [
        ['sip:b@192.0.2.1', { video: '' }, 3_000_000],
        ['sip:c@192.0.2.1', {}, 3_000_000],
      ],
    );
    assert.equal(Buffer.compare(stack.sent[1]?.request.body ?? Buffer.alloc(0), asCame), 0);
    assert.equal(parseSip(asCame).kind, 'request');
    await second.stop();
  });

  it('a user whose last contact expired has left', async () => {
    const core = await start();
    register({ Contact: '<sip:a@192.0.2.1>;expires=60' });
    stack.sent[0]?.respond(200);
    clock.tick(60_000);
    assert.equal(read(stack.sent[1]).kind, 'deregistered');
    await core.stop();
  });
});
