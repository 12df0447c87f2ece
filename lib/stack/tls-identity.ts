import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { parseUri } from '../codec/sip/uri.ts';

/** Names of a certificate that are looked at. */
const MAX_NAMES = 100;

/** One general name of a subjectAltName. */
export interface AltName {
  /** As node writes it: `DNS`, `URI`, `IP Address`, ... */
  readonly type: string;
  readonly value: string;
}

/**
 * Reads a subjectAltName as node writes it: `DNS:a.example, URI:sip:b.example`. A name with characters that could be
 * taken for the next one is written as a JSON string. What cannot be read is left out: a name that is not understood
 * vouches for nobody.
 */
export function parseAltNames(text: string): AltName[] {
  const names: AltName[] = [];
  let at = 0;
  while (at < text.length && names.length < MAX_NAMES) {
    const colon = text.indexOf(':', at);
    if (colon < 0) break;
    const quoted = text.charCodeAt(colon + 1) === 0x22;
    const end = quoted ? endOfString(text, colon + 1) : endOfPlain(text, colon + 1);
    const value = quoted ? unquoted(text.slice(colon + 1, end)) : text.slice(colon + 1, end);
    // Behind a quoted name comes the next one or the end; all else means that the text is not what it seems.
    if (value === undefined || (end < text.length && !text.startsWith(', ', end))) break;
    names.push({ type: text.slice(at, colon), value });
    at = end + 2;
  }
  return names;
}

function endOfPlain(text: string, at: number): number {
  const end = text.indexOf(', ', at);
  return end < 0 ? text.length : end;
}

function endOfString(text: string, at: number): number {
  for (let i = at + 1; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x5c) i++;
    else if (code === 0x22) return i + 1;
  }
  return text.length;
}

function unquoted(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined; // an unfinished string names nobody
  }
}

/**
 * The SIP domains that a certificate stands for (RFC 5922 section 7.1), in lower case: its `sip:` URIs without a user,
 * and only where it has none of those its DNS names. The subject's common name counts for nothing.
 */
export function sipDomainsOf(subjectAltName: string | undefined): string[] {
  const names = parseAltNames(subjectAltName ?? '');
  const uris = names.flatMap(({ type, value }) => (type === 'URI' ? (sipDomainOf(value) ?? []) : []));
  if (uris.length > 0) return uris;
  return names.flatMap(({ type, value }) => (type === 'DNS' ? value.toLowerCase() : []));
}

function sipDomainOf(text: string): string | undefined {
  try {
    const uri = parseUri(text);
    return uri.scheme === 'sip' && uri.user === undefined ? uri.host.toLowerCase() : undefined;
  } catch {
    return undefined; // a URI of another scheme
  }
}

/** What identifies a peer: its names, and the certificate for questions about addresses. */
export interface IdentityCertificate {
  /** The subjectAltName as node writes it. */
  readonly subjectaltname?: string | undefined;
  /** DER. */
  readonly raw?: Buffer | undefined;
}

/**
 * Whether a certificate, whose chain has been verified, stands for `domain`: the same name in its entirety, without
 * wildcards (RFC 5922 section 7.2). For an IP literal it must have that address.
 */
export function standsFor(certificate: IdentityCertificate, domain: string): boolean {
  if (isIP(domain) !== 0) {
    return certificate.raw !== undefined && new X509Certificate(certificate.raw).checkIP(domain) !== undefined;
  }
  const wanted = domain.toLowerCase().replace(/\.$/, '');
  return sipDomainsOf(certificate.subjectaltname).includes(wanted);
}
