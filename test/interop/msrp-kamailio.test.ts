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

/** Kamailio with a configuration of this folder, listening. */
async function relayWith(name: string, folder: string, port: number): Promise<Program> {
  const text = readFileSync(join(import.meta.dirname, name), 'utf8');
  const file = join(folder, 'kamailio.cfg');
  writeFileSync(file, text.replaceAll('@PORT@', String(port)));
  const relay = new Program('kamailio', ['-DD', '-E', '-f', file, '-Y', folder, '-P', join(folder, 'pid')]);
  await listening(port, relay);
  return relay;
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
    relay = await relayWith('kamailio-msrp.cfg', folder, port);
    relays = `msrp://127.0.0.1:${port}/relayed;tcp`;
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

describeWith(KAMAILIO, "pushes by MSRP through Kamailio as the gateway's relay", function () {
  this.timeout(60_000);
  let scene: MsrpScene;
  let relay: Program;
  let folder: string;

  before(async () => {
    const [port = 0] = await freePorts(1);
    folder = mkdtempSync(join(tmpdir(), 'ppg-kamailio-'));
    relay = await relayWith('kamailio-msrp-auth.cfg', folder, port);
    scene = await new MsrpScene('direct').start({
      msrp: {
        listen: false,
        setup: 'active',
        above: 0,
        relay: { uri: `msrp://127.0.0.1:${port};tcp`, user: 'ppg', password: 'a secret' },
      },
    });
    while (scene.ppg.msrp?.relayReady !== true) await new Promise((resolve) => setTimeout(resolve, 10));
  });

  after(async () => {
    await scene?.stop();
    await relay?.end();
    rmSync(folder, { recursive: true, force: true });
  });

  for (const size of [1, 2_000, 1_048_576]) {
    it(`bring ${size} binary octets unchanged, and the report of the device comes back`, async () => {
      const phone = await scene.phone(`user${size}`);
      const body = randomBytes(size);
      const pushed = nextPush(phone);
      const ending = await scene.push(`user${size}`, body);
      assert.deepEqual(
        [ending.state, ending.attempts.map(({ bearer, cause }) => [bearer, cause])],
        ['delivered', [['msrp-session', 'msrp success report']]],
      );
      assert.ok((await pushed).body.equals(body));
    });
  }
});
