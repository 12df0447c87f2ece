import assert from 'node:assert/strict';
import { type Logger, silentLogger } from '../../../../lib/base/log.ts';
import { type Notice, ThirdPartyRegister } from '../../../../lib/embedded/core/third-party-register.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { FakeStack, type Sent } from '../fake-stack.ts';

const notice = (text: string, farewell = false): Notice => ({
  expires: farewell ? 0 : 600,
  contentType: 'message/sip',
  body: Buffer.from(text),
  farewell,
});

describe('third-party registration (TS 24.229 5.4.1.7)', () => {
  let clock: FakeClock;
  let stack: FakeStack;
  let errors: object[];
  let server: ThirdPartyRegister;

  function start(maxOpen = 64): void {
    clock = new FakeClock();
    stack = new FakeStack();
    errors = [];
    const log: Logger = { ...silentLogger, error: (fields: object | string) => void errors.push(Object(fields)) };
    server = new ThirdPartyRegister({
      clock,
      log,
      stack,
      server: 'sip:as.example.com:5070;transport=tcp',
      from: () => 'sip:core.example.com',
      stateOf: (aor) => [notice(`state of ${aor}`)],
      maxOpen,
    });
  }

  beforeEach(() => start());
  afterEach(() => server.stop());

  const last = (): Sent => {
    const sent = stack.sent.at(-1);
    assert.ok(sent);
    return sent;
  };
  const bodies = (): string[] => stack.sent.map(({ request }) => request.body.toString());

  it('leaves at once, for the server named, with the body as it is', () => {
    server.tell('sip:a@x', notice('\0register'));
    const { request, hop } = last();
    assert.deepEqual(hop, { protocol: 'tcp', host: 'as.example.com', port: 5070 });
    assert.equal(request.uri, 'sip:as.example.com:5070;transport=tcp');
    assert.equal(request.body.toString(), '\0register');
    assert.equal(request.headers.get('To'), '<sip:a@x>');
    assert.equal(request.headers.get('Event'), 'registration');
    assert.equal(request.headers.get('Contact'), '<sip:core.example.com>');
  });

  it('notices of one user wait for each other, with one Call-ID and a rising CSeq; those of others do not', () => {
    server.tell('sip:a@x', notice('1'));
    server.tell('sip:a@x', notice('2'));
    server.tell('sip:b@x', notice('3'));
    assert.deepEqual(bodies(), ['1', '3']);
    stack.sent[0]?.respond(200);
    assert.deepEqual(bodies(), ['1', '3', '2']);
    const of = (name: string) => stack.sent.map(({ request }) => request.headers.get(name));
    assert.equal(of('Call-ID')[0], of('Call-ID')[2]);
    assert.notEqual(of('Call-ID')[0], of('Call-ID')[1]);
    const numbers = of('CSeq').map((value) => Number.parseInt(value ?? '', 10));
    assert.deepEqual(
      numbers,
      [...numbers].sort((one, other) => one - other),
    );
    assert.equal(new Set(numbers).size, 3);
  });

  it('a server that is away is asked ever more rarely, for one user, and told of all when it is back', () => {
    server.tell('sip:a@x', notice('a'));
    server.tell('sip:b@x', notice('b'));
    stack.sent[0]?.fail('transport');
    stack.sent[1]?.fail('timeout');
    assert.equal(server.missed, 2);
    for (const wait of [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]) {
      const before = stack.sent.length;
      clock.tick(wait - 1);
      assert.equal(stack.sent.length, before, `nothing before ${wait} ms`);
      clock.tick(1);
      assert.equal(stack.sent.length, before + 1);
      last().fail('transport');
    }
    clock.tick(30_000);
    const probe = last();
    probe.respond(200);
    assert.equal(
      last().request.body.toString(),
      probe.request.body.toString() === 'state of sip:a@x' ? 'state of sip:b@x' : 'state of sip:a@x',
    );
    last().respond(200);
    assert.equal(server.missed, 0);
    clock.tick(60_000);
    assert.equal(clock.pending, 0);
    assert.deepEqual(errors, []);
  });

  it('a new registration is tried at once even while the server is away, and shows that it is back', () => {
    server.tell('sip:a@x', notice('a'));
    last().fail('transport');
    server.tell('sip:b@x', notice('b'));
    assert.equal(last().request.body.toString(), 'b');
    last().respond(200);
    assert.equal(last().request.body.toString(), 'state of sip:a@x');
  });

  it('that a contact left is told again, before the state', () => {
    server.tell('sip:a@x', notice('left', true));
    server.tell('sip:a@x', notice('came'));
    last().fail('transport');
    clock.tick(500);
    assert.equal(last().request.body.toString(), 'left');
    last().respond(200);
    assert.equal(last().request.body.toString(), 'state of sip:a@x');
  });

  it('a server that answers 500 to one user is asked six times, and no more', () => {
    server.tell('sip:a@x', notice('a'));
    for (let i = 0; i < 6; i++) {
      last().respond(500);
      clock.tick(60_000);
    }
    assert.equal(stack.sent.length, 6);
    assert.equal(errors.length, 1);
    assert.equal(server.missed, 0);
    assert.equal(clock.pending, 0);
  });

  it('a refusal is final', () => {
    server.tell('sip:a@x', notice('a'));
    last().respond(403);
    clock.tick(60_000);
    assert.equal(stack.sent.length, 1);
  });

  it('no more than the agreed number is in flight, and all are told in the end', () => {
    start(2);
    for (let i = 0; i < 10; i++) server.tellState(`sip:${i}@x`);
    assert.equal(stack.sent.length, 2);
    for (let i = 0; i < 10; i++) stack.sent[i]?.respond(200);
    assert.equal(new Set(bodies()).size, 10);
  });

  it('a user that registers without end costs a bounded queue: the state is told instead', () => {
    for (let i = 0; i < 1000; i++) server.tell('sip:a@x', notice(String(i)));
    for (let i = 0; i < stack.sent.length; i++) stack.sent[i]?.respond(200);
    assert.ok(stack.sent.length < 20, String(stack.sent.length));
    assert.ok(bodies().includes('state of sip:a@x'));
  });

  it('is silent once it was stopped', () => {
    server.tell('sip:a@x', notice('a'));
    server.stop();
    last().fail('transport');
    server.tell('sip:b@x', notice('b'));
    assert.equal(stack.sent.length, 1);
    assert.equal(clock.pending, 0);
  });
});
