import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { parsePath } from '../../../lib/codec/msrp/uri.ts';
import type { MsrpEndpoint, MsrpEndpointOptions } from '../../../lib/msrp/endpoint.ts';
import { join, msrpEndpoint, outgoing, taking } from '../../support/msrp.ts';
import { tlsPair, tlsText } from '../../support/tls-fixtures.ts';

describe('MSRP sessions', function () {
  this.timeout(60_000);
  const running: MsrpEndpoint[] = [];

  async function endpoint(more: Partial<MsrpEndpointOptions> = {}): Promise<MsrpEndpoint> {
    const made = await msrpEndpoint(more);
    running.push(made);
    return made;
  }

  afterEach(async () => {
    await Promise.all(running.splice(0).map((one) => one.stop()));
  });

  for (const size of [0, 1, 2048, 2049, 65_536, 10 * 1024 * 1024]) {
    it(`carry ${size} octets unchanged, reported as a whole`, async () => {
      const [a, b] = [await endpoint(), await endpoint()];
      const { taker, messages } = taking();
      const [sender, receiver] = [a.open(), b.open(false, taker)];
      join(sender, receiver);
      const body = randomBytes(size);
      const headers = [{ name: 'X-Wap-Application-Id', value: 'x-wap-application:mms.ua' }];
      const outcome = await sender.send(outgoing(body, { headers }));
      assert.deepEqual(outcome, { kind: 'sent', reported: true });
      assert.equal(messages.length, 1);
      assert.ok(messages[0]?.body.equals(body));
      assert.equal(messages[0]?.contentType, 'application/octet-stream');
      assert.equal(messages[0]?.headers.find(({ name }) => name === 'X-Wap-Application-Id')?.value, headers[0]?.value);
      assert.equal(messages[0]?.chunks, Math.ceil((size + 48) / 8_192));
    });
  }

  it('send to a peer that connects, once its empty SEND has come', async () => {
    const [a, b] = [await endpoint(), await endpoint()];
    const { taker, messages } = taking();
    const [sender, receiver] = [a.open(), b.open(false, taker)];
    const sent = sender.send(outgoing(Buffer.from('hello')));
    join(receiver, sender, {}, true);
    assert.deepEqual(await sent, { kind: 'sent', reported: true });
    assert.equal(messages[0]?.body.toString(), 'hello');
  });

  it('share a connection to the same place', async () => {
    const [a, b] = [await endpoint(), await endpoint()];
    const takers = Array.from({ length: 20 }, () => taking());
    const pairs = takers.map(({ taker }) => [a.open(), b.open(false, taker)] as const);
    for (const [sender, receiver] of pairs) join(sender, receiver);
    const outcomes = await Promise.all(
      pairs.map(([sender], at) => sender.send(outgoing(Buffer.alloc(100_000, at), { messageId: `message-${at}` }))),
    );
    assert.deepEqual([...new Set(outcomes.map(({ kind }) => kind))], ['sent']);
    assert.ok(takers.every(({ messages }, at) => messages[0]?.body.equals(Buffer.alloc(100_000, at))));
    assert.deepEqual([a.counters.connections, b.counters.connections], [1, 1]);
    assert.deepEqual([a.counters.sessions, b.counters.sessions], [20, 20]);
  });

  describe('over TLS', () => {
    const tls = { ...tlsPair('server'), port: 0 };

    it('carry octets when the certificates are those of the SDPs, whoever connects', async () => {
      for (const passive of [true, false]) {
        const [a, b] = [await endpoint({ tls: { ...tlsPair('client'), port: 0 } }), await endpoint({ tls })];
        const { taker, messages } = taking();
        const [sender, receiver] = [a.open(true), b.open(true, taker)];
        if (passive) join(sender, receiver, { active: a.fingerprint, passive: b.fingerprint });
        else join(receiver, sender, { active: b.fingerprint, passive: a.fingerprint }, true);
        const body = randomBytes(300_000);
        assert.deepEqual(await sender.send(outgoing(body)), { kind: 'sent', reported: true });
        assert.ok(messages[0]?.body.equals(body));
      }
    });

    it('show another certificate once it was reloaded, on either side; what was open stays', async () => {
      const [a, b] = [await endpoint({ tls: { ...tlsPair('client'), port: 0 } }), await endpoint({ tls })];
      const before = [a.fingerprint, b.fingerprint];
      const [old, oldReceiver] = [a.open(true), b.open(true, taking().taker)];
      join(old, oldReceiver, { active: a.fingerprint, passive: b.fingerprint });
      assert.equal((await old.send(outgoing(Buffer.from('before')))).kind, 'sent');
      a.reloadTls(tlsPair('other'));
      b.reloadTls(tlsPair('other'));
      assert.ok(a.fingerprint?.value !== before[0]?.value && b.fingerprint?.value !== before[1]?.value);
      assert.throws(() => a.reloadTls({ cert: 'none', key: 'none' }), { code: 'PPG_E_OPTIONS' });
      assert.throws(() => b.reloadTls({ ...tlsPair('other'), key: tlsPair('server').key }), { code: 'PPG_E_OPTIONS' });
      const [sender, receiver] = [a.open(true), b.open(true, taking().taker)];
      join(sender, receiver, { active: a.fingerprint, passive: b.fingerprint });
      assert.deepEqual(await sender.send(outgoing(Buffer.from('after'))), { kind: 'sent', reported: true });
      assert.equal((await old.send(outgoing(Buffer.from('again'), { messageId: 'message-2' }))).kind, 'sent');
    });

    it('send nothing to a server with another certificate', async () => {
      const [a, b] = [await endpoint({ tls: { ...tlsPair('client'), port: 0 } }), await endpoint({ tls })];
      const [sender, receiver] = [a.open(true), b.open(true, taking().taker)];
      join(sender, receiver, { active: a.fingerprint, passive: a.fingerprint });
      const outcome = await sender.send(outgoing(Buffer.from('secret')));
      assert.equal(outcome.kind === 'lost' && outcome.begun, false);
    });

    for (const [name, ca, ends] of [
      ['server', 'ca.pem', 'sent'],
      ['server', 'stranger-ca.pem', 'lost'],
      ['other', 'ca.pem', 'lost'],
    ] as const) {
      it(`to a relay ${ends === 'sent' ? 'go' : 'do not go'} by the certificate ${name}, signed by who is trusted: ${ca === 'ca.pem'}`, async () => {
        const a = await endpoint();
        const b = await endpoint({ tls: { ...tlsPair(name), port: 0 } });
        const { taker } = taking();
        const [sender, receiver] = [a.open(true), b.open(true, taker)];
        const side = { role: 'active', fingerprints: [], authority: { ca: tlsText(ca) } } as const;
        sender.connect({ ...side, path: parsePath(receiver.path) });
        const sent = sender.send(outgoing(Buffer.from('hello'), { successReport: false }));
        assert.equal((await sent).kind, ends);
      });
    }

    it('refuse a client with another certificate', async () => {
      const [a, b] = [await endpoint({ tls: { ...tlsPair('client'), port: 0 } }), await endpoint({ tls })];
      const { taker, messages } = taking();
      const [sender, receiver] = [a.open(true), b.open(true, taker)];
      join(sender, receiver, { active: b.fingerprint, passive: b.fingerprint });
      const outcome = await sender.send(outgoing(Buffer.from('forged')));
      assert.equal(outcome.kind === 'refused' && outcome.status, 403);
      assert.equal(messages.length, 0);
    });
  });
});
