import type { Param } from '../../codec/sip/params.ts';
import { unquote } from '../../codec/sip/syntax.ts';

/** One value of a feature parameter (RFC 3840 section 9: tag-value or string-value). */
interface FeatureValue {
  readonly negated: boolean;
  readonly kind: 'token' | 'string' | 'number';
  /** Token in lower case, or the string between the angle brackets as it stands. */
  readonly text: string;
  /** Closed interval of a number, as `#=5`, `#>=5`, `#<=5` and `#1:5` say it. */
  readonly low: number;
  readonly high: number;
}

/** Feature tags, lower case and as written in a Contact (`audio`, `+g.oma.pusheventapp`), each with its alternatives. */
export type FeatureSet = ReadonlyMap<string, readonly FeatureValue[]>;

/** Feature tags that stand without a plus sign (RFC 3840 section 9, base-tags). */
const BASE_TAGS = new Set([
  'audio',
  'automata',
  'class',
  'duplex',
  'data',
  'control',
  'mobility',
  'description',
  'events',
  'priority',
  'methods',
  'schemes',
  'application',
  'video',
  'language',
  'type',
  'isfocus',
  'actor',
  'text',
  'extensions',
]);

/** Feature parameters looked at in one header element, and values in one parameter; the rest is not read. */
const MAX_TAGS = 64;
const MAX_VALUES = 128;

/** Whether a header parameter is a feature parameter: a base tag or a name that begins with `+` (RFC 3840 section 9). */
export const isFeatureTag = (name: string): boolean => name.startsWith('+') || BASE_TAGS.has(name.toLowerCase());

/**
 * The feature set of the parameters of one Contact, Accept-Contact or Reject-Contact element; whatever is not a feature
 * parameter is passed over.
 */
export function featureSet(params: readonly Param[]): FeatureSet {
  const set = new Map<string, readonly FeatureValue[]>();
  for (const { name, value } of params) {
    if (isFeatureTag(name) && set.size < MAX_TAGS) set.set(name.toLowerCase(), featureValues(value));
  }
  return set;
}

/** RFC 3841 section 8: a flag means TRUE; a comma list means any of its values; `<…>` is one literal string. */
function featureValues(written: string | undefined): FeatureValue[] {
  if (written === undefined) return [featureValue('TRUE')];
  const value = unquote(written);
  // A string-value may hold commas. Lists of several such strings are no legal form, and used all the same.
  if (value.startsWith('<') && value.indexOf('>') === value.length - 1) return [featureValue(value)];
  return value.split(',', MAX_VALUES).map((part) => featureValue(part.trim()));
}

function featureValue(written: string): FeatureValue {
  const negated = written.startsWith('!');
  const text = negated ? written.slice(1) : written;
  if (text.startsWith('<') && text.endsWith('>'))
    return { negated, kind: 'string', text: text.slice(1, -1), low: 0, high: 0 };
  const interval = text.startsWith('#') ? numericInterval(text.slice(1)) : undefined;
  if (interval !== undefined) return { negated, kind: 'number', text, ...interval };
  const token = text.toLowerCase();
  // !TRUE is FALSE and the other way round: a boolean has no third value.
  if (negated && (token === 'true' || token === 'false'))
    return { negated: false, kind: 'token', text: token === 'true' ? 'false' : 'true', low: 0, high: 0 };
  return { negated, kind: 'token', text: token, low: 0, high: 0 };
}

/** numeric-relation number, without the leading `#`. */
function numericInterval(text: string): { low: number; high: number } | undefined {
  if (text.startsWith('>=')) return interval(text.slice(2), undefined);
  if (text.startsWith('<=')) return interval(undefined, text.slice(2));
  if (text.startsWith('=')) return interval(text.slice(1), text.slice(1));
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : interval(text.slice(0, colon), text.slice(colon + 1));
}

const NUMBER = /^[+-]?\d{1,15}(?:\.\d{0,15})?$/;

function interval(low: string | undefined, high: string | undefined): { low: number; high: number } | undefined {
  if ((low !== undefined && !NUMBER.test(low)) || (high !== undefined && !NUMBER.test(high))) return undefined;
  return { low: low === undefined ? -Infinity : Number(low), high: high === undefined ? Infinity : Number(high) };
}

/** Whether some value fits both sides: the matching operation of RFC 2533 for one feature tag. */
export function intersects(wanted: readonly FeatureValue[], offered: readonly FeatureValue[]): boolean {
  for (const one of wanted) for (const other of offered) if (compatible(one, other)) return true;
  return false;
}

function compatible(one: FeatureValue, other: FeatureValue): boolean {
  // Two negations leave room for a value that is neither.
  if (one.negated && other.negated) return true;
  if (one.kind !== other.kind) return one.negated || other.negated;
  if (one.kind !== 'number') return (one.text === other.text) !== (one.negated || other.negated);
  if (one.negated) return !within(other, one);
  if (other.negated) return !within(one, other);
  return one.low <= other.high && other.low <= one.high;
}

const within = (inner: FeatureValue, outer: FeatureValue): boolean =>
  inner.low >= outer.low && inner.high <= outer.high;
