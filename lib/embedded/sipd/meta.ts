import { randomUUID } from 'node:crypto';
import type { Protocol } from '../../stack/types.ts';

/** What an application asks of the server: the first line of a frame, and the SIP message that follows it. */
export type Command =
  | { readonly kind: 'authenticate'; readonly id: string; readonly secret: string }
  | { readonly kind: 'route'; readonly id: string; readonly verb: string }
  | { readonly kind: 'remove_route'; readonly id: string; readonly verb: string }
  | { readonly kind: 'ping'; readonly id: string }
  | {
      readonly kind: 'sip';
      readonly id: string;
      /** Of the inbound request that is answered, or the INVITE that is cancelled; else empty. */
      readonly transaction: string;
      readonly dialog: string;
      /** Next hop; empty: where the request URI says. */
      readonly route: string;
      readonly message: Buffer;
    }
  | {
      readonly kind: 'proxy';
      readonly id: string;
      /** Of the inbound request that is proxied. */
      readonly transaction: string;
      /** Later requests of the call come this way too: Record-Route. */
      readonly remainInDialog: boolean;
      /** The application wants each response that comes from downstream. */
      readonly fullResponse: boolean;
      readonly followRedirects: boolean;
      readonly simultaneous: boolean;
      /** `2s`, `1500ms` or empty. */
      readonly provisionalTimeout: string;
      readonly finalTimeout: string;
      readonly destinations: readonly string[];
      readonly message: Buffer;
    }
  | { readonly kind: 'unknown'; readonly id: string; readonly type: string };

/** Addresses and time of a SIP message, as both meta lines tell them. */
export interface Endpoint {
  readonly protocol: Protocol;
  /** Empty for a response that the server made itself. */
  readonly host: string;
  readonly port: number;
}

const CR = 0x0d;

/** Reads the meta line of a frame; tokens end at `|`, the line at the first CRLF. */
export function parseCommand(payload: Buffer): Command {
  const lineEnd = payload.indexOf('\r\n');
  const line = payload.toString('utf8', 0, lineEnd < 0 ? payload.length : lineEnd);
  const tokens = line.split('|');
  const [id = '', type = '', first = '', second = '', third = ''] = tokens;
  switch (type) {
    case 'authenticate':
      return { kind: type, id, secret: first };
    case 'route':
    case 'remove_route':
      return first === '' ? { kind: 'unknown', id, type } : { kind: type, id, verb: first.toLowerCase() };
    case 'ping':
      return { kind: type, id };
    case 'proxy':
      return lineEnd < 0 || tokens.length < PROXY_TOKENS
        ? { kind: 'unknown', id, type }
        : proxyCommand(id, tokens, payload.subarray(lineEnd + 2));
    case 'sip':
      if (lineEnd < 0 || payload[lineEnd] !== CR) return { kind: 'unknown', id, type };
      return {
        kind: type,
        id,
        transaction: first,
        dialog: second,
        route: third,
        message: payload.subarray(lineEnd + 2),
      };
    default:
      return { kind: 'unknown', id, type };
  }
}

/** Tokens of a proxy command with one destination. */
const PROXY_TOKENS = 10;

function proxyCommand(id: string, tokens: readonly string[], message: Buffer): Command {
  const [, , transaction = '', remain, full, redirects, forking, provisional = '', final = '', ...more] = tokens;
  return {
    kind: 'proxy',
    id,
    transaction,
    remainInDialog: remain === 'remainInDialog',
    fullResponse: full === 'fullResponse',
    followRedirects: redirects === 'followRedirects',
    simultaneous: forking === 'simultaneous',
    provisionalTimeout: provisional,
    finalTimeout: final,
    destinations: more.filter((one) => one !== ''),
    message,
  };
}

/** Time of day as drachtio-server writes it: UTC, `HH:MM:SS.uuuuuu`. */
export const timeOfDay = (now: number): string => `${new Date(now).toISOString().slice(11, 23)}000`;

