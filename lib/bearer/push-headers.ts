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

/** Says by which profile the entity is wrapped, where it is (docs/bearers.md): then its headers are inside. */
export const PROFILE_HEADER = 'X-Push-Profile';

/** Names beginning with `X-` that are ours to set, or that would be mistaken for a prefixed one. */
const OURS = ['x-wap-push-id', PROFILE_HEADER.toLowerCase(), ENTITY_PREFIX.toLowerCase()] as const;

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not pass
const FORBIDDEN = /[\u0000-\u0008\u000a-\u001f\u007f]/;

/**
 * The headers of a push that go on to the device, in order and without Content-Type (REQ9); what belongs to the hop and
 * the gateway's own marks are left out. Undefined when a name or value, that of Content-Type among them, cannot stand in
 * a header.
 */
export function entityHeadersOf(content: Content): readonly HeaderField[] | undefined {
  if (FORBIDDEN.test(content.type) || content.type.trim() === '') return undefined;
  const fields: HeaderField[] = [];
  for (const field of content.headers) {
    if (NOT_OF_THE_ENTITY.has(field.name.toLowerCase())) continue;
    if (!isToken(field.name) || FORBIDDEN.test(field.value)) return undefined;
    fields.push(field);
  }
  return fields;
}

/**
 * The SIP header fields that carry the headers of a push (REQ9), Content-Type first, the rest in order. `X-` headers,
 * the WAP ones among them, and entity headers that mean the same in SIP keep their names; every other name gets
 * {@link ENTITY_PREFIX}, because an intermediary may act on it: a Push Initiator cannot make a `Route` or a
 * `P-Asserted-Identity`. Undefined when a name or value cannot stand in a SIP header.
 */
export function sipHeadersOf(content: Content): readonly HeaderField[] | undefined {
  const headers = entityHeadersOf(content);
  if (headers === undefined) return undefined;
  const fields: HeaderField[] = [{ name: 'Content-Type', value: content.type }];
  for (const field of headers) fields.push(needsPrefix(field.name) ? prefixed(field) : field);
  return fields;
}

/** True for a header that SIP has, or may have, a meaning of its own for. */
export function needsPrefix(name: string): boolean {
  const lower = name.toLowerCase();
  return !SAME_IN_SIP.has(lower) && !(lower.startsWith('x-') && !OURS.some((ours) => lower.startsWith(ours)));
}

/** The field under the prefix that the receiver takes off. */
export const prefixed = ({ name, value }: HeaderField): HeaderField => ({ name: ENTITY_PREFIX + name, value });
