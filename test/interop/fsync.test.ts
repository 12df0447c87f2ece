import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PapClient } from '../../lib/cli/pap-client.ts';
import { describeWith, STRACE } from '../support/debian.ts';
import { freePorts } from '../support/ports.ts';
import { Program } from '../support/process.ts';

const MAIN = fileURLToPath(new URL('../../dist/lib/cli/main.js', import.meta.url));
const PUSH_ID = 'traced-push@pi.test';

/** The system calls of a traced gateway that matter here, in the order in which the kernel saw them. */
interface Call {
  readonly name: string;
  readonly fd: string;
  readonly line: string;
}

function callsOf(trace: string): Call[] {
  return trace.split('\n').flatMap((line) => {
    const match = /^\d+\s+(\w+)\((\d+)/.exec(line);
    return match === null ? [] : [{ name: match[1] as string, fd: match[2] as string, line }];
  });
}

describeWith(STRACE, 'the disk before the 1001, as the kernel sees it', function () {
  this.timeout(60_000);
  const folder = mkdtempSync(join(tmpdir(), 'ppg-fsync-'));
  const trace = join(folder, 'trace');
  let gateway: Program;

  before(async () => {
    const [http, sip, sipd, drachtio, direct] = (await freePorts(5)).map(String) as [
      string,
      string,
      string,
      string,
      string,
    ];
    const calls = 'trace=fsync,fdatasync,pwrite64,write,writev';
    gateway = new Program(
      'strace',
      ['-D', '-f', '-qq', '-s', '65536', '-o', trace, '-e', calls, process.execPath, MAIN, 'serve'],
      {
        cwd: folder,
        env: {
          ...process.env,
          PPG_HTTP_PORT: http,
          PPG_SIP_PORT: sip,
          PPG_SIPD_PORT: sipd,
          PPG_DRACHTIO_PORT: drachtio,
          PPG_DIRECT_PORT: direct,
          PPG_STORE: `sqlite:${join(folder, 'ppg.db')}`,
          PPG_INITIATORS: 'mmsc:secret',
          PPG_LOG_LEVEL: 'warn',
        },
      },
    );
    await gateway.until(/\/pap/);
    const client = new PapClient({ url: `http://127.0.0.1:${http}/pap`, user: 'mmsc', password: 'secret' });
    const { code } = await client.submit(
      { pushId: PUSH_ID, addresses: ['sip:alice@ims.localhost'], replaceMethod: 'all', progressNotes: false },
      { type: 'text/plain', headers: {}, body: Buffer.from('hello') },
    );
    assert.equal(code, 1001);
    await client.close();
    await gateway.end();
  });

  after(async () => {
    await gateway.end();
    rmSync(folder, { recursive: true, force: true });
  });

  it('the push is written, the file is synchronised, and only then the answer leaves', () => {
    const calls = callsOf(readFileSync(trace, 'utf8'));
    const written = calls.findIndex(({ name, line }) => name === 'pwrite64' && line.includes(PUSH_ID));
    const answered = calls.findIndex(
      ({ name, line }) => name.startsWith('write') && line.includes(PUSH_ID) && line.includes('code=\\"1001\\"'),
    );
    assert.ok(written >= 0, 'the push was never written to the store');
    assert.ok(answered > written, 'the answer left before the push was written');
    const file = calls[written]?.fd;
    const synchronised = calls
      .slice(written, answered)
      .filter(({ name, fd, line }) => name.endsWith('sync') && fd === file && /= 0$/.test(line));
    assert.ok(synchronised.length > 0, 'no fsync of the file between the write and the answer');
  });
});
