import { createRequire } from 'node:module';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { PhoneImdn } from '../embedded/phone/imdn.ts';
import { EXIT, type ExitCode, reportFailure } from './exit.ts';
import { DEFAULT_PAP_URL } from './pap-target.ts';

/** Where serve has it by default. */
const DEFAULT_ADMIN_URL = 'http://127.0.0.1:8080/admin';

import { PpgError } from '../base/errors.ts';
import type { Terminal } from './terminal.ts';
import { ADMIN_TOKEN_VARIABLE, misspeltVariables, PASSWORD_VARIABLE } from './variables.ts';

/**
 * Runs the command line. Never rejects: failures are said on standard error and become the exit code.
 * Every command is loaded when it is used, so that `push` does not wait for a SIP stack.
 */
export async function runProgram(argv: readonly string[], terminal: Terminal): Promise<ExitCode> {
  let code: ExitCode = EXIT.OK;
  const program = new Command('drachtio-ppg')
    .description('OMA Push Proxy Gateway for SIP/IP cores: PAP in, SIP MESSAGE out')
    .version(version())
    .showHelpAfterError('(add --help for what is possible)')
    .exitOverride();
  const on = (command: Command, run: (...args: never[]) => Promise<ExitCode>): void => {
    const readsVariables = command.options.some(({ envVar }) => envVar !== undefined);
    command.action(async (...args: unknown[]) => {
      if (readsVariables) for (const text of misspeltVariables()) terminal.note(`warning: ${text}`);
      code = await (run as (...all: unknown[]) => Promise<ExitCode>)(...args);
    });
  };
  defineServers(program, on, terminal);
  defineInitiator(program, on, terminal);
  defineDevice(program, on, terminal);
  defineOperator(program, on, terminal);
  defineTools(program, on, terminal);
  try {
    await program.parseAsync([...argv]);
    return code;
  } catch (error) {
    return reportFailure(error, terminal);
  }
}

type On = (command: Command, run: (...args: never[]) => Promise<ExitCode>) => void;

function defineServers(program: Command, on: On, terminal: Terminal): void {
  on(
    program
      .command('serve')
      .description('run a gateway with all it needs; configured by config/ and PPG_ variables (docs/operations.md)')
      .option('--trace', 'log every SIP message, a line each'),
    async (options: { trace?: boolean }) => (await import('./serve.ts')).serve(options, terminal),
  );
  on(
    program
      .command('demo')
      .description('see a push go from a Push Initiator to a phone and its outcome back, in a few seconds')
      .option('--keep', 'stay up afterwards, to try it by hand'),
    async (options: { keep?: boolean }) => (await import('./demo.ts')).demo(options, terminal),
  );
  on(
    withTls(program.command('sipd'))
      .description('run the embedded stand-in for drachtio-server alone')
      .option('--host <address>', 'where to take SIP')
      .option('--port <port>', 'SIP port', portOf)
      .option('--drachtio-port <port>', 'port for applications, on loopback', portOf)
      .option('--secret <secret>', 'what applications must know'),
    async (options: object) => (await import('./sipd.ts')).sipd(options, terminal),
  );
  on(
    withTls(program.command('core'))
      .description('run the embedded SIP/IP core (registrar and proxy) alone')
      .option('--host <address>', 'where to take SIP')
      .option('--port <port>', 'SIP port, where phones register', portOf)
      .option('--domain <domain>', 'home domain')
      .option('--as <uri>', 'SIP URI of the gateway, which is told of registrations')
      .option('--bindings <file>', 'keep registrations in this file'),
    async (options: object) => (await import('./core.ts')).core(options, terminal),
  );
  on(
    program
      .command('hash')
      .description('print the hash of a password for ppg.initiators')
      .argument('[password]', 'default: read from standard input'),
    async (password: string | undefined) => (await import('./hash.ts')).hash(password, terminal),
  );
}

function defineInitiator(program: Command, on: On, terminal: Terminal): void {
  on(
    withTarget(program.command('push'))
      .description('submit a push by PAP; exit code 0 when it was accepted, with --wait when it was delivered')
      .usage('[options] <file>')
      .argument('[file]', 'content to push, - for standard input')
      .requiredOption('--to <address...>', 'sip:user@domain, user@domain, +digits, or WAPPUSH=…; several are possible')
      .requiredOption('--type <mime>', 'content type, parameters included')
      .option('--app <application>', 'application on the device, such as mms.ua')
      .option('--confirmed', 'delivered only when the device has it')
      .addOption(new Option('--priority <priority>', 'order among waiting pushes').choices(['high', 'medium', 'low']))
      .option('--deliver-before <time>', 'give up then, such as 2026-09-21T14:00:00Z')
      .option('--push-id <id>', 'default: a new one')
      .option('--replace <push-id>', 'cancel that push where it still waits, and take its place')
      .option('--pending-only', 'with --replace: go only to those for whom the old one still waited')
      .option('--notify-url <url>', 'where the result notification goes')
      .option('--wait', 'stay until the push has come to its end'),
    async (file: string | undefined, options: never) =>
      (await import('./push.ts')).push(
        lastWord(file, options, 'a file to push, or - for standard input'),
        options,
        terminal,
      ),
  );
  on(
    withTarget(program.command('status')).description('tell how a push stands').argument('<push-id>'),
    async (pushId: string, options: never) => (await import('./status.ts')).status(pushId, options, terminal),
  );
  on(
    withTarget(program.command('cancel'))
      .description('cancel a push that still waits; exit code 0 when it was cancelled for everybody meant')
      .usage('[options] <push-id>')
      .argument('[push-id]')
      .option('--to <address...>', 'only for these recipients, written as push takes them'),
    async (pushId: string | undefined, options: never) =>
      (await import('./cancel.ts')).cancel(lastWord(pushId, options, 'a push-id'), options, terminal),
  );
  on(
    withTarget(program.command('caps'))
      .description("tell what a user's devices can; the gateway asks those that it does not know yet")
      .argument('<user>', 'sip:user@domain, user@domain, +digits, or WAPPUSH=…')
      .option('--app <application>', 'only devices that run this application, such as mms.ua'),
    async (user: string, options: never) => (await import('./caps.ts')).caps(user, options, terminal),
  );
}

