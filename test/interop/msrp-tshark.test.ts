import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parsePath } from '../../lib/codec/msrp/uri.ts';
import { describeWith, TSHARK } from '../support/debian.ts';
import { msrpEndpoint, outgoing, taking } from '../support/msrp.ts';
import { run } from '../support/process.ts';

/** A relay of octets that keeps what passes, each direction for itself. */
async function recording(target: number): Promise<{ port: number; to: Buffer[]; from: Buffer[]; close(): void }> {
  const [to, from]: [Buffer[], Buffer[]] = [[], []];
  const server = createServer((near) => {
    const far = connect(target, '127.0.0.1');
    near.on('data', (octets: Buffer) => to.push(octets)).pipe(far);
    far.on('data', (octets: Buffer) => from.push(octets)).pipe(near);
    for (const socket of [near, far]) socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port, to, from, close: () => server.close() };
}

/** Cuts a stream behind every end-line. */
function messagesOf(stream: Buffer): Buffer[] {
  const messages: Buffer[] = [];
  for (let at = 0; at < stream.length; ) {
    const transaction = stream.toString('latin1', at + 5, stream.indexOf(' ', at + 5));
    const end = stream.indexOf(`-------${transaction}`, at) + 7 + transaction.length + 3;
    messages.push(stream.subarray(at, end));
    at = end;
  }
  return messages;
}

/** As text2pcap reads it: one packet for each message. */
const hexDump = (messages: readonly Buffer[]): string =>
  messages
    .map((message) => {
      const rows: string[] = [];
      for (let at = 0; at < message.length; at += 16) {
        const octets = message.toString('hex', at, Math.min(at + 16, message.length)).replace(/../g, ' $&');
        rows.push(`${at.toString(16).padStart(6, '0')}${octets}`);
      }
      return rows.join('\n');
    })
    .join('\n\n');

describeWith(TSHARK, 'MSRP as tshark reads it', function () {
  this.timeout(60_000);
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'ppg-tshark-'));
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  async function dissected(name: string, stream: readonly Buffer[]): Promise<string[][]> {
    const [text, pcap] = [join(folder, `${name}.txt`), join(folder, `${name}.pcap`)];
    writeFileSync(text, `${hexDump(messagesOf(Buffer.concat(stream)))}\n`);
    const made = await run('text2pcap', ['-q', '-T', '40000,2855', text, pcap]);
    assert.equal(made.code, 0, made.stderr);
    const fields = [
      'msrp.method',
      'msrp.status.code',
      'msrp.byte.range',
      'msrp.success.report',
      'msrp.cnt.flg',
      '_ws.malformed',
      '_ws.expert.message',
    ];
    const options = [
      '-o',
      'tcp.analyze_sequence_numbers:FALSE',
      '-d',
      'tcp.port==2855,msrp',
      '-T',
      'fields',
      '-E',
      'separator=|',
    ];
    const read = await run('tshark', ['-r', pcap, ...options, ...fields.flatMap((field) => ['-e', field])]);
    assert.equal(read.code, 0, read.stderr);
    return read.stdout
      .trimEnd()
      .split('\n')
      .map((row) => row.split('|'));
  }

  it('has a SEND for each chunk, an answer to each, a report, and nothing malformed', async () => {
    const [a, b] = [await msrpEndpoint({ limits: { chunkBytes: 2048 } }), await msrpEndpoint()];
    const wire = await recording(b.port() ?? 0);
    try {
      const { taker, messages } = taking();
      const [sender, receiver] = [a.open(), b.open(false, taker)];
      const [path] = parsePath(receiver.path);
      assert.ok(path);
      receiver.connect({ path: parsePath(sender.path), role: 'passive', fingerprints: [] });
      sender.connect({ path: [{ ...path, port: wire.port }], role: 'active', fingerprints: [] });
      // Text: tshark shows content as strings, and complains of NUL in them.
      const body = Buffer.from(randomBytes(5_000).toString('hex'));
      assert.equal((await sender.send(outgoing(body, { contentType: 'text/x-hex' }))).kind, 'sent');
      assert.ok(messages[0]?.body.equals(body));
    } finally {
      await Promise.all([a.stop(), b.stop()]);
      wire.close();
    }
    assert.deepEqual(await dissected('sends', wire.to), [
      ...[1, 2049, 4097, 6145].map((start) => ['SEND', '', `${start}-${start + 2047}/10000`, 'yes', '+', '', '']),
      ['SEND', '', '8193-10000/10000', 'yes', '$', '', ''],
    ]);
    const answers = await dissected('answers', wire.from);
    assert.deepEqual(answers.slice(0, 5), Array(5).fill(['', '200', '', '', '$', '', '']));
    assert.deepEqual(answers.slice(5), [['REPORT', '', '1-10000/10000', '', '$', '', '']]);
  });
});
