import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MsrpScene, nextPush } from '../integration/msrp/scene.ts';
import { describeWith, KAMAILIO } from '../support/debian.ts';
import { freePorts } from '../support/ports.ts';
import { Program } from '../support/process.ts';

/** Resolves once somebody listens; rejects when the process has ended before. */
async function listening(port: number, relay: Program): Promise<void> {
  for (;;) {
    if (!relay.running) throw new Error(`kamailio ended: ${relay.stderr}`);
    const socket = connect(port, '127.0.0.1');
    const there = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    });
    socket.destroy();
    if (there) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describeWith(KAMAILIO, "pushes by MSRP through Kamailio's relay", function () {
  this.timeout(60_000);
  let scene: MsrpScene;
  let relay: Program;
  let relays: string;
  let folder: string;

  before(async () => {
    const [port = 0] = await freePorts(1);
    folder = mkdtempSync(join(tmpdir(), 'ppg-kamailio-'));
    const text = readFileSync(join(import.meta.dirname, 'kamailio-msrp.cfg'), 'utf8');
    const file = join(folder, 'kamailio.cfg');
    writeFileSync(file, text.replace('@PORT@', String(port)));
    relay = new Program('kamailio', ['-DD', '-E', '-f', file, '-Y', folder, '-P', join(folder, 'pid')]);
    relays = `msrp://127.0.0.1:${port}/relayed;tcp`;
    await listening(port, relay);
    scene = await new MsrpScene('direct').start({
      msrp: { listen: { host: '127.0.0.1', port: 0 }, above: 0 },
    });
  });

  after(async () => {
    await scene?.stop();
    await relay?.end();
    rmSync(folder, { recursive: true, force: true });
  });

  // With the default chunk size, and headers that leave the first chunk little more than them.
  for (const [size, header] of [
    [1, 10],
    [2_000, 10],
    [100_000, 7_000],
    [1_048_576, 10],
  ] as const) {
    it(`bring ${size} binary octets unchanged, and the report of the device comes back`, async () => {
      const phone = await scene.phone(`user${size}`, { relays });
      const body = randomBytes(size);
      const pushed = nextPush(phone);
      const ending = await scene.push(`user${size}`, body, { headers: { 'X-Long': 'x'.repeat(header) } });
      assert.deepEqual(
        [ending.state, ending.attempts.map(({ bearer, cause }) => [bearer, cause])],
        ['delivered', [['msrp-session', 'msrp success report']]],
      );
      const got = await pushed;
      assert.ok(got.body.equals(body));
      // The relay has taken itself out of To-Path and put itself into From-Path (RFC 4976 section 5.1).
      assert.match(got.headers.get('From-Path') ?? '', /^msrp:\/\/127\.0\.0\.1:\d+\/relayed;tcp msrp:/);
    });
  }
});