/**
 * `--to` takes every word up to the next option, so also the argument of the command where that comes next: it is taken
 * back. Throws PPG_E_OPTIONS when there is none.
 */
function lastWord(given: string | undefined, { to = [] }: { readonly to?: string[] }, what: string): string {
  const word = given ?? (to.length > 1 ? to.pop() : undefined);
  if (word === undefined) throw new PpgError('PPG_E_OPTIONS', `${what} is missing (add --help for what is possible)`);
  return word;
}

function defineOperator(program: Command, on: On, terminal: Terminal): void {
  const operator = (command: Command): Command =>
    command
      .option('--url <url>', 'the /admin of a gateway on this machine', DEFAULT_ADMIN_URL)
      .addOption(new Option('--token <token>', 'the admin token of that gateway').env(ADMIN_TOKEN_VARIABLE))
      .option('--json', 'write JSON for programs');
  on(
    operator(program.command('notifications'))
      .description('list result notifications that were given up')
      .option('--replay', 'send them again')
      .option('--initiator <name>', 'only those of this account')
      .option('--push-id <id>', 'only those of this push'),
    async (options: never) => (await import('./operate.ts')).notifications(options, terminal),
  );
  on(
    operator(program.command('erase'))
      .description('remove a subscriber: end what waits, take the address out of what is over')
      .argument('<user>', 'sip:user@domain, user@domain or +digits'),
    async (user: string, options: never) => (await import('./operate.ts')).erase(user, options, terminal),
  );
}

function defineTools(program: Command, on: On, terminal: Terminal): void {
  const wbxml = program
    .command('wbxml')
    .description('turn documents of SI, SL, CO, EMN and Client Provisioning from text to WBXML and back');
  on(
    wbxml
      .command('encode')
      .description('write the binary form to standard output')
      .argument('<file>', 'document in XML, - for standard input')
      .option('--hex', 'as hexadecimal text')
      .option('--inline', 'without a string table'),
    async (file: string, options: object) => (await import('./wbxml.ts')).encodeFile(file, options, terminal),
  );
  on(
    wbxml
      .command('decode')
      .description('write the text form to standard output')
      .argument('<file>', 'document in WBXML, - for standard input')
      .option('--hex', 'the file has hexadecimal text'),
    async (file: string, options: object) => (await import('./wbxml.ts')).decodeFile(file, options, terminal),
  );
}

/** For the nodes that take SIP; `tlsOf` says what the options mean. */
const withTls = (command: Command): Command =>
  command
    .option('--tls-port <port>', 'SIP over TLS, with --cert and --key', portOf)
    .option('--ws-port <port>', 'SIP over WebSocket, by wss with a certificate', portOf)
    .option('--cert <file>', 'certificate, PEM')
    .option('--key <file>', 'its key, PEM')
    .option('--ca <file>', 'authorities to believe, PEM');

const withTarget = (command: Command): Command =>
  command
    .option('--url <url>', 'PAP endpoint', DEFAULT_PAP_URL)
    .option('--user <name>', 'account of the Push Initiator')
    .addOption(new Option('--pass <password>', 'its password').env(PASSWORD_VARIABLE))
    .option('--json', 'write JSON for programs');

const IMDN: readonly PhoneImdn[] = ['delivered', 'displayed', 'failed', 'forbidden', 'error'];

function defineDevice(program: Command, on: On, terminal: Terminal): void {
  on(
    program
      .command('phone')
      .description('be a device: register, print the pushes that come, de-register on Ctrl-C')
      .requiredOption('--user <user@domain>', 'who registers')
      .option('--server <host:port>', 'registrar', '127.0.0.1:5060')
      .option('--app <app,app>', 'applications on the device (+g.oma.pusheventapp), such as mms.ua')
      .option('--answer <script>', '200, 202, 415, 486:30 (with Retry-After), silent; several with commas', '200')
      .addOption(new Option('--transport <transport>', 'SIP over').choices(['udp', 'tcp', 'tls']).default('udp'))
      .option('--host <address>', 'where it listens; default: on loopback')
      .option('--ca <file>', 'authorities to believe, PEM')
      .option('--cert <file>', 'to listen by TLS; without it pushes come by the connection that it registered over')
      .option('--key <file>', 'the key of --cert')
      .option('--msrp', 'take calls, and pushes by MSRP in them')
      .addOption(
        new Option('--imdn [status]', 'take message/cpim, and tell who asks for it').choices(IMDN).preset('delivered'),
      )
      .option('--pass <password>', 'for a registrar that asks for one')
      .option('--subscribe', 'subscribe to pushes for its applications (oma-push) and get them as NOTIFYs')
      .option('--instance <urn>', '+sip.instance; default: a random urn:uuid')
      .option('--json', 'a line of JSON for each push, with its headers, size and sha256'),
    async (options: never) => (await import('./phone.ts')).phone(options, terminal),
  );
}

function portOf(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65_535) throw new InvalidArgumentError('A port is a number from 0 to 65535.');
  return port;
}

function version(): string {
  // beside the sources, or one level further up in dist
  const require = createRequire(import.meta.url);
  for (const path of ['../../package.json', '../../../package.json']) {
    try {
      return String((require(path) as { version?: unknown }).version);
    } catch {
      // not there: the other place
    }
  }
  return 'unknown';
}
