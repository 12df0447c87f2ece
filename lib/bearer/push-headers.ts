import { isToken } from '../codec/sip/syntax.ts';
import type { Content, HeaderField } from '../model/push.ts';

/**
 * Prefix under which a header of the push entity travels when SIP has, or may have, its own meaning for the name:
 * `X-Push-Entity-Expires` is the HTTP date of the content, `Expires` the lifetime of the MESSAGE. The receiver takes
 * the prefix off once. A profile of this project, docs/bearers.md.
 */
export const ENTITY_PREFIX = 'X-Push-Entity-';

/** What belongs to the hop or the framing of the submission and not to the content; never sent on. */
const NOT_OF_THE_ENTITY = new Set([
  'connection',
  'content-length',
  'content-type', // Content.type is the one that counts
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  // the gateway's own marks about a push; a Push Initiator has no say in them (WAP-235 X-Wap-Push-Info, Push-Flag)
  'push-flag',
  'x-wap-push-flag',
  'x-wap-push-info',
]);

/** Entity headers that mean the same in SIP (RFC 3261 section 20, RFC 8262) or that SIP does not know. */
const SAME_IN_SIP = new Set([
  'content-description',
  'content-disposition',
  'content-encoding',
  'content-id',
  'content-language',
  'content-range',
  'content-transfer-encoding',
  'mime-version',
]);

/** Names beginning with `X-` that are ours to set, or that would be mistaken for a prefixed one. */
const OURS = ['x-wap-push-id', ENTITY_PREFIX.toLowerCase()] as const;

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not pass
const FORBIDDEN = /[\u0000-\u0008\u000a-\u001f\u007f]/;

/**
 * The SIP header fields that carry the headers of a push (REQ9), Content-Type first, the rest in order. `X-` headers,
 * the WAP ones among them, and entity headers that mean the same in SIP keep their names; every other name gets
 * {@link ENTITY_PREFIX}, because an intermediary may act on it: a Push Initiator cannot make a `Route` or a
 * `P-Asserted-Identity`. Undefined when a name or value cannot stand in a SIP header.
 */
export function sipHeadersOf(content: Content): readonly HeaderField[] | undefined {
  if (FORBIDDEN.test(content.type) || content.type.trim() === '') return undefined;
  const fields: HeaderField[] = [{ name: 'Content-Type', value: content.type }];
  for (const { name, value } of content.headers) {
    const lower = name.toLowerCase();
    if (NOT_OF_THE_ENTITY.has(lower)) continue;
    if (!isToken(name) || FORBIDDEN.test(value)) return undefined;
    fields.push({ name: keepsItsName(lower) ? name : ENTITY_PREFIX + name, value });
  }
  return fields;
}

const keepsItsName = (lower: string): boolean =>
  SAME_IN_SIP.has(lower) || (lower.startsWith('x-') && !OURS.some((name) => lower.startsWith(name)));
