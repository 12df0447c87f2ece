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
  | { readonly kind: 'proxy'; readonly id: string }
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
  const [id = '', type = '', first = '', second = '', third = ''] = line.split('|');
  switch (type) {
    case 'authenticate':
      return { kind: type, id, secret: first };
    case 'route':
    case 'remove_route':
      return first === '' ? { kind: 'unknown', id, type } : { kind: type, id, verb: first.toLowerCase() };
    case 'ping':
    case 'proxy':
      return { kind: type, id };
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

/** Answer to a response that was sent: an empty dialog id and the empty token before `Msg sent:`. */
export const responseSentMeta = (
  id: string,
  bytes: number,
  local: Endpoint,
  now: number,
  transaction: string,
): string =>
  `${randomUUID()}|response|${id}|OK|application|${bytes}|${endpoint(local)}|${timeOfDay(now)}|${transaction}|||Msg sent:|\r\n`;

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

/** A response from the network, or (with an empty host and port 0) one that the server made. */
export const responseCameMeta = (bytes: number, from: Endpoint, now: number, transaction: string): string =>
  `${randomUUID()}|sip|network|${bytes}|${endpoint(from)}|${timeOfDay(now)}|${transaction}||\r\n`;

const endpoint = (at: Endpoint): string => `${at.protocol}|${at.host}|${at.port}`;

/** A reason must not add tokens or lines to the meta line. */
const oneToken = (text: string): string => text.replace(/[|\r\n]+/g, ' ');
