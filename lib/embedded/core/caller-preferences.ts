import { splitList } from '../../codec/sip/list.ts';
import type { SipHeaders } from '../../codec/sip/message.ts';
import { type Param, parseParams } from '../../codec/sip/params.ts';
import { syntaxError } from '../../codec/sip/syntax.ts';
import { type FeatureSet, featureSet, intersects } from './features.ts';

/** One Accept-Contact element (RFC 3841 section 9.2). */
export interface AcceptPredicate {
  readonly features: FeatureSet;
  readonly require: boolean;
  readonly explicit: boolean;
}

/** What a request says about who should get it. */
export interface CallerPreferences {
  readonly accept: readonly AcceptPredicate[];
  readonly reject: readonly FeatureSet[];
}

/** Request-Disposition as far as a proxy of non-INVITE requests can obey it (RFC 3841 section 9.1). */
export interface Disposition {
  /** False: only the best contact gets the request. */
  readonly fork: boolean;
  /** False: one contact after the other until one takes it. */
  readonly parallel: boolean;
}

/** A contact that may get the request. */
export interface Candidate {
  readonly features: FeatureSet;
  /** Preference of the callee, 0 to 1 (RFC 3261 section 20.10). */
  readonly q: number;
}

/** Elements of Accept-Contact and of Reject-Contact that are read; a request with more has said enough. */
const MAX_PREDICATES = 16;
const MAX_CACHED = 512;
const MAX_CACHED_LENGTH = 512;

const NONE: CallerPreferences = { accept: [], reject: [] };
const FORK_PARALLEL: Disposition = { fork: true, parallel: true };

/**
 * Reads caller preferences. The pushes of one application all carry the same Accept-Contact, so what was read is kept
 * by its text, a bounded number of times.
 */
export class CallerPreferencesReader {
  readonly #accepted = new Map<string, readonly AcceptPredicate[]>();
  readonly #rejected = new Map<string, readonly FeatureSet[]>();

  /** The explicit preferences of a request (RFC 3841 section 7.2.1). Throws PPG_E_SIP_SYNTAX. */
  read(headers: SipHeaders): CallerPreferences {
    const accept = headers.all('Accept-Contact');
    const reject = headers.all('Reject-Contact');
    if (accept.length === 0 && reject.length === 0) return NONE;
    return {
      accept: accept.length === 0 ? [] : remembered(this.#accepted, accept.join(','), acceptPredicates),
      reject: reject.length === 0 ? [] : remembered(this.#rejected, reject.join(','), rejectPredicates),
    };
  }
}

function remembered<T>(cache: Map<string, T>, text: string, read: (text: string) => T): T {
  const known = cache.get(text);
  if (known !== undefined) return known;
  const made = read(text);
  if (text.length > MAX_CACHED_LENGTH) return made;
  if (cache.size >= MAX_CACHED) cache.clear();
  cache.set(text, made);
  return made;
}

/** `*;audio;require, *;video` without the star: the parameters of each element (RFC 3841 section 10). */
function elements(text: string): Param[][] {
  return splitList(text)
    .slice(0, MAX_PREDICATES)
    .map((element) => {
      if (!element.startsWith('*')) throw syntaxError('an Accept-Contact or Reject-Contact element begins with "*"');
      return parseParams(element, 1);
    });
}

const acceptPredicates = (text: string): AcceptPredicate[] =>
  elements(text).map((parameters) => ({
    features: featureSet(parameters),
    require: hasFlag(parameters, 'require'),
    explicit: hasFlag(parameters, 'explicit'),
  }));

const rejectPredicates = (text: string): FeatureSet[] =>
  elements(text)
    .map(featureSet)
    // Without a term a predicate would fit every contact; the grammar has no such element.
    .filter((features) => features.size > 0);

const hasFlag = (parameters: readonly Param[], flag: string): boolean =>
  parameters.some(({ name }) => name.toLowerCase() === flag);

/** Request-Disposition; fork and parallel unless it says otherwise. */
export function disposition(headers: SipHeaders): Disposition {
  const value = headers.get('Request-Disposition');
  if (value === undefined) return FORK_PARALLEL;
  const directives = value
    .toLowerCase()
    .split(',', 16)
    .map((directive) => directive.trim());
  return { fork: !directives.includes('no-fork'), parallel: !directives.includes('sequential') };
}

/**
 * The preference that a request without any explicit one implies (RFC 3841 section 7.2.2): a contact that lists its
 * methods or event packages gets only those.
 */
function implicitPreference(method: string, event: string | undefined): AcceptPredicate {
  const terms: Param[] = [{ name: 'methods', value: method }];
  // The Event header names the package up to its first parameter (RFC 6665 section 8.2.1).
  if (event !== undefined) terms.push({ name: 'events', value: (event.split(';', 1)[0] ?? '').trim() });
  return { features: featureSet(terms), require: true, explicit: false };
}

/**
 * Contacts that may get the request, best first: by q, then by how well they fit (RFC 3841 section 7.2.4). A contact
 * without any feature parameter is immune: it is never dropped, and counts as a full fit.
 */
export function rank<C extends Candidate>(
  contacts: readonly C[],
  preferences: CallerPreferences,
  method: string,
  event?: string,
): C[] {
  const explicit = preferences.accept.length > 0 || preferences.reject.length > 0;
  const accept = explicit ? preferences.accept : [implicitPreference(method, event)];
  const scored: { contact: C; fit: number }[] = [];
  for (const contact of contacts) {
    const fit = contact.features.size === 0 ? 1 : fitOf(contact.features, accept, preferences.reject);
    if (fit !== undefined) scored.push({ contact, fit });
  }
  if (scored.length > 1) scored.sort((one, other) => other.contact.q - one.contact.q || other.fit - one.fit);
  return scored.map(({ contact }) => contact);
}

/** Qa of one contact: the mean of its scores, or undefined when it is out. */
export function fitOf(
  contact: FeatureSet,
  accept: readonly AcceptPredicate[],
  reject: readonly FeatureSet[],
): number | undefined {
  for (const predicate of reject) if (rejects(predicate, contact)) return undefined;
  if (accept.length === 0) return 1;
  let sum = 0;
  for (const predicate of accept) {
    const score = scoreOf(contact, predicate);
    if (score === undefined) return undefined;
    sum += score;
  }
  return sum / accept.length;
}

/** Only a contact that names every feature of the predicate can be rejected by it. */
function rejects(predicate: FeatureSet, contact: FeatureSet): boolean {
  for (const [tag, values] of predicate) {
    const offered = contact.get(tag);
    if (offered === undefined || !intersects(values, offered)) return false;
  }
  return true;
}

/** Score of one contact for one predicate; undefined drops the contact. A feature it does not name is no contradiction. */
function scoreOf(contact: FeatureSet, predicate: AcceptPredicate): number | undefined {
  const terms = predicate.features.size;
  if (terms === 0) return 1;
  let named = 0;
  let contradicted = false;
  for (const [tag, values] of predicate.features) {
    const offered = contact.get(tag);
    if (offered === undefined) continue;
    if (intersects(values, offered)) named++;
    else contradicted = true;
  }
  const matches = !contradicted && (!predicate.explicit || named === terms);
  if (predicate.require && !matches) return undefined;
  if (predicate.explicit) return matches ? 1 : 0;
  return named / terms;
}
