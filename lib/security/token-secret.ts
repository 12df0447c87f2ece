import { createHmac, createSecretKey, type KeyObject, randomBytes, timingSafeEqual } from 'node:crypto';
import type { RecipientRef } from '../model/push.ts';

/** What tokens are signed with. */
export type TokenSecret = KeyObject;

/** Fewest octets of a configured secret: as many as the signature's strength can use. */
export const MIN_SECRET = 32;

/** Whom a token is about. */
export interface TokenRef extends RecipientRef {
  /** As in AttemptRecord.device. */
  readonly device?: string;
}

/** 128 bits of HMAC-SHA-256: nobody guesses one of 2^128 (RFC 2104 section 5 allows half of the hash). */
const MAC_OCTETS = 16;
const MAC_CHARACTERS = 22;
/** Longest token that is looked at, characters; ours stay below 200 with any sane device id. */
const MAX_TOKEN = 1024;

const PUSH = /^[\w-]{1,64}$/;
const NUMBER = /^[0-9a-z]{1,9}$/;
const BASE64URL = /^[\w-]*$/;

/** The secret that is configured, else one that lives as long as the process: its tokens mean nothing to the next. */
export const tokenSecret = (configured: string | undefined): TokenSecret =>
  createSecretKey(configured === undefined ? randomBytes(MIN_SECRET) : Buffer.from(configured));

/**
 * A name for a recipient of a push that nobody can guess, make up or use for another purpose, and that needs no memory.
 * Consists of letters, digits, `-`, `_` and `.`, so that it can stand in URLs and in headers. `expires` is milliseconds
 * since the epoch, kept to the second.
 */
export function signedToken(secret: TokenSecret, purpose: string, ref: TokenRef, expires: number): string {
  const seconds = Math.ceil(Math.min(expires, Number.MAX_SAFE_INTEGER) / 1000);
  const device = ref.device === undefined ? '' : `.${Buffer.from(ref.device).toString('base64url')}`;
  const text = `${ref.push}.${ref.index.toString(36)}.${seconds.toString(36)}${device}`;
  return `${text}.${macOf(secret, purpose, text).toString('base64url')}`;
}

/** Whom a token is about; undefined when it was not made with this secret for this purpose, or its time is over. */
export function readToken(secret: TokenSecret, purpose: string, token: string, now: number): TokenRef | undefined {
  if (token.length > MAX_TOKEN) return undefined;
  const end = token.length - MAC_CHARACTERS - 1;
  if (end <= 0 || token[end] !== '.') return undefined;
  const signature = token.slice(end + 1);
  if (!BASE64URL.test(signature)) return undefined;
  const given = Buffer.from(signature, 'base64url');
  const text = token.slice(0, end);
  if (given.length !== MAC_OCTETS || !timingSafeEqual(given, macOf(secret, purpose, text))) return undefined;
  const [push = '', index = '', seconds = '', device, ...more] = text.split('.');
  if (!PUSH.test(push) || !NUMBER.test(index) || !NUMBER.test(seconds) || more.length > 0) return undefined;
  if (Number.parseInt(seconds, 36) * 1000 < now) return undefined;
  const ref = { push, index: Number.parseInt(index, 36) };
  return device === undefined ? ref : { ...ref, device: Buffer.from(device, 'base64url').toString() };
}

const macOf = (secret: TokenSecret, purpose: string, text: string): Buffer =>
  createHmac('sha256', secret).update(`${purpose}\0${text}`).digest().subarray(0, MAC_OCTETS);
