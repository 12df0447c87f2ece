import assert from 'node:assert/strict';
import fc from 'fast-check';
import { silentLogger } from '../../lib/base/log.ts';
import { createCore } from '../../lib/embedded/core/core.ts';
import { createMemoryBindings } from '../../lib/store/memory-bindings.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { FakeStack, requestOf } from '../unit/embedded/fake-stack.ts';

/** Pieces that SIP headers are made of, put together at random: nearer to what breaks a parser than noise. */
const PIECES = [
  ...['sip:', 'alice', '@', 'example.com', '<', '>', ';', '=', ',', '"', '\\', '*', '?', ' ', '%41', '%', ':5060'],
  ...[
    '+g.oma.pusheventapp',
    '"mms.ua"',
    'require',
    'explicit',
    'expires',
    '0',
    '60',
    '+sip.instance',
    '"<urn:uuid:1>"',
  ],
  ...['gr', 'reg-id', 'q', '1.5', 'tel:+1', '[::1]', '192.0.2.1', 'Digest', 'é', '!', '#>=5', 'TRUE', 'lr', 'maddr'],
];
const value = fc.oneof(
  fc.array(fc.constantFrom(...PIECES), { maxLength: 14 }).map((pieces) => pieces.join('')),
  fc.string({ maxLength: 60 }).map((text) => text.replace(/[\r\n\0]/g, '')),
);
const HEADERS = ['Contact', 'To', 'Expires', 'Accept-Contact', 'Reject-Contact', 'Request-Disposition', 'Route'];
const MORE = ['Max-Forwards', 'Require', 'Supported', 'Event', 'CSeq', 'Authorization', 'Proxy-Require', 'Via'];

const headers = fc.dictionary(fc.constantFrom(...HEADERS, ...MORE), value, { maxKeys: 6 });
const method = fc.constantFrom('REGISTER', 'REGISTER', 'MESSAGE', 'OPTIONS', 'SUBSCRIBE', 'INVITE', 'CANCEL', 'FOO');
const uri = fc.oneof(
  fc.constantFrom('sip:example.com', 'sip:alice@example.com', 'sip:alice@example.com;gr=urn:uuid:1'),
  value.map((text) => `sip:${text}`.replace(/\s/g, '')),
);

describe('embedded core under hostile requests', () => {
  it('answers every request once or sends it on, whatever its headers are', async () => {
    const stack = new FakeStack();
    const core = createCore({
      clock: new FakeClock(),
      log: silentLogger,
      stack,
      domain: 'example.com',
      applicationServers: [],
      bindings: createMemoryBindings(),
      limits: { bindings: 50 },
    });
    await core.start();
    const registered = requestOf('REGISTER', 'sip:example.com', {
      Contact: '<sip:a@192.0.2.1>;audio',
      'Call-ID': 'own',
    });
    assert.equal(stack.receive(registered)[0]?.status, 200);
    fc.assert(
      fc.property(method, uri, headers, (name, target, fields) => {
        const before = stack.sent.length;
        const responses = stack.receive(requestOf(name, target, fields));
        if (stack.sent.length === before) assert.equal(responses.length, 1);
        const branches = stack.sent.slice(before);
        for (const sent of branches) sent.respond(200);
        // A forked INVITE is answered by every 2xx of its branches (RFC 3261 section 16.7, step 5).
        const expected = name === 'INVITE' ? Math.max(1, branches.length) : 1;
        assert.equal(responses.length, expected);
        const { status = 0, reason } = responses[0] ?? {};
        assert.ok(status >= 200 && (status !== 500 || reason === 'CSeq Out Of Order'), `${status} ${reason}`);
      }),
      { numRuns: 2000 },
    );
    await core.stop();
  });
});
