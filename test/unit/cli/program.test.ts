import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { runProgram } from '../../../lib/cli/program.ts';
import type { Terminal } from '../../../lib/cli/terminal.ts';
import { writeCapabilities } from '../../../lib/codec/pap/uaprof.ts';
import { parsePasswordHash, verifyPassword } from '../../../lib/security/password.ts';

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly notes: string;
}

/** Runs the program in this process, with a terminal of the test's own. */
async function run(args: readonly string[], input = ''): Promise<Ran> {
  const out: string[] = [];
  const notes: string[] = [];
  const terminal: Terminal = {
    interactive: false,
    line: (text) => void out.push(text),
    octets: (octets) => void out.push(octets.toString('latin1')),
    note: (text) => void notes.push(text),
    input: () => Promise.resolve(Buffer.from(input)),
  };
  const code = await runProgram(['node', 'drachtio-ppg', ...args], terminal);
  return { code, out: out.join('\n'), notes: notes.join('\n') };
}

describe('command line', () => {
  let server: Server;
  let url: string;
  let answer: { status: number; body: string; type?: string };
  let requests: { type: string; body: string }[];

  before((done) => {
    server = createServer((req, res) => {
      let body = '';
      req.setEncoding('latin1');
      req.on('data', (chunk) => {
        body += chunk;
      });
      req.on('end', () => {
        requests.push({ type: req.headers['content-type'] ?? '', body });
        res.writeHead(answer.status, { 'content-type': answer.type ?? 'application/xml' }).end(answer.body);
      });
    });
    server.listen(0, '127.0.0.1', () => {
      url = `http://127.0.0.1:${(server.address() as { port: number }).port}/pap`;
      done();
    });
  });
  beforeEach(() => {
    requests = [];
  });
  after(() => {
    server.close();
    server.closeAllConnections();
  });

  const target = (): string[] => ['--url', url, '--user', 'pi', '--pass', 'secret'];
  const pushing = (...more: string[]): string[] => [
    'push',
    ...target(),
    '--to',
    'a@b.example',
    '--type',
    'text/plain',
    ...more,
    '-',
  ];
  const pap = (content: string): string => `<?xml version="1.0"?><pap>${content}</pap>`;

  it('hash prints a hash that the password fits', async () => {
    const { code, out } = await run(['hash'], 'secret\n');
    assert.equal(code, 0);
    assert.equal(await verifyPassword('secret', parsePasswordHash(out)), true);
    assert.equal((await run(['hash'], '\n')).code, 2);
  });

  it('push sends a document and the content as it is', async () => {
    answer = {
      status: 202,
      body: pap('<push-response push-id="p"><response-result code="1001" desc="ok"/></push-response>'),
    };
    const { code, out } = await run(
      pushing('--app', 'mms.ua', '--confirmed', '--priority', 'high', '--push-id', 'p'),
      'a\0\u00e9',
    );
    assert.equal(code, 0);
    assert.match(out, /^1001 ok {2}push-id p$/);
    const [{ type = '', body = '' } = {}] = requests;
    assert.match(type, /^multipart\/related; type="application\/xml"; boundary="/);
    assert.match(body, /address-value="WAPPUSH=sip%3Aa%40b\.example\/TYPE=USER@127\.0\.0\.1"/);
    assert.match(body, /priority="high" delivery-method="confirmed"/);
    assert.match(
      body,
      /X-Wap-Application-Id: x-wap-application:mms\.ua\r\nContent-Type: text\/plain\r\n\r\na\0\u00c3\u00a9\r\n--/,
    );
  });

  it('push and cancel find their argument behind --to, which takes every word it gets', async () => {
    answer = {
      status: 202,
      body: pap('<push-response push-id="p"><response-result code="1001" desc="ok"/></push-response>'),
    };
    const words = ['--type', 'text/plain', '--to', 'a@b.example', 'c@b.example'];
    assert.equal((await run(['push', ...target(), ...words, '-'], 'hello')).code, 0);
    const [{ body = '' } = {}] = requests;
    assert.match(body, /WAPPUSH=sip%3Aa%40b[\s\S]*WAPPUSH=sip%3Ac%40b[\s\S]*\r\n\r\nhello\r\n--/);
    requests = [];
    await run(['cancel', ...target(), '--to', 'a@b.example', 'the-push']);
    assert.match(requests[0]?.body ?? '', /<cancel-message push-id="the-push"/);
    const alone = await run(['push', ...target(), '--type', 'text/plain', '--to', 'a@b.example']);
    assert.equal(alone.code, 2);
    assert.match(alone.notes, /a file to push, or - for standard input is missing/);
    assert.equal((await run(['cancel', ...target()])).code, 2);
  });

  it('a refusal by HTTP is told in the words of the gateway', async () => {
    answer = { status: 413, type: 'text/plain', body: 'the body is larger than 9 octets\n' };
    const { code, notes } = await run(pushing());
    assert.equal(code, 1);
    assert.match(notes, /answered HTTP 413 and no PAP document: the body is larger than 9 octets$/);
  });

  it('push --json of a refusal is JSON, and exit code 1', async () => {
    answer = { status: 202, body: pap('<badmessage-response code="2000" desc="bad"/>') };
    const { code, out } = await run(pushing('--json', '--push-id', 'p'));
    assert.deepEqual([code, JSON.parse(out)], [1, { pushId: 'p', code: 2000, desc: 'bad' }]);
  });

  const ccq = (code: number): string =>
    pap(`<ccq-response code="${code}" desc="d"><address address-value="x"/></ccq-response>`);

  it('caps shows what the devices of a user can, a value a line', async () => {
    const profile = writeCapabilities({
      applications: ['mms.ua'],
      types: ['image/*', 'text/plain'],
      maxBytes: 900,
      userAgent: 'Phone\u009b31m',
      profile: 'http://p.test/x',
    });
    answer = {
      status: 202,
      type: 'multipart/related; type="application/xml"; boundary=B',
      body: `--B\r\nContent-Type: application/xml\r\n\r\n${ccq(1000)}\r\n--B\r\nContent-Type: application/xml\r\nExpires: then\r\n\r\n${profile}\r\n--B--\r\n`,
    };
    const { code, out, notes } = await run(['caps', ...target(), '--app', 'mms.ua', 'a@b.example']);
    assert.equal(code, 0);
    assert.deepEqual(out.split('\n'), [
      'client        Phone31m',
      'applications  x-wap-application:mms.ua',
      'media types   image/*',
      '              text/plain',
      'largest push  900',
      'profile       http://p.test/x',
    ]);
    assert.match(notes, /until then/);
    assert.match(requests[0]?.body ?? '', /<ccq-message[^>]* app-id="mms\.ua"/);
    const json = await run(['caps', ...target(), '--json', 'a@b.example']);
    assert.deepEqual(JSON.parse(json.out).capabilities['Push-Accept'], ['image/*', 'text/plain']);
  });

  it('caps of somebody of whom nothing is known is exit code 1', async () => {
    answer = { status: 202, body: ccq(3008) };
    const { code, notes } = await run(['caps', ...target(), 'a@b.example']);
    assert.equal(code, 1);
    assert.match(notes, /^3008 d: no device/);
  });

  it('caps says so when the answer is no PAP, whatever it claims to be', async () => {
    for (const [type, body] of [
      ['multipart/related; boundary=B', 'nothing of the kind'],
      ['multipart/related', '--B\r\n\r\nx\r\n--B--'],
      ['text/html', '<html>'],
    ]) {
      answer = { status: 200, ...(type !== undefined && { type }), body: body ?? '' };
      const { code, notes } = await run(['caps', ...target(), 'a@b.example']);
      assert.equal(code, 1);
      assert.match(notes, /no PAP document/);
    }
  });

  it('status shows nothing that steers a terminal', async () => {
    const address = '<address address-value="x&#x9b;31m"/>';
    answer = {
      status: 202,
      body: pap(
        `<statusquery-response push-id="p"><statusquery-result message-state="pending" code="1000">${address}</statusquery-result></statusquery-response>`,
      ),
    };
    const { code, out } = await run(['status', 'p', ...target()]);
    assert.equal(code, 0);
    assert.match(out, /^x\?31m: pending, 1000 OK/);
  });

  it('a certificate of an authority that Node does not know comes with what makes it known', async () => {
    const pem = (name: string): Buffer => readFileSync(new URL(`../../fixtures/tls/${name}`, import.meta.url));
    const secure = createTlsServer({ cert: pem('server.pem'), key: pem('server.key') });
    secure.listen(0, '127.0.0.1');
    await once(secure, 'listening');
    const at = `https://127.0.0.1:${(secure.address() as { port: number }).port}/pap`;
    const { code, notes } = await run(['status', 'p', '--url', at, '--user', 'a', '--pass', 'b']);
    secure.close();
    secure.closeAllConnections();
    assert.equal(code, 1);
    assert.match(notes, /NODE_EXTRA_CA_CERTS=FILE makes it known$/);
  });

  it('an answer that is no PAP, and none at all, are told as such', async () => {
    answer = { status: 404, body: '<html>not found</html>' };
    const wrong = await run(['status', 'p', ...target()]);
    assert.equal(wrong.code, 1);
    assert.match(wrong.notes, /answered HTTP 404 and no PAP document/);
    const none = await run(['status', 'p', '--url', 'http://127.0.0.1:1/pap', '--user', 'a', '--pass', 'b']);
    assert.equal(none.code, 1);
    assert.match(none.notes, /no answer from .*is the gateway running there\?/);
  });

  const cases: [string, () => string[], RegExp][] = [
    ['no user', () => ['push', '--to', 'a@b', '--type', 't/p', '--pass', 'x', '-'], /--user NAME/],
    [
      'an address without domain',
      () => ['push', ...target(), '--to', 'alice', '--type', 't/p', '-'],
      /names no domain/,
    ],
    [
      'a URL that is none',
      () => ['status', 'p', '--url', 'ppg', '--user', 'a', '--pass', 'b'],
      /--url "ppg" is no HTTP URL/,
    ],
    ['a file that is not there', () => [...pushing().slice(0, -1), '/no/such/file'], /cannot read \/no\/such\/file/],
    ['a time that is none', () => pushing('--deliver-before', 'soon'), /--deliver-before "soon" is no time/],
    ['an answer script that is none', () => ['phone', '--user', 'a@b', '--answer', '99'], /answer 1 is "99"/],
    ['a server that is none', () => ['phone', '--user', 'a@b', '--server', 'x:y:z'], /not a port/],
  ];
  for (const [what, args, says] of cases) {
    it(`${what}: exit code 2, and what to do`, async () => {
      const { code, notes } = await run(args());
      assert.equal(code, 2, notes);
      assert.match(notes, says);
    });
  }
});
