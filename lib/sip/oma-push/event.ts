import { type Param, paramOf, parseParams } from '../../codec/sip/params.ts';
import { isToken, quote, syntaxError } from '../../codec/sip/syntax.ts';
import { parseApplicationId } from '../../model/application-id.ts';
import type { Told } from '../capabilities/answer.ts';

/** The event package by which devices ask for pushes (draft-mdolly). */
export const OMA_PUSH = 'oma-push';

/** The same under the other name that the draft's text has for it. */
const NAMES: ReadonlySet<string> = new Set([OMA_PUSH, 'push']);

/** Whether a package, lower case, is that one. */
export const isPushPackage = (name: string): boolean => NAMES.has(name);

/** What an Event header asks for. */
export interface PushEvent {
  /** The package as the subscriber calls it. */
  readonly name: string;
  /** Applications (`event-app-id`): canonical tag to the identifier as it was written. Not empty. */
  readonly applications: ReadonlyMap<string, string>;
  /** Of RFC 6665 section 4.4.1. */
  readonly id?: string;
  /** What `dev-cap` tells: the URL of a profile (UAProf, WAP-248), or model, vendor and version. */
  readonly told: Told;
}

const MAX_EVENT = 8192;
const MAX_APPLICATIONS = 64;
const MAX_PROFILE = 512;
const MAX_USER_AGENT = 128;

/** What stands between quotation marks without a backslash. */
const PLAIN = /^[!#-[\]-~]+$/;
const PROFILE_URL = /^https?:\/\/[!#-;=?-[\]_a-z~]+$/i;

/**
 * Reads `oma-push;event-app-id="urn,urn";dev-cap="…"`. Throws PPG_E_SIP_SYNTAX, status 400, for what is no such header:
 * of another package, without `event-app-id`, too long, or with what is no application.
 */
export function readPushEvent(value: string | undefined): PushEvent {
  if (value === undefined || value.length > MAX_EVENT) throw syntaxError('no Event header, or one that is too long');
  const semicolon = value.indexOf(';');
  const name = (semicolon < 0 ? value : value.slice(0, semicolon)).trim();
  if (!isPushPackage(name.toLowerCase())) throw syntaxError('Event names another package');
  const params = semicolon < 0 ? [] : parseParams(value, semicolon);
  const id = params.find((param) => param.name.toLowerCase() === 'id')?.value;
  // A token (RFC 6665 section 7.2.1): it goes back into a header.
  if (id !== undefined && !isToken(id)) throw syntaxError('the id of Event is no token');
  return {
    name,
    applications: readIds(paramOf(params, 'event-app-id')),
    ...(id !== undefined && { id }),
    told: readDeviceCapabilities(params),
  };
}

function readIds(list: string | undefined): ReadonlyMap<string, string> {
  const ids = new Map<string, string>();
  for (const item of (list ?? '').split(',', MAX_APPLICATIONS + 1)) {
    const written = item.trim();
    if (written === '') continue;
    if (!PLAIN.test(written)) throw syntaxError('event-app-id has what is no application');
    ids.set(tagOf(written), written);
  }
  if (ids.size === 0) throw syntaxError('Event has no event-app-id');
  if (ids.size > MAX_APPLICATIONS) throw syntaxError(`event-app-id has more than ${MAX_APPLICATIONS} applications`);
  return ids;
}

function tagOf(written: string): string {
  try {
    return parseApplicationId(written).tag;
  } catch {
    throw syntaxError('event-app-id has what is no application');
  }
}

function readDeviceCapabilities(params: readonly Param[]): Told {
  const text = paramOf(params, 'dev-cap')?.trim() ?? '';
  if (text === '') return {};
  if (PROFILE_URL.test(text)) return text.length > MAX_PROFILE ? {} : { profile: text };
  const userAgent = text
    .slice(0, MAX_USER_AGENT)
    .replace(/[^\x20-\x7e]/g, ' ')
    .trim();
  return userAgent === '' ? {} : { userAgent };
}

/** An Event header for these applications, as they were written. */
export function writePushEvent(event: Pick<PushEvent, 'name' | 'id'>, applications: Iterable<string>): string {
  const id = event.id === undefined ? '' : `;id=${event.id}`;
  return `${event.name};event-app-id=${quote([...applications].join(','))}${id}`;
}
