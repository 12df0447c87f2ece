import { readFileSync } from 'node:fs';
import { systemClock } from '../base/clock.ts';
import { silentLogger } from '../base/log.ts';
import { parseHostPort } from '../codec/sip/host.ts';
import type { ImdnSent, PhoneImdn } from '../embedded/phone/imdn.ts';
import { createPhone } from '../embedded/phone/phone.ts';
import type { ReceivedPush } from '../embedded/phone/push-log.ts';
import type { Protocol } from '../stack/types.ts';
import { EXIT, type ExitCode } from './exit.ts';
import { untilSignal } from './signals.ts';
import type { Terminal } from './terminal.ts';

export interface PhoneCommandOptions {
  /** `host:port` of the registrar. */
  readonly server: string;
  readonly user: string;
  /** Applications, commas between them. */
  readonly app?: string | undefined;
  readonly json?: boolean | undefined;
  /** Answer script: `200`, `486:30`, `silent`, `503:1,200`. */
  readonly answer: string;
  readonly transport: Protocol;
  /** Where it listens. */
  readonly host?: string | undefined;
  /** Files of TLS. */
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly instance?: string | undefined;
  /** Take calls, and pushes by MSRP in them. */
  readonly msrp?: boolean | undefined;
  /** Subscribes to pushes as well. */
  readonly subscribe?: boolean | undefined;
  /** Take pushes out of a message/cpim, and tell this of them to those who ask. */
  readonly imdn?: PhoneImdn | undefined;
  /** For a registrar that asks for digest authentication. */
  readonly pass?: string | undefined;
}

/** A device on the command line: registers, answers as it is told, and prints what arrives until it is ended. */
export async function phone(options: PhoneCommandOptions, terminal: Terminal): Promise<ExitCode> {
  const json = options.json === true;
  const device = createPhone({
    clock: systemClock,
    log: silentLogger,
    server: serverOf(options.server, options.transport),
    user: options.user,
    applications: (options.app ?? '').split(',').flatMap((name) => name.trim() || []),
    answers: options.answer,
    transport: options.transport,
    ...(options.host !== undefined && { listen: { host: options.host, port: 0 } }),
    ...(options.ca !== undefined && { ca: readFileSync(options.ca, 'utf8') }),
    tls: { ca: options.ca, cert: options.cert, key: options.key },
    ...(options.msrp === true && { msrp: {} }),
    ...(options.imdn !== undefined && { imdn: options.imdn }),
    ...(options.instance !== undefined && { instance: options.instance }),
    ...(options.subscribe === true && { subscribe: {} }),
    ...(options.pass !== undefined && { password: options.pass }),
  });
  device.on('imdn', (sent) => terminal.line(json ? JSON.stringify({ imdn: sent }) : imdnText(sent)));
  device.on('push', (push) => terminal.line(json ? JSON.stringify(jsonOf(push)) : textOf(push)));
  const stop = untilSignal();
  try {
    await device.start();
  } catch (error) {
    await device.stop();
    throw error;
  }
  terminal.note(`registered ${device.aor} at ${options.server} as ${device.contact}; waiting for pushes, Ctrl-C ends`);
  if (device.subscribed) terminal.note(`subscribed to pushes for ${options.app}`);
  await stop;
  await device.stop();
  return EXIT.OK;
}

/** RFC 3261 section 19.1.2 */
const DEFAULT_PORT = 5060;
const DEFAULT_TLS_PORT = 5061;

function serverOf(text: string, transport: Protocol): { host: string; port: number } {
  const { host, port = transport === 'tls' ? DEFAULT_TLS_PORT : DEFAULT_PORT } = parseHostPort(text);
  return { host, port };
}

/** Everything of a push but its octets, for programs. */
const jsonOf = ({ method, headers, body: _body, ...rest }: ReceivedPush): object => ({
  method,
  ...rest,
  headers: headers.fields,
});

const imdnText = ({ status, answer }: ImdnSent): string =>
  `              told its sender "${status}", ${typeof answer === 'number' ? `who answered ${answer}` : `without an answer (${answer})`}`;

const SHOWN = 60;

function textOf(push: ReceivedPush): string {
  const { at, contentType, applicationId, size, sha256, answered, duplicate, body, profile, fetched } = push;
  const time = new Date(at).toISOString().slice(11, 23);
  const again = duplicate ? ' (came before)' : '';
  const said = answered === 'silent' ? 'kept silent' : `answered ${answered}`;
  const head = `${time}  ${contentType || 'no content type'}, ${size} octets${again}, ${said}`;
  return [
    head,
    `              for ${applicationId ?? 'wml.ua (none named)'}`,
    ...(profile === 'headers' ? [] : [`              as ${profile}${fetchedText(fetched)}`]),
    `              sha256 ${sha256}`,
    `              ${preview(body)}`,
  ].join('\n');
}

/** Whether what was fetched is what was announced. */
function fetchedText(fetched: ReceivedPush['fetched']): string {
  if (fetched === undefined) return '';
  if (fetched.status !== 200) return `, not fetched: ${fetched.cause ?? `HTTP ${fetched.status}`}`;
  if (!fetched.sizeMatches) return ', fetched, but not of the size announced';
  return fetched.hashMatches ? ', fetched, size and hash as announced' : ', fetched, but its hash is another one';
}

/** The first octets: as text when they are, else as hex. Nothing that steers a terminal. */
function preview(body: Buffer): string {
  const start = body.subarray(0, SHOWN);
  const text = start.toString('utf8');
  if (!start.includes(0) && !text.includes('\ufffd')) return text.replace(/[\p{Cc}\p{Cf}]+/gu, ' ');
  return start.toString('hex').replace(/(..)/g, '$1 ').trimEnd();
}
