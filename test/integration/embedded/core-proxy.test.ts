import assert from 'node:assert/strict';
import { respondTo } from '../../../lib/codec/sip/respond-to.ts';
import type { Hop } from '../../../lib/stack/types.ts';
import { accepting, element, LOCAL, phone, portOf, startCore, stopAll, tcp } from './core-scene.ts';

describe('embedded core as a proxy', () => {
  afterEach(stopAll);

  it('a MESSAGE to the user forks to every device and comes back with one 200', async () => {
    const core = await startCore();
    const gateway = await element();
    const phones = [await phone(core, 'alice'), await phone(core, 'alice')];
    const body = Buffer.from('hello');
    const response = await gateway.send({
      uri: 'sip:alice@example.com',
      hop: core.hop,
      headers: { 'Content-Type': 'text/plain' },
      body,
    });
    assert.equal(response.status, 200);
    assert.deepEqual(
      phones.map(({ pushes }) => pushes.map((push) => push.body.toString())),
      [['hello'], ['hello']],
    );
  });

  it('a body with NULs and octets that are no UTF-8 arrives octet for octet, and unknown headers as they were', async () => {
    const core = await startCore();
    const gateway = await element();
    const alice = await phone(core, 'alice');
    const body = Buffer.from([...Array(256).keys(), 0, 0, 13, 10, 13, 10, 0]);
    const response = await gateway.send({
      uri: 'sip:alice@example.com',
      hop: core.hop,
      headers: { 'Content-Type': 'application/vnd.wap.mms-message', 'X-Wap-Push-Info': 'Ä "x", y;z' },
      body,
    });
    assert.equal(response.status, 200);
    assert.equal(Buffer.compare(alice.pushes[0]?.body ?? Buffer.alloc(0), body), 0);
    assert.equal(alice.pushes[0]?.headers.get('X-Wap-Push-Info'), 'Ä "x", y;z');
    assert.equal(alice.pushes[0]?.headers.get('Max-Forwards'), '69');
  });

  it('Accept-Contact picks the device that runs the application', async () => {
    const core = await startCore();
    const gateway = await element();
    const mms = await phone(core, 'alice', { applications: ['mms.ua'] });
    const supl = await phone(core, 'alice', { applications: ['ulp.ua', 'x-oma-docomo:open.ctl'] });
    const uri = 'sip:alice@example.com';
    for (const application of ['ulp.ua', '<x-oma-docomo:open.ctl>', 'mms.ua']) {
      const response = await gateway.send({ uri, hop: core.hop, headers: accepting(application) });
      assert.equal(response.status, 200, application);
    }
    assert.deepEqual([mms.pushes.length, supl.pushes.length], [1, 2]);
    const nobody = await gateway.send({ uri, hop: core.hop, headers: accepting('wml.ua') });
    assert.equal(nobody.status, 480);
  });

  it('a GRUU names one device, and so does its instance with no-fork', async () => {
    const core = await startCore();
    const gateway = await element();
    const first = await phone(core, 'alice');
    const second = await phone(core, 'alice');
    assert.match(second.gruu ?? '', /^sip:alice@example\.com;gr=urn:uuid:/);
    await gateway.send({ uri: second.gruu ?? '', hop: core.hop });
    assert.deepEqual([first.pushes.length, second.pushes.length], [0, 1]);
    const headers = {
      'Accept-Contact': `*;+sip.instance="<${first.instance}>";require;explicit`,
      'Request-Disposition': 'no-fork',
    };
    await gateway.send({ uri: 'sip:alice@example.com', hop: core.hop, headers });
    assert.deepEqual([first.pushes.length, second.pushes.length], [1, 1]);
    const unknown = await gateway.send({ uri: 'sip:alice@example.com;gr=urn:uuid:none', hop: core.hop });
    assert.equal(unknown.status, 480);
  });

  it('a registered contact can be named by its own URI, as in a dialog', async () => {
    const core = await startCore();
    const gateway = await element();
    const alice = await phone(core, 'alice');
    const other = await phone(core, 'alice');
    const notify = { method: 'NOTIFY', uri: alice.contact, hop: core.hop };
    assert.equal((await gateway.send(notify)).status, 200);
    assert.deepEqual([alice.pushes[0]?.method, other.pushes.length], ['NOTIFY', 0]);
    await alice.deregister();
    assert.equal((await gateway.send(notify)).status, 403);
  });

  it('no-fork reaches one device, and one only', async () => {
    const core = await startCore();
    const gateway = await element();
    const phones = [await phone(core, 'alice'), await phone(core, 'alice')];
    const headers = { 'Request-Disposition': 'no-fork' };
    await gateway.send({ uri: 'sip:alice@example.com', hop: core.hop, headers });
    assert.equal(phones.flatMap(({ pushes }) => pushes).length, 1);
  });

  it('sequential tries one device after the other until one takes it', async () => {
    const core = await startCore();
    const gateway = await element();
    const phones = [
      await phone(core, 'alice', { answers: '486' }),
      await phone(core, 'alice', { answers: '200' }),
      await phone(core, 'alice', { answers: '200' }),
    ];
    const headers = { 'Request-Disposition': 'sequential' };
    const response = await gateway.send({ uri: 'sip:alice@example.com', hop: core.hop, headers });
    assert.equal(response.status, 200);
    assert.deepEqual(
      phones.map(({ pushes }) => pushes.length),
      [1, 1, 0],
    );
  });

  const best: [answers: string[], status: number, retryAfter?: string][] = [
    [['503:7'], 500, '7'],
    [['486', '503:7'], 486],
    [['500', '404'], 404],
    [['404', '415'], 415],
    [['486', '603'], 603],
    [['603', '200'], 200],
    [['302', '404'], 302],
    [['480', '202'], 202],
  ];
  for (const [answers, status, retryAfter] of best) {
    it(`devices that answer ${answers.join(' and ')} come back as ${status}`, async () => {
      const core = await startCore();
      const gateway = await element();
      for (const script of answers) await phone(core, 'alice', { answers: script });
      const response = await gateway.send({ uri: 'sip:alice@example.com', hop: core.hop });
      assert.equal(response.status, status);
      assert.equal(response.headers.get('Retry-After'), retryAfter);
      assert.equal(response.headers.all('Via').length, 1);
    });
  }

  it('a 401 brings the challenges of every device', async () => {
    const core = await startCore();
    const gateway = await element();
    for (const realm of ['one', 'two']) {
      const device = await element();
      device.answer = (transaction) =>
        transaction.respond(
          respondTo(transaction.request, 401, {
            headers: [{ name: 'WWW-Authenticate', value: `Digest realm="${realm}", nonce="n"` }],
          }),
        );
      const contact = `<sip:alice@${LOCAL}:${portOf(device.stack)}>`;
      await device.send({
        method: 'REGISTER',
        uri: 'sip:example.com',
        hop: core.hop,
        headers: { To: '<sip:alice@example.com>', Contact: contact },
      });
    }
    const response = await gateway.send({ uri: 'sip:alice@example.com', hop: core.hop });
    assert.equal(response.status, 401);
    assert.deepEqual(
      response.headers
        .all('WWW-Authenticate')
        .map((value) => /realm="(\w+)"/.exec(value)?.[1])
        .sort(),
      ['one', 'two'],
    );
  });

  it('devices that all stay silent come back as 408', async () => {
    const core = await startCore({ answerTimeout: 50 });
    const gateway = await element();
    await phone(core, 'alice', { answers: 'silent' });
    await phone(core, 'alice', { answers: 'silent' });
    const response = await gateway.send({ uri: 'sip:alice@example.com', hop: core.hop });
    assert.equal(response.status, 408);
  });

  it('nobody registered is 480, another domain 403, an unknown method 501', async () => {
    const core = await startCore();
    const gateway = await element();
    const statuses: number[] = [];
    for (const [uri, method] of [
      ['sip:nobody@example.com', 'MESSAGE'],
      ['sip:alice@elsewhere.example', 'MESSAGE'],
      ['sip:alice@example.com', 'REFER'],
      ['sip:example.com', 'OPTIONS'],
      ['mailto:alice@example.com', 'MESSAGE'],
      ['sip:@@', 'MESSAGE'],
    ] as const)
      statuses.push(
        (await gateway.send({ uri, method, hop: core.hop, headers: { To: '<sip:a@example.com>' } })).status,
      );
    assert.deepEqual(statuses, [480, 403, 501, 200, 416, 400]);
  });

  it('a request that has gone too far ends here', async () => {
    const core = await startCore();
    const gateway = await element();
    await phone(core, 'alice');
    const uri = 'sip:alice@example.com';
    const spent = await gateway.send({ uri, hop: core.hop, headers: { 'Max-Forwards': '0' } });
    assert.equal(spent.status, 483);
    const vias = Array.from({ length: 30 }, (_, i) => `SIP/2.0/UDP h${i};branch=z9hG4bK${i}`).join(', ');
    const looping = await gateway.send({ uri, hop: core.hop, headers: { Via: vias } });
    assert.equal(looping.status, 483);
    const demanding = await gateway.send({ uri, hop: core.hop, headers: { 'Proxy-Require': 'foo' } });
    assert.deepEqual([demanding.status, demanding.headers.get('Unsupported')], [420, 'foo']);
  });

  it('a Route to the core is taken off, one that leads elsewhere refused', async () => {
    const core = await startCore();
    const gateway = await element();
    const alice = await phone(core, 'alice');
    const uri = 'sip:alice@example.com';
    const own = { Route: `<sip:${LOCAL}:${core.hop.port};lr>` };
    assert.equal((await gateway.send({ uri, hop: core.hop, headers: own })).status, 200);
    assert.equal(alice.pushes[0]?.headers.has('Route'), false);
    const other = { Route: '<sip:192.0.2.1;lr>' };
    assert.equal((await gateway.send({ uri, hop: core.hop, headers: other })).status, 403);
  });

  it('a service identity and the address of its application server lead there', async () => {
    const gateway = await element();
    const server = `sip:${LOCAL}:${portOf(gateway.stack)}`;
    const core = await startCore({ services: { push: server } });
    const device = await element();
    for (const uri of ['sip:push@example.com', `sip:push@${LOCAL}:${portOf(gateway.stack)}`])
      assert.equal((await device.send({ uri, hop: core.hop })).status, 200);
    assert.deepEqual(
      gateway.requests.map(({ request }) => request.uri),
      ['sip:push@example.com', `sip:push@${LOCAL}:${portOf(gateway.stack)}`],
    );
  });
});

describe('embedded core over TCP', () => {
  afterEach(stopAll);

  it('a phone gets its pushes over the connection it registered on, however large', async () => {
    const core = await startCore();
    const gateway = await element([tcp]);
    const alice = await phone(core, 'alice', { transport: 'tcp' });
    const body = Buffer.alloc(100_000, '\0\r\n\xff', 'latin1');
    const before = core.stack.counters.connections;
    const hop: Hop = { protocol: 'tcp', host: LOCAL, port: portOf(core.stack, 'tcp') };
    const headers = { 'Content-Type': 'application/octet-stream' };
    const response = await gateway.send({ uri: 'sip:alice@example.com', hop, headers, body });
    assert.equal(response.status, 200);
    assert.equal(Buffer.compare(alice.pushes[0]?.body ?? Buffer.alloc(0), body), 0);
    // One more than before: the gateway's.
    assert.equal(core.stack.counters.connections, before + 1);
  });

  it('a phone that vanished without a word is 480 once its connection is gone', async () => {
    const core = await startCore();
    const gateway = await element();
    const alice = await phone(core, 'alice', { transport: 'tcp' });
    await alice.vanish();
    assert.equal((await gateway.send({ uri: 'sip:alice@example.com', hop: core.hop })).status, 480);
  });
});
