/** A user as SIP knows it, made safe for a request URI and a header. */
export interface SipIdentity {
  /** `sip:user@host`, host in lower case, no port, no parameters. */
  readonly aor: string;
  /** The URI with its `gr` parameter, when it names one device (RFC 5627). */
  readonly gruu?: string;
}

const MAX_USER = 255;
const MAX_HOST = 253;
const MAX_GR = 255;

const GLOBAL_NUMBER = /^\+\d{3,15}$/; // E.164
/** Characters of `user` that need no escape: unreserved and user-unreserved (RFC 3261 section 25.1), `;` and `?` aside. */
const PLAIN_USER = /^[A-Za-z0-9\-_.!~*'()&=+$,/]+$/;
/** What is refused even where it could be escaped: nobody is called so, and `:` and `@` would divide the URI in another place. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what an identity must not hold
const UNSAFE = /[\u0000-\u0020\u007f-\u00a0\u2028\u2029:@\p{Surrogate}]/u;
const LABELS = /^[A-Za-z0-9](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_-]{1,63})*$/;
const IPV6 = /^\[[0-9A-Fa-f:.]{2,45}\]$/;
/** Value of a gr parameter (RFC 3261 pvalue). */
const GR = /^[A-Za-z0-9\-_.!~*'()[\]/:&+$%]+$/;

export const isGlobalNumber = (text: string): boolean => GLOBAL_NUMBER.test(text);

export const aorOf = (user: string, domain: string): string => `sip:${user}@${domain}`;

/** The host in its canonical spelling, or undefined. */
export function hostOf(text: string): string | undefined {
  const host = text.endsWith('.') ? text.slice(0, -1) : text;
  return host.length <= MAX_HOST && (LABELS.test(host) || IPV6.test(host)) ? host.toLowerCase() : undefined;
}

/**
 * Reads `user@host:port;parameters` (a SIP URI without its scheme). A sips: URI names the same user as its sip:
 * twin (RFC 5630 section 4); port and parameters say how to reach somebody, not who it is; a password is refused.
 * Answers undefined when there is no user or anything could not stand in a header.
 */
export function sipIdentity(text: string): SipIdentity | undefined {
  const at = text.lastIndexOf('@');
  const user = canonicalUser(text.slice(0, Math.max(0, at)));
  const [address = '', ...parameters] = (text.slice(at + 1).split('?', 1)[0] as string).split(';');
  const host = hostOf(address.replace(/:\d{1,5}$/, ''));
  if (user === undefined || host === undefined) return undefined;
  const aor = aorOf(user, host);
  const gr = parameters.find((parameter) => /^gr(=|$)/i.test(parameter));
  if (gr === undefined) return { aor };
  const value = gr.slice('gr='.length);
  if (gr.includes('=') && (value.length > MAX_GR || !GR.test(value))) return undefined;
  return { aor, gruu: gr.includes('=') ? `${aor};gr=${value}` : `${aor};gr` };
}

/** Escapes agree with RFC 3261 section 19.1.4: unreserved characters plain, all others as upper-case %HH of their UTF-8. */
function canonicalUser(text: string): string | undefined {
  if (text.length === 0 || text.length > MAX_USER) return undefined;
  if (PLAIN_USER.test(text)) return text;
  let user = '';
  for (let i = 0; i < text.length; i++) {
    const character = String.fromCodePoint(text.codePointAt(i) as number);
    if (character === '%') {
      const octet = Number.parseInt(text.slice(i + 1, i + 3), 16);
      if (!/^%[0-9A-Fa-f]{2}/.test(text.slice(i, i + 3)) || octet < 0x20 || octet === 0x7f) return undefined;
      const plain = String.fromCharCode(octet);
      user += /[A-Za-z0-9\-_.!~*'()]/.test(plain) ? plain : text.slice(i, i + 3).toUpperCase();
      i += 2;
      continue;
    }
    if (UNSAFE.test(character)) return undefined;
    user +=
      PLAIN_USER.test(character) || character === ';' || character === '?' ? character : encodeURIComponent(character);
    i += character.length - 1;
  }
  return user.length <= 3 * MAX_USER ? user : undefined;
}
