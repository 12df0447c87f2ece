import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { parseNameAddr } from '../../../lib/codec/sip/name-addr.ts';
import { paramOf } from '../../../lib/codec/sip/params.ts';
import { parseSip } from '../../../lib/codec/sip/parse.ts';
import type { Hop } from '../../../lib/stack/types.ts';
import type { BindingRecord } from '../../../lib/store/bindings.ts';
import { freePorts } from '../../support/ports.ts';
import { element, LOCAL, phone, portOf, startCore, stopAll, tcp } from './core-scene.ts';

describe('third-party registration by the embedded core', () => {
  afterEach(stopAll);

  it('tells every application server at once, with the REGISTER octet for octet', async () => {
    const servers = [await element(), await element()];
    const uris = servers.map(({ stack }) => `sip:as@${LOCAL}:${portOf(stack)}`);
    const core = await startCore({ applicationServers: uris });
    const register = Buffer.from(
      [
        'REGISTER sip:example.com SIP/2.0',
        'v: SIP/2.0/UDP 127.0.0.1:PORT;branch=z9hG4bKodd;rport',
        'f:  "Ä\\"lice" <sip:alice@example.com>;tag=1',
        't: <sip:alice@example.com>',
        'i: odd',
        'CSeq: 7   REGISTER',
        'm: <sip:alice@127.0.0.1:PORT>;+g.oma.pusheventapp="mms.ua"',
        'Expires: 600',
        'l: 0',
        '',
        '',
      ].join('\r\n'),
    );
    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => socket.bind(0, LOCAL, resolve));
    const octets = Buffer.from(register.toString('latin1').replaceAll('PORT', `${socket.address().port}`), 'latin1');
    assert.equal((await exchange(socket, octets, core.hop)).startsWith('SIP/2.0 200 '), true);
    socket.close();
    for (const [at, server] of servers.entries()) {
      const [notice] = await server.got(1);
      assert.ok(notice);
      const { method, uri, headers, body } = notice.request;
      assert.deepEqual([method, uri], ['REGISTER', uris[at]]);
      assert.equal(headers.get('To'), '<sip:alice@example.com>');
      assert.equal(headers.get('Event'), 'registration');
      assert.equal(headers.get('Expires'), '600');
      assert.equal(headers.get('Content-Type'), 'message/sip');
      const core = parseNameAddr(headers.get('Contact') ?? '').uri;
      assert.equal(parseNameAddr(headers.get('From') ?? '').uri, core);
      assert.equal(Buffer.compare(body, octets), 0);
    }
  });

  it('adds the 200 when that has a GRUU, and tells of a de-registration with Expires 0', async () => {
    const server = await element();
    const core = await startCore({ applicationServers: [`sip:${LOCAL}:${portOf(server.stack)}`] });
    const alice = await phone(core, 'alice');
    const [arrival] = await server.got(1);
    const type = arrival?.request.headers.get('Content-Type') ?? '';
    const [register, ok] = messagesIn(type, arrival?.request.body ?? Buffer.alloc(0));
    assert.equal(register?.kind === 'request' && register.method, 'REGISTER');
    assert.equal(ok?.kind === 'response' && ok.status, 200);
    const contact = parseNameAddr(ok?.headers.get('Contact') ?? '');
    assert.equal(paramOf(contact.params, 'pub-gruu'), alice.gruu);
    await alice.deregister();
    const [, leaving] = await server.got(2);
    assert.equal(leaving?.request.headers.get('Expires'), '0');
    assert.equal(leaving?.request.headers.get('Call-ID'), arrival?.request.headers.get('Call-ID'));
  });

  it('an application server that was away learns the state when it is back', async () => {
    const [port = 0] = await freePorts(1);
    const core = await startCore({ applicationServers: [`sip:${LOCAL}:${port};transport=tcp`] });
    await phone(core, 'alice');
    await phone(core, 'bob');
    const back = await element([{ ...tcp, port }]);
    const users = (await back.got(2)).map(({ request }) => request.headers.get('To')).sort();
    assert.deepEqual(users, ['<sip:alice@example.com>', '<sip:bob@example.com>']);
  });

  it('a core that starts tells of everyone who is registered', async () => {
    const records = new Map<string, BindingRecord>();
    const first = await startCore({ records });
    const phones = [await phone(first, 'alice'), await phone(first, 'bob', { transport: 'tcp' })];
    await first.core.stop();
    for (const one of phones) await one.vanish();
    const server = await element();
    await startCore({ records, applicationServers: [`sip:${LOCAL}:${portOf(server.stack)}`] });
    const told = await server.got(2);
    assert.deepEqual(told.map(({ request }) => request.headers.get('To')).sort(), [
      '<sip:alice@example.com>',
      '<sip:bob@example.com>',
    ]);
    const [register] = messagesIn(
      told[0]?.request.headers.get('Content-Type') ?? '',
      told[0]?.request.body ?? Buffer.alloc(0),
    );
    assert.equal(register?.kind, 'request');
  });
});

/** Sends a datagram and answers the next one that comes back. */
async function exchange(socket: Socket, octets: Buffer, hop: Hop): Promise<string> {
  const answer = once(socket, 'message');
  socket.send(octets, hop.port, hop.host);
  const [datagram] = (await answer) as [Buffer];
  return datagram.toString();
}

/** The messages in a message/sip or multipart/mixed body. */
function messagesIn(type: string, body: Buffer) {
  const boundary = /boundary="([^"]+)"/.exec(type)?.[1];
  if (boundary === undefined) return [parseSip(body)];
  return body
    .toString('latin1')
    .split(`--${boundary}`)
    .slice(1, -1)
    .map((part) => parseSip(Buffer.from(part.slice(part.indexOf('\r\n\r\n') + 4, -2), 'latin1')));
}
