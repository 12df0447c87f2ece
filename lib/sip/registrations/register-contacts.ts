import { splitList } from '../../codec/sip/list.ts';
import { type NameAddr, parseNameAddr } from '../../codec/sip/name-addr.ts';
import { type Param, paramOf, parseParams } from '../../codec/sip/params.ts';
import { isToken, unquote } from '../../codec/sip/syntax.ts';
import { parseSipOnly } from '../../codec/sip/uri.ts';
import type { Device } from '../../model/device.ts';
import { PUSH_APPLICATION_TAG, readApplications } from '../feature-tags.ts';
import { type Departed, MAX_DEVICES } from './update.ts';

/** What a reader of REGISTERs has to know. */
export interface RegisterContext {
  /** Domain of users that are named by a telephone number only. */
  readonly domain: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** One contact of a REGISTER or of its 200. */
export interface RegisterContact {
  readonly uri: string;
  /** `+sip.instance` without quotes and angle brackets. */
  readonly instance?: string;
  /** `reg-id` of one of several flows of an instance (RFC 5626 section 4.2). */
  readonly flow?: string;
  /** Seconds, when the contact says. */
  readonly expires?: number;
  readonly value: NameAddr;
}

/** The contacts of a message; `star` for `Contact: *` (RFC 3261 section 10.2.2). */
export interface RegisterContacts {
  readonly contacts: readonly RegisterContact[];
  readonly star: boolean;
}

export const NO_CONTACTS: RegisterContacts = { contacts: [], star: false };

/** What a registrar gives when nobody names a lifetime (RFC 3261 section 10.3 recommends an hour). */
export const DEFAULT_EXPIRES = 3600;

/** Longest registration that is believed, seconds: IMS phones ask for 600,000. */
const LONGEST_EXPIRES = 30 * 24 * 3600;

/** Longest Contact header that is read, and longest value of one feature tag that is kept. */
const MAX_HEADER = 32 * 1024;
const MAX_FEATURE_VALUE = 1024;
const MAX_FEATURES = 64;

/** Feature tags of RFC 3840 section 9 whose names have no leading `+`, and those that registered with IANA since. */
const BASE_TAGS = new Set(
  (
    'actor application attendant audio automata class control data description duplex events extensions isfocus ' +
    'language message methods mobility priority schemes text type video voicemail'
  ).split(' '),
);

/** Reads Contact header values. What cannot be read, or is no SIP URI, is left out: the other contacts count all the same. */
export function readContacts(values: readonly (string | undefined)[]): RegisterContacts {
  const contacts: RegisterContact[] = [];
  let star = false;
  for (const value of values) {
    for (const element of elementsOf(value)) {
      if (element === '*') star = true;
      else if (contacts.length < MAX_DEVICES) {
        const contact = readContact(element);
        if (contact !== undefined) contacts.push(contact);
      }
    }
  }
  return { contacts, star };
}

function elementsOf(value: string | undefined): string[] {
  if (value === undefined || value.length > MAX_HEADER) return [];
  try {
    return splitList(withoutEnd(value));
  } catch {
    return []; // a list that does not hold together names no contact
  }
}

/** Without commas that nothing follows. */
function withoutEnd(value: string): string {
  let end = value.length;
  while (end > 0 && (value[end - 1] === ',' || value[end - 1] === ' ')) end--;
  return value.slice(0, end);
}

function readContact(element: string): RegisterContact | undefined {
  try {
    return contactOf(parseNameAddr(element));
  } catch {
    return salvaged(element);
  }
}

/** Longest contact that is worth a second look. */
const MAX_SALVAGED = 4096;

const NAME_AND_URI = /^(?:"[^"\\]*"\s*|[^<>"]*)<[^<>]*>/;
/** From one semicolon to the next; those in quotes and angle brackets are others. */
const PARAMETERS = /;(?:[^;"<]|"(?:[^"\\]|\\.)*"|<[^>]*>)*/g;
const UNQUOTED = /^;\s*([^\s=]+)\s*=\s*(<[^<>"\\]*>)\s*$/;

/**
 * A contact that a registrar has taken is one, though it cannot be read to the letter (`;` at the end, `foo=`, a string
 * without its quotes): the parameters that can be read count. Undefined when there is no SIP URI, or no end to a parameter.
 */
function salvaged(element: string): RegisterContact | undefined {
  const [head] = (element.length <= MAX_SALVAGED && NAME_AND_URI.exec(element)) || [];
  if (head === undefined) return undefined;
  const rest = element.slice(head.length).trim();
  const pieces = rest.match(PARAMETERS) ?? [];
  if (pieces.join('').length !== rest.length) return undefined;
  try {
    return contactOf({ ...parseNameAddr(head), params: pieces.flatMap(readPiece) });
  } catch {
    return undefined; // no SIP contact, so no way to it
  }
}

function readPiece(piece: string): readonly Param[] {
  try {
    return parseParams(piece);
  } catch {
    const [, name = '', value] = UNQUOTED.exec(piece) ?? [];
    return isToken(name) ? [{ name, value: `"${value}"` }] : [];
  }
}

/** What no URI has (RFC 3261 section 25.1), and what would end one in a header. */
const NOT_IN_URI = /[\s<>"\\^`{|}\p{Cc}]/u;

/** A contact, whichever form it came in; undefined when it is no SIP contact. */
export function contactOf(value: NameAddr): RegisterContact | undefined {
  if (!isSipUri(value.uri)) return undefined;
  const expires = readSeconds(paramOf(value.params, 'expires'));
  const instance = instanceOf(paramOf(value.params, '+sip.instance'));
  const flow = paramOf(value.params, 'reg-id');
  return {
    uri: value.uri,
    ...(instance !== undefined && { instance }),
    // Without an instance it is nobody's flow (RFC 5626 section 6).
    ...(instance !== undefined && flow !== undefined && /^[1-9]\d{0,9}$/.test(flow) && { flow }),
    ...(expires !== undefined && { expires }),
    value,
  };
}

/** Whether a text can be sent to, and stand in a header. */
export function isSipUri(text: string): boolean {
  if (NOT_IN_URI.test(text)) return false;
  try {
    parseSipOnly(text);
    return true;
  } catch {
    return false; // the one question that was asked
  }
}

/** Seconds of an Expires header or parameter, bounded; undefined when there is none or it is no number. */
export function readSeconds(value: string | undefined): number | undefined {
  return value !== undefined && /^\s*\d{1,10}\s*$/.test(value) ? Math.min(Number(value), LONGEST_EXPIRES) : undefined;
}

/** A quoted pair may bring what no other way into a header lets through. */
const NOT_IN_URN = /[<>"\s\p{Cc}]/u;

/** RFC 5626 section 4.1 has a URN in angle brackets; without them it is taken all the same, with more of them it is none. */
function instanceOf(value: string | undefined): string | undefined {
  const bare = value?.replace(/^<(.*)>$/, '$1');
  return bare === undefined || bare === '' || NOT_IN_URN.test(bare) ? undefined : bare;
}

/** True when both name one binding: the same flow of an instance, else the same instance, or the same URI. */
export function isSameContact(a: RegisterContact, b: RegisterContact): boolean {
  if (a.instance === undefined || b.instance === undefined) return a.uri === b.uri;
  return a.instance === b.instance && (a.flow === undefined || b.flow === undefined || a.flow === b.flow);
}

/** What goes away with a contact: one flow of its device, else the device, by instance and by URI. */
export function departed({ uri, instance, flow }: RegisterContact): Departed {
  return { contact: uri, ...(instance !== undefined && { instance }), ...(flow !== undefined && { flow }) };
}

/** The device behind a contact; the registrar's own reading of the contact, where known, has its GRUU (RFC 5627). */
export function deviceOf(contact: RegisterContact, expiresAt: number, granted?: RegisterContact): Device {
  const gruu = gruuOf(granted ?? contact) ?? gruuOf(contact);
  const tag = paramOf(contact.value.params, PUSH_APPLICATION_TAG);
  const applications = tag === undefined ? undefined : readApplications(tag);
  return {
    id: contact.instance ?? contact.uri,
    contact: contact.uri,
    ...(contact.instance !== undefined && { instance: contact.instance }),
    ...(gruu !== undefined && { gruu }),
    ...(applications !== undefined && { applications }),
    features: featuresOf(contact.value),
    ...(contact.flow !== undefined && { flows: [{ id: contact.flow, contact: contact.uri, expiresAt }] }),
    expiresAt,
  };
}

function gruuOf(contact: RegisterContact): string | undefined {
  const gruu = paramOf(contact.value.params, 'pub-gruu');
  // What is no SIP URI cannot be sent to; the instance still can.
  return gruu !== undefined && isSipUri(gruu) ? gruu : undefined;
}

const CONTROL = /\p{Cc}/u;

function featuresOf({ params }: NameAddr): Record<string, string> {
  const features: Record<string, string> = {};
  let count = 0;
  for (const { name, value = '' } of params) {
    const lower = name.toLowerCase();
    const isFeature = lower.startsWith('+') || BASE_TAGS.has(lower);
    if (!isFeature || lower === '+sip.instance' || lower === PUSH_APPLICATION_TAG) continue;
    if (value.length > MAX_FEATURE_VALUE || CONTROL.test(name) || CONTROL.test(value) || ++count > MAX_FEATURES)
      continue;
    features[lower] = unquote(value);
  }
  return features;
}
