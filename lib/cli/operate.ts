import { request } from 'undici';
import { messageOf, PpgError } from '../base/errors.ts';
import { EXIT, type ExitCode } from './exit.ts';
import type { Terminal } from './terminal.ts';

export interface OperateOptions {
  readonly url: string;
  readonly token?: string | undefined;
  readonly json?: boolean | undefined;
}

export interface NotificationsOptions extends OperateOptions {
  readonly initiator?: string | undefined;
  readonly pushId?: string | undefined;
  readonly replay?: boolean | undefined;
}

interface DeadNotification {
  readonly initiator: string;
  readonly pushId: string;
  readonly address: string;
  readonly state: string;
  readonly code: number;
  readonly eventTime: string;
  readonly notifyUrl: string;
  readonly tries: number;
}

/** Lists result notifications that were given up, or sends them again. */
export async function notifications(options: NotificationsOptions, terminal: Terminal): Promise<ExitCode> {
  const { initiator, pushId } = options;
  const which = { ...(initiator !== undefined && { initiator }), ...(pushId !== undefined && { pushId }) };
  if (options.replay === true) {
    const { replayed } = (await call(options, 'POST', '/notifications/replay', which)) as { replayed: number };
    terminal.line(options.json === true ? JSON.stringify({ replayed }) : `${replayed} sent again`);
    return EXIT.OK;
  }
  const path = `/notifications?${new URLSearchParams(which)}`;
  const { notifications: dead } = (await call(options, 'GET', path)) as { notifications: DeadNotification[] };
  if (options.json === true) terminal.line(JSON.stringify(dead));
  else for (const one of dead) terminal.line(lineOf(one));
  if (dead.length === 0) terminal.note('no notification was given up');
  return EXIT.OK;
}

const lineOf = ({ initiator, pushId, address, state, code, eventTime, notifyUrl, tries }: DeadNotification): string =>
  `${eventTime} ${initiator} ${pushId} ${address}: ${state}, ${code}; ${notifyUrl} not taken in ${tries} tries`;

/** Removes a subscriber. Exit code 1 when something of the subscriber has to stay for now. */
export async function erase(user: string, options: OperateOptions, terminal: Terminal): Promise<ExitCode> {
  const done = await call(options, 'POST', '/erase', { user });
  const { ended, erased, remaining } = done as { ended: number; erased: number; remaining: number };
  if (options.json === true) terminal.line(JSON.stringify(done));
  else {
    terminal.line(`${ended} waiting ended, ${erased} erased, ${remaining} remaining`);
    if (remaining > 0) terminal.note('what is in flight or owes a notification stays; erase again when it is over');
  }
  return remaining > 0 ? EXIT.FAILED : EXIT.OK;
}

const ANSWER_WITHIN = 30_000;

async function call(
  { url, token }: OperateOptions,
  method: 'GET' | 'POST',
  path: string,
  body?: object,
): Promise<unknown> {
  if (token === undefined) {
    throw new PpgError(
      'PPG_E_CONFIG',
      'the admin token is needed: --token or PPG_ADMIN_TOKEN, the same as of the gateway',
    );
  }
  const headers = { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) };
  const within = { headersTimeout: ANSWER_WITHIN, bodyTimeout: ANSWER_WITHIN };
  try {
    const answer = await request(url + path, {
      method,
      headers,
      ...within,
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await answer.body.text();
    if (answer.statusCode === 200) return JSON.parse(text);
    const code = answer.statusCode === 401 ? 'PPG_E_UNAUTHENTICATED' : 'PPG_E_STATE';
    throw new PpgError(code, `the gateway answers ${answer.statusCode}: ${text.slice(0, 300).trim()}`);
  } catch (error) {
    if (error instanceof PpgError) throw error;
    throw new Error(`${url} cannot be reached: ${messageOf(error)}`, { cause: error });
  }
}