/** `ID2|response|ID|OK|...`: answers a command that has no SIP message in its answer. */
export const okMeta = (id: string, ...tokens: string[]): string =>
  [randomUUID(), 'response', id, 'OK', ...tokens].join('|');

/** `NO`: the protocol was broken; the connection is closed after it. */
export const noMeta = (id: string, reason: string): string => `${randomUUID()}|response|${id}|NO|${oneToken(reason)}`;

/** `NOK`: the command was understood and could not be carried out. */
export const nokMeta = (id: string, reason: string): string => `${randomUUID()}|response|${id}|NOK|${oneToken(reason)}`;

/** Answer to a request that was sent: token 10 names the transaction that its responses carry. */
export const requestSentMeta = (id: string, bytes: number, local: Endpoint, now: number, transaction: string): string =>
  `${randomUUID()}|response|${id}|OK|application|${bytes}|${endpoint(local)}|${timeOfDay(now)}|${transaction}|Msg sent:|\r\n`;

/** Answer to a response that was sent: the dialog it belongs to, and an empty token before `Msg sent:`. */
export const responseSentMeta = (
  id: string,
  bytes: number,
  local: Endpoint,
  now: number,
  transaction: string,
  dialog = '',
): string =>
  `${randomUUID()}|response|${id}|OK|application|${bytes}|${endpoint(local)}|${timeOfDay(now)}|${transaction}|${oneToken(dialog)}||Msg sent:|\r\n`;

/** A response that came from downstream of a proxied request: `continue`, since more may follow. */
export const proxiedMeta = (id: string, bytes: number, from: Endpoint, now: number): string =>
  `${randomUUID()}|response|${id}|OK|network|${bytes}|${endpoint(from)}|${timeOfDay(now)}|||continue\r\n`;

/** A call detail record: `detail` is the role of a start, the reason of a stop. */
export const cdrMeta = (verb: string, source: string, now: number, detail: string | undefined): string =>
  `${randomUUID()}|${verb}|${source}|${timeOfDay(now)}${detail === undefined ? '' : `|${detail}`}\r\n`;

/** A request from the network: local address and port at the end, and no dialog. */
export const requestCameMeta = (
  bytes: number,
  from: Endpoint,
  now: number,
  transaction: string,
  localHost: string,
  localPort: number,
): string =>
  `${randomUUID()}|sip|network|${bytes}|${endpoint(from)}|${timeOfDay(now)}|${transaction}||${localHost}|${localPort}|\r\n`;

/** A request from the network within a dialog: no local address. */
export const requestInDialogMeta = (
  bytes: number,
  from: Endpoint,
  now: number,
  transaction: string,
  dialog: string,
): string =>
  `${randomUUID()}|sip|network|${bytes}|${endpoint(from)}|${timeOfDay(now)}|${transaction}|${oneToken(dialog)}|\r\n`;

/** A BYE that the server itself has sent; the application must not answer it. */
export const unsolicitedMeta = (bytes: number, to: Endpoint, now: number, dialog: string): string =>
  `${randomUUID()}|sip|application|${bytes}|${endpoint(to)}|${timeOfDay(now)}|unsolicited|${oneToken(dialog)}|\r\n`;

/** A response from the network, or (with an empty host and port 0) one that the server made. */
export const responseCameMeta = (
  bytes: number,
  from: Endpoint,
  now: number,
  transaction: string,
  dialog = '',
): string =>
  `${randomUUID()}|sip|network|${bytes}|${endpoint(from)}|${timeOfDay(now)}|${transaction}|${oneToken(dialog)}|\r\n`;

/** As drachtio-server has it, WebSocket shows as the TCP that it runs on. */
const SHOWN: Readonly<Partial<Record<Protocol, string>>> = { ws: 'tcp', wss: 'tcp' };

const endpoint = (at: Endpoint): string => `${SHOWN[at.protocol] ?? at.protocol}|${at.host}|${at.port}`;

/** A reason must not add tokens or lines to the meta line. */
const oneToken = (text: string): string => (/[|\r\n]/.test(text) ? text.replace(/[|\r\n]+/g, ' ') : text);
