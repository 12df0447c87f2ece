import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { systemClock } from '../base/clock.ts';
import { silentLogger } from '../base/log.ts';
import { createPhone, type Phone } from '../embedded/phone/phone.ts';
import type { NodeConfig } from './config-schema.ts';
import { type Act, play, type Stage } from './demo/act.ts';
import { encodeMmsNotification } from './demo/mms-notification.ts';
import { type Sink, startSink } from './demo/sink.ts';
import { Timeline } from './demo/timeline.ts';
import { EXIT, type ExitCode } from './exit.ts';
import { type RunningNode, startNode } from './node.ts';
import { PapClient } from './pap-client.ts';
import { addressText } from './recipient.ts';
import { untilSignal } from './signals.ts';
import type { Terminal } from './terminal.ts';

const DOMAIN = 'ims.localhost';
const USER = `alice@${DOMAIN}`;
/** Of a gateway that lives a few seconds, on loopback. */
const ACCOUNT = { name: 'demo', password: 'demo' };

/** Shows two pushes on their way, each over another leg. Exit code 1 when anything is not as it must be. */
export async function demo(options: { readonly keep?: boolean | undefined }, terminal: Terminal): Promise<ExitCode> {
  // from the first moment on, so that Ctrl-C leaves no files behind
  const signal = untilSignal();
  const directory = await mkdtemp(join(tmpdir(), 'drachtio-ppg-demo-'));
  const closing: (() => Promise<unknown>)[] = [() => rm(directory, { recursive: true, force: true })];
  try {
    const node = await startNode(configuration(join(directory, 'ppg.db')), { log: silentLogger });
    closing.push(() => node.stop());
    const sink = await startSink((notification) => stage.onNotification(notification));
    closing.push(() => sink.close());
    const phone = deviceOf(node);
    closing.push(() => phone.stop());
    const client = new PapClient({ url: papUrl(node), user: ACCOUNT.name, password: ACCOUNT.password });
    closing.push(() => client.close());
    const timeline = new Timeline(terminal);
    const stage = stageOf({ node, phone, client, timeline, sink });

    introduce(node, terminal);
    timeline.begin('A phone registers');
    await phone.start();
    timeline.step('phone', `REGISTER ${phone.aor}, +g.oma.pusheventapp="mms.ua,wml.ua": 200, ${phone.instance}`);
    for (const act of acts()) {
      const interrupted = await Promise.race([play(stage, act).then(() => false), signal.then(() => true)]);
      if (interrupted) return EXIT.FAILED;
    }
    explain(node, options.keep === true, terminal);
    if (options.keep === true) {
      phone.on('push', ({ contentType, size }) => terminal.line(`  the phone got ${contentType}, ${size} octets`));
      await signal;
    }
    return EXIT.OK;
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

const configuration = (file: string): NodeConfig => ({
  domain: DOMAIN,
  store: `sqlite:${file}`,
  initiators: [],
  accounts: [ACCOUNT],
  http: { host: '127.0.0.1', port: 0 },
  sip: {
    host: '127.0.0.1',
    leg: 'auto',
    trustedPeers: ['127.0.0.1'],
    registrations: 'register',
    notFoundIsFinal: false,
  },
  core: { port: 0 },
  sipd: { port: 0, drachtioPort: 0 },
  direct: { port: 0 },
  drachtio: { port: 9022 },
  limits: {},
  retry: {},
  notify: { allowPrivate: true },
  stopWithin: 2000,
  log: { level: 'silent' },
});

const deviceOf = ({ ports }: RunningNode): Phone =>
  createPhone({
    clock: systemClock,
    log: silentLogger,
    server: { host: '127.0.0.1', port: ports.sip ?? 0 },
    user: USER,
    applications: ['mms.ua', 'wml.ua'],
  });

const stageOf = (parts: Omit<Stage, 'initiator' | 'notifyUrl' | 'onNotification'> & { sink: Sink }): Stage => ({
  ...parts,
  initiator: ACCOUNT.name,
  notifyUrl: parts.sink.url,
  onNotification: () => undefined,
});

const papUrl = ({ ports }: RunningNode): string => `http://127.0.0.1:${ports.http}/pap`;

function acts(): Act[] {
  const to = addressText(USER, 'ppg.localhost');
  return [
    {
      title: 'A picture message waits: binary, so the direct leg carries it',
      what: 'MMS notification',
      to,
      leg: 'direct',
      content: {
        type: 'application/vnd.wap.mms-message',
        headers: { 'X-Wap-Application-Id': 'x-wap-application:mms.ua' },
        body: encodeMmsNotification({
          transactionId: 'T0001',
          from: '+358401234567/TYPE=PLMN',
          messageSize: 30_720,
          expiresIn: 172_800,
          contentLocation: 'http://mmsc.localhost/T0001',
        }),
      },
    },
    {
      title: 'A service indication: text, so it goes through drachtio',
      what: 'service indication',
      to,
      leg: 'drachtio',
      content: {
        type: 'text/vnd.wap.si',
        headers: { 'X-Wap-Application-Id': 'x-wap-application:wml.ua' },
        body: Buffer.from(
          '<?xml version="1.0"?><!DOCTYPE si PUBLIC "-//WAPFORUM//DTD SI 1.0//EN" "http://www.wapforum.org/DTD/si.dtd">' +
            '<si><indication href="http://www.example.com/mail/4">You have 4 new e-mails</indication></si>',
        ),
      },
    },
  ];
}

function introduce({ ports }: RunningNode, terminal: Terminal): void {
  const { http, sip, sipd, drachtio, direct } = ports;
  for (const line of [
    'drachtio-ppg demo: all of it in one process, on free ports of 127.0.0.1',
    '',
    `  PI --PAP/HTTP--> gateway :${http} --drachtio-srf :${drachtio}--> sipd :${sipd} --SIP--> core :${sip} --SIP--> phone`,
    `   ^                  |   \\---direct leg :${direct}, for binary------SIP-------^`,
    '   \\--notification----/',
  ]) {
    terminal.line(line);
  }
}

function explain(node: RunningNode, keep: boolean, terminal: Terminal): void {
  const command = `node ${relative(process.cwd(), process.argv[1] ?? '') || 'dist/lib/cli/main.js'}`;
  const target = keep
    ? ` --url ${papUrl(node)} --user ${ACCOUNT.name} --pass ${ACCOUNT.password}`
    : ' --user me --pass secret';
  const servers = keep
    ? []
    : [`  PPG_INITIATORS=me:secret ${command} serve`, `  ${command} phone --user ${USER} --app mms.ua,wml.ua`];
  for (const line of [
    '',
    keep ? 'It stays up until Ctrl-C. In another terminal:' : 'By hand, each in a terminal of its own:',
    ...servers,
    `  echo hello | ${command} push${target} --to ${USER} --app wml.ua --type text/plain --confirmed --wait -`,
    ...(keep ? [`  curl -s http://127.0.0.1:${node.ports.http}/metrics | grep ^ppg_`] : []),
  ]) {
    terminal.line(line);
  }
}
