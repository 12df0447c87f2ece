import type { HeaderField } from '../../model/push.ts';

/**
 * Header fields of a SIP message in the order they came, names as written. Look-ups fold case and compact forms
 * (RFC 3261 section 7.3.3): `get('Call-ID')` finds `i:`.
 */
export class SipHeaders {
  readonly fields: HeaderField[];

  constructor(fields: Iterable<HeaderField> = []) {
    this.fields = [...fields];
  }

  /** The first value, or undefined. */
  get(name: string): string | undefined {
    const wanted = canonicalName(name);
    for (const field of this.fields) if (isNamed(field, wanted)) return field.value;
    return undefined;
  }

  /** The values of all fields of that name, one element a field. */
  all(name: string): string[] {
    const wanted = canonicalName(name);
    return this.fields.filter((field) => isNamed(field, wanted)).map((field) => field.value);
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  /** Replaces every field of that name by one, in the place of the first, else at the end. */
  set(name: string, value: string): this {
    const wanted = canonicalName(name);
    const at = this.fields.findIndex((field) => isNamed(field, wanted));
    if (at < 0) this.fields.push({ name, value });
    else {
      this.fields[at] = { name, value };
      for (let i = this.fields.length - 1; i > at; i--) {
        if (isNamed(this.fields[i] as HeaderField, wanted)) this.fields.splice(i, 1);
      }
    }
    return this;
  }

  /** Adds a field at the end. */
  add(name: string, value: string): this {
    this.fields.push({ name, value });
    return this;
  }

  /** Puts a field on top, as Via and Record-Route want it. */
  prepend(name: string, value: string): this {
    this.fields.unshift({ name, value });
    return this;
  }

  /** Takes away the first field of that name and answers its value. */
  removeFirst(name: string): string | undefined {
    const wanted = canonicalName(name);
    const at = this.fields.findIndex((field) => isNamed(field, wanted));
    return at < 0 ? undefined : this.fields.splice(at, 1)[0]?.value;
  }

  /** Takes away every field of that name. */
  remove(name: string): this {
    const wanted = canonicalName(name);
    for (let i = this.fields.length - 1; i >= 0; i--) {
      if (isNamed(this.fields[i] as HeaderField, wanted)) this.fields.splice(i, 1);
    }
    return this;
  }

  clone(): SipHeaders {
    return new SipHeaders(this.fields);
  }
}

/** Compact forms of RFC 3261 section 7.3.3 (table 20.1) and of the extensions that the gateway meets. */
const COMPACT: ReadonlyMap<string, string> = new Map([
  ['a', 'accept-contact'], // RFC 3841
  ['b', 'referred-by'], // RFC 3892
  ['c', 'content-type'],
  ['d', 'request-disposition'], // RFC 3841
  ['e', 'content-encoding'],
  ['f', 'from'],
  ['i', 'call-id'],
  ['j', 'reject-contact'], // RFC 3841
  ['k', 'supported'],
  ['l', 'content-length'],
  ['m', 'contact'],
  ['o', 'event'], // RFC 6665
  ['r', 'refer-to'], // RFC 3515
  ['s', 'subject'],
  ['t', 'to'],
  ['u', 'allow-events'], // RFC 6665
  ['v', 'via'],
  ['x', 'session-expires'], // RFC 4028
]);

/** Names that code asks for on every message, so that the question costs one look-up instead of a new string. */
const CANONICAL: ReadonlyMap<string, string> = new Map(
  [
    ...['Via', 'From', 'To', 'Call-ID', 'CSeq', 'Max-Forwards', 'Contact', 'Route', 'Record-Route', 'Expires'],
    ...['Content-Type', 'Content-Length', 'Content-Encoding', 'Accept', 'Allow', 'Supported', 'Require', 'Event'],
    ...['Accept-Contact', 'Request-Disposition', 'P-Charging-Vector', 'Privacy', 'Date', 'Allow-Events'],
    ...['X-Wap-Application-Id', 'X-Wap-Push-Id', 'X-Wap-Push-Info', 'Proxy-Authorization', 'Content-Language'],
    ...['User-Agent', 'Server', 'Retry-After', 'Authorization', 'WWW-Authenticate', 'P-Asserted-Identity', 'Path'],
  ].flatMap((name) => [
    [name, name.toLowerCase()],
    [name.toLowerCase(), name.toLowerCase()],
  ]),
);

/** A header name in lower case and long form. */
export function canonicalName(name: string): string {
  const known = CANONICAL.get(name);
  if (known !== undefined) return known;
  const lower = name.toLowerCase();
  return lower.length === 1 ? (COMPACT.get(lower) ?? lower) : lower;
}

/** True when the field has the canonical name `wanted`; the length decides most cases without touching a character. */
function isNamed(field: HeaderField, wanted: string): boolean {
  const { name } = field;
  if (name.length === wanted.length) return name === wanted || name.toLowerCase() === wanted;
  return name.length === 1 && canonicalName(name) === wanted;
}

interface SipMessageBase {
  readonly headers: SipHeaders;
  readonly body: Buffer;
  /**
   * How the octets of start line and headers stand in strings: UTF-8 (the default), or latin1 when they were not
   * valid UTF-8, so that what is passed on leaves as it came.
   */
  readonly encoding?: 'utf8' | 'latin1';
}

export interface SipRequest extends SipMessageBase {
  readonly kind: 'request';
  readonly method: string;
  readonly uri: string;
}

export interface SipResponse extends SipMessageBase {
  readonly kind: 'response';
  readonly status: number;
  readonly reason: string;
}

export type SipMessage = SipRequest | SipResponse;
