import { readFile, stat } from 'node:fs/promises';
import { type Clock, systemClock, wait } from '../base/clock.ts';
import { messageOf, PpgError } from '../base/errors.ts';
import { randomToken } from '../base/ids.ts';
import { parseDatetime } from '../codec/pap/datetime.ts';
import type { StatusQueryResult } from '../codec/pap/messages.ts';
import type { Priority } from '../model/push.ts';
import { describeCode, PAP } from '../model/result-codes.ts';
import { EXIT, type ExitCode } from './exit.ts';
import { PapClient } from './pap-client.ts';
import { papTarget, type TargetOptions } from './pap-target.ts';
import { addressText } from './recipient.ts';
import { isFinal, printable, resultLine } from './result-line.ts';
import type { Terminal } from './terminal.ts';

export interface PushOptions extends TargetOptions {
  /** One or more recipients. */
  readonly to: readonly string[];
  /** Application on the device, as `mms.ua`. */
  readonly app?: string | undefined;
  readonly type: string;
  readonly confirmed?: boolean | undefined;
  readonly priority?: Priority | undefined;
  /** `2026-09-21T14:00:00Z`. */
  readonly deliverBefore?: string | undefined;
  readonly pushId?: string | undefined;
  readonly notifyUrl?: string | undefined;
  /** push-id of the push to take the place of. */
  readonly replace?: string | undefined;
  readonly pendingOnly?: boolean | undefined;
  /** Stay until every recipient has come to an end. */
  readonly wait?: boolean | undefined;
  readonly json?: boolean | undefined;
}

const MAX_CONTENT = 64 * 1024 * 1024;
/** Milliseconds between questions for the state, doubling from the first to the second. */
const FIRST_POLL = 100;
const LONGEST_POLL = 2000;
/** Milliseconds between two turns of the live line. */
const LIVE = 500;

/**
 * Submits a file (`-` for standard input) as a push. Exit code 0: accepted, or with `wait` delivered to every recipient.
 */
export async function push(
  file: string,
  options: PushOptions,
  terminal: Terminal,
  clock: Clock = systemClock,
): Promise<ExitCode> {
  const target = papTarget(options);
  if (options.pendingOnly === true && options.replace === undefined) {
    throw new PpgError('PPG_E_OPTIONS', '--pending-only goes with --replace PUSH-ID');
  }
  const host = new URL(target.url).hostname;
  const addresses = options.to.map((recipient) => addressText(recipient, host));
  const deliverBefore = timeOf(options.deliverBefore);
  const pushId = options.pushId ?? `${randomToken()}@cli.drachtio-ppg`;
  const body = await contentOf(file, terminal);
  const client = new PapClient(target);
  try {
    const answer = await client.submit(
      {
        pushId,
        addresses,
        ...(options.replace !== undefined && { replacePushId: options.replace }),
        replaceMethod: options.pendingOnly === true ? 'pending-only' : 'all',
        progressNotes: false,
        ...(deliverBefore !== undefined && { deliverBefore }),
        ...(options.notifyUrl !== undefined && { notifyUrl: options.notifyUrl }),
        qos: {
          priority: options.priority ?? 'medium',
          deliveryMethod: options.confirmed === true ? 'confirmed' : 'unconfirmed',
          networkRequired: false,
          bearerRequired: false,
        },
      },
      { type: options.type, headers: applicationHeader(options.app), body },
    );
    const accepted = answer.code === PAP.ACCEPTED;
    if (!accepted || options.wait !== true) {
      const said = { pushId, code: answer.code, desc: answer.desc || describeCode(answer.code) };
      terminal.line(options.json === true ? JSON.stringify(said) : `${said.code} ${said.desc}  push-id ${pushId}`);
      return accepted ? EXIT.OK : EXIT.FAILED;
    }
    if (options.json !== true) terminal.note(`1001 accepted  push-id ${pushId}`);
    return await outcome(client, pushId, options.json === true, terminal, clock);
  } finally {
    await client.close();
  }
}

/** Asks until every recipient has come to an end, and tells it. */
async function outcome(
  client: PapClient,
  pushId: string,
  json: boolean,
  terminal: Terminal,
  clock: Clock,
): Promise<ExitCode> {
  const begun = clock.now();
  let pause = FIRST_POLL;
  let shown = '';
  for (;;) {
    const { results, code, desc } = await client.status(pushId);
    if (results.length === 0) throw new PpgError('PPG_E_PUSH_NOT_FOUND', `the gateway answered ${code} ${desc}`);
    const seconds = (clock.now() - begun) / 1000;
    if (results.every(isFinal)) {
      for (const result of results) {
        terminal.line(
          json
            ? JSON.stringify({ pushId, seconds, ...result })
            : `${resultLine(result)}  after ${seconds.toFixed(1)} s`,
        );
      }
      return results.every(({ state }) => state === 'delivered') ? EXIT.OK : EXIT.FAILED;
    }
    shown = tellWaiting(results, seconds, shown, json, terminal);
    await pauseFor(pause, clock, begun, shown, json ? undefined : terminal.live);
    pause = Math.min(LONGEST_POLL, pause * 2);
  }
}

/** Says what is waited for, once for each change. */
function tellWaiting(
  results: readonly StatusQueryResult[],
  seconds: number,
  shown: string,
  json: boolean,
  terminal: Terminal,
): string {
  const waiting = results.filter((result) => !isFinal(result));
  const text = printable(waiting.map(({ code, desc }) => `${code} ${desc ?? describeCode(code)}`).join(', '));
  if (text !== shown && !json) terminal.note(`waiting: ${text} (${seconds.toFixed(1)} s)`);
  return text;
}

/** Somebody who looks on sees that time goes by. */
async function pauseFor(
  pause: number,
  clock: Clock,
  begun: number,
  shown: string,
  live: Terminal['live'],
): Promise<void> {
  for (let left = pause; left > 0; left -= LIVE) {
    live?.(`${Math.floor((clock.now() - begun) / 1000)} s  ${shown}`);
    await wait(clock, live === undefined ? left : Math.min(left, LIVE));
    if (live === undefined) return;
  }
}

const applicationHeader = (app: string | undefined): Record<string, string> => {
  if (app === undefined) return {};
  const full = /[:/]/.test(app) || /^[0-9A-Fa-f]{1,8}$/.test(app) ? app : `x-wap-application:${app}`;
  return { 'X-Wap-Application-Id': full };
};

function timeOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const time = parseDatetime(text) ?? Date.parse(text);
  if (Number.isNaN(time)) {
    throw new PpgError('PPG_E_OPTIONS', `--deliver-before "${text}" is no time; write it as 2026-09-21T14:00:00Z`);
  }
  return time;
}

async function contentOf(file: string, terminal: Terminal): Promise<Buffer> {
  if (file === '-') return terminal.input(MAX_CONTENT);
  try {
    const { size } = await stat(file);
    if (size > MAX_CONTENT) throw new Error(`it has ${size} octets, more than ${MAX_CONTENT}`);
    return await readFile(file);
  } catch (error) {
    throw new PpgError(
      'PPG_E_OPTIONS',
      `cannot read ${file}: ${messageOf(error)}; give a file, or - for standard input`,
    );
  }
}
