import { createHash, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from './build.ts';
import { nextRun } from './measure.ts';
import type { GatewayCommands, GatewayOptions } from './parts/gateway.ts';
import type { MsrpDevicesCommands, MsrpDevicesOptions } from './parts/msrp-devices.ts';
import { ACCOUNT, numberOf } from './parts/pap-post.ts';
import { micros, portOf } from './parts/part.ts';
import { Part } from './process.ts';
import { machine } from './report.ts';
import { median, quantile } from './stats.ts';

const USAGE = `usage: npm run bench:msrp -- [options]
  --sessions N  phones that are sent to at once (default 100)
  --rounds N    (default 5)
`;

/** What large pushes cost: `npm run bench:msrp`, half a minute. Through PAP, the store and the direct leg to phones. */
const HOST = '127.0.0.1';
const LARGE = 10_000_000;
const SMALL = 256 * 1024;
/** A round that takes longer has failed, milliseconds. */
const PATIENCE = 60_000;

interface Parts {
  readonly gateway: Part<GatewayCommands>;
  readonly devices: Part<MsrpDevicesCommands>;
}

interface Round {
  /** From the first POST to the last octet at the last phone, milliseconds. */
  readonly took: number;
  readonly cpu: number;
  /** Most of it during the round, octets. */
  readonly resident: number;
  /** Most that were open at a time. */
  readonly sessions: number;
}

const CRLF = '\r\n';
const BOUNDARY = 'bench-boundary-5e1f';

function papBody(phone: number, content: Buffer): Buffer {
  const head = [
    `--${BOUNDARY}`,
    'Content-Type: application/xml',
    '',
    '<?xml version="1.0"?>',
    '<!DOCTYPE pap PUBLIC "-//WAPFORUM//DTD PAP 2.0//EN" "http://www.openmobilealliance.org/tech/DTD/pap_2.0.dtd">',
    `<pap><push-message push-id="msrp-${nextRun()}@pi.example.com">`,
    `<address address-value="WAPPUSH=${numberOf(phone)}/TYPE=PLMN@ppg.example.com"></address>`,
    '<quality-of-service delivery-method="confirmed"></quality-of-service>',
    '</push-message></pap>',
    `--${BOUNDARY}`,
    'Content-Type: application/octet-stream',
    'X-Wap-Application-Id: x-wap-application:wml.ua',
    '',
    '',
  ].join(CRLF);
  return Buffer.concat([Buffer.from(head), content, Buffer.from(`${CRLF}--${BOUNDARY}--${CRLF}`)]);
}

async function submit(port: number, phone: number, content: Buffer): Promise<void> {
  const answer = await fetch(`http://${HOST}:${port}/pap`, {
    method: 'POST',
    headers: {
      'Content-Type': `multipart/related; boundary=${BOUNDARY}; type="application/xml"`,
      Authorization: `Basic ${Buffer.from(`${ACCOUNT.name}:${ACCOUNT.password}`).toString('base64')}`,
    },
    body: new Uint8Array(papBody(phone, content)),
  });
  const text = await answer.text();
  if (!text.includes('code="1001"')) throw new Error(`a push was not accepted:\n${text}`);
}

/** One push to each of so many phones, at once. */
async function round({ gateway, devices }: Parts, phones: number, content: Buffer): Promise<Round> {
  await devices.call('expect', createHash('sha256').update(content).digest('hex'));
  const port = await gateway.call('port');
  const before = await gateway.call('cpu');
  const startedAt = micros();
  await Promise.all(Array.from({ length: phones }, (_, phone) => submit(port, phone, content)));
  let [resident, sessions] = [0, 0];
  for (;;) {
    resident = Math.max(resident, await gateway.call('rss'));
    sessions = Math.max(sessions, await gateway.call('sessions'));
    const { count, wrong, lastAt } = await devices.call('received');
    if (wrong > 0) throw new Error(`${wrong} contents came otherwise than they were sent`);
    if (count >= phones) {
      const cpu = ((await gateway.call('cpu')) - before) / 1000;
      return { took: (lastAt - startedAt) / 1000, cpu, resident, sessions };
    }
    if (micros() - startedAt > PATIENCE * 1000)
      throw new Error(`${count} of ${phones} came; the store has ${await gateway.call('waiting')}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A port that nobody has, as far as the system knows: core and gateway each need the other's. */
async function freePort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, HOST);
  await once(socket, 'listening');
  const port = portOf(socket.address());
  socket.close();
  await once(socket, 'close');
  return port;
}

function line(what: string, rounds: readonly Round[], octets: number): string {
  const took = median(rounds.map((one) => one.took)) ?? Number.NaN;
  const longest = quantile(
    rounds.map((one) => one.took),
    1,
  );
  const cpu = median(rounds.map((one) => one.cpu)) ?? Number.NaN;
  const resident = Math.max(...rounds.map((one) => one.resident));
  const cells = [
    (took / 1000).toFixed(2),
    ((longest ?? Number.NaN) / 1000).toFixed(2),
    (octets / 1e6 / (took / 1000)).toFixed(0),
    (cpu / (octets / 1e6)).toFixed(1),
    (resident / 1e6).toFixed(0),
    String(Math.max(...rounds.map((one) => one.sessions))),
  ];
  return `| ${what} | ${cells.join(' | ')} |`;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      sessions: { type: 'string', default: '100' },
      rounds: { type: 'string', default: '5' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  const [sessions, rounds] = [Number(values.sessions), Number(values.rounds)];
  if (!(sessions >= 1 && sessions <= 1000 && rounds >= 1 && rounds <= 100)) throw new Error(USAGE);
  build();
  const folder = mkdtempSync(join(tmpdir(), 'drachtio-ppg-msrp-'));
  const core = await freePort();
  const options: GatewayOptions = {
    file: join(folder, 'msrp.db'),
    device: `sip:127.0.0.1:${core};transport=udp`,
    msrp: true,
  };
  const gateway = await Part.start<GatewayCommands>('gateway', options);
  let devices: Part<MsrpDevicesCommands> | undefined;
  try {
    const setting: MsrpDevicesOptions = { core, gateway: await gateway.call('directPort'), phones: sessions };
    devices = await Part.start<MsrpDevicesCommands>('msrp-devices', setting);
    const parts: Parts = { gateway, devices };
    const idle = await gateway.call('rss');
    const [large, small] = [randomBytes(LARGE), randomBytes(SMALL)];
    await round(parts, 1, small); // while what is hot is compiled
    const one: Round[] = [];
    const many: Round[] = [];
    for (let n = 0; n < rounds; n++) one.push(await round(parts, 1, large));
    for (let n = 0; n < rounds; n++) many.push(await round(parts, sessions, small));
    const { cpus, model, node } = machine();
    console.log(
      `${cpus} × ${model}, Node ${node}; ${rounds} rounds each, ${(idle / 1e6).toFixed(0)} MB resident before\n`,
    );
    console.log(
      '| what | median s | longest s | MB/s | CPU ms/MB | resident MB at the most | sessions open |\n|---|---:|---:|---:|---:|---:|---:|',
    );
    console.log(line('10 MB to one phone', one, LARGE));
    console.log(line(`256 KiB to each of ${sessions} phones at once`, many, SMALL * sessions));
  } finally {
    await devices?.end();
    await gateway.end();
    rmSync(folder, { recursive: true, force: true });
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
