import { randomToken } from '../base/ids.ts';
import { writeHeaderBlock } from '../codec/mime/header-block.ts';
import type { Content, HeaderField } from '../model/push.ts';
import { entityHeadersOf, needsPrefix, PROFILE_HEADER, prefixed, sipHeadersOf } from './push-headers.ts';

/**
 * How a push entity stands in a SIP message (docs/bearers.md, "Profiles"):
 * - `headers`: the body is the content; its headers are SIP headers, under a prefix where SIP could misread them;
 * - `bare`: as `headers`, without those that would need the prefix;
 * - `mime`: one part of a `multipart/mixed`, with its whole header block;
 * - `mime-base64`: the same in base64, for ways that carry text only;
 * - `oma-push`: `application/vnd.oma.push`, header block, blank line, content.
 */
export type FormName = 'headers' | 'bare' | 'mime' | 'mime-base64' | 'oma-push';

/** A push entity as headers and body of a SIP message. */
export interface Form {
  readonly name: FormName;
  /** Content-Type first. */
  readonly headers: readonly HeaderField[];
  readonly body: Buffer;
  /** Names of headers that this form has no place for. */
  readonly dropped: readonly string[];
}

/** RFC 2045 section 6.8: 76 characters of base64 on a line. */
const LINE = /.{1,76}/g;

const CRLF = '\r\n';

/** The entity in that form; undefined when one of its headers cannot stand in a header at all. */
export function formOf(content: Content, name: FormName): Form | undefined {
  switch (name) {
    case 'headers': {
      const headers = sipHeadersOf(content);
      return headers && { name, headers, body: content.body, dropped: NOTHING };
    }
    case 'bare':
      return bare(content);
    case 'mime':
    case 'mime-base64':
      return inner(content, name);
    case 'oma-push':
      return omaPush(content);
  }
}

const NOTHING: readonly string[] = [];

function bare(content: Content): Form | undefined {
  const entity = entityHeadersOf(content);
  if (entity === undefined) return undefined;
  const kept = entity.filter((field) => !needsPrefix(field.name));
  return {
    name: 'bare',
    headers: [{ name: 'Content-Type', value: content.type }, ...kept],
    body: content.body,
    dropped: entity.flatMap((field) => (needsPrefix(field.name) ? field.name : [])),
  };
}

/** One part of a multipart/mixed (RFC 2046 section 5.1.3). In SIP octets are `binary` unless a part says otherwise. */
function inner(content: Content, name: 'mime' | 'mime-base64'): Form | undefined {
  const entity = entityHeadersOf(content);
  if (entity === undefined) return undefined;
  const base64 = name === 'mime-base64';
  const fields = [{ name: 'Content-Type', value: content.type }, ...entity.map(insidePart)];
  if (base64) fields.push({ name: 'Content-Transfer-Encoding', value: 'base64' });
  const body = base64 ? base64Lines(content.body) : content.body;
  const boundary = boundaryFor(body);
  return {
    name,
    headers: wrapped(`multipart/mixed; boundary=${boundary}`, 'mime', entity),
    body: Buffer.concat([
      Buffer.from(`--${boundary}${CRLF}`),
      writeHeaderBlock(fields),
      body,
      Buffer.from(`${CRLF}--${boundary}--${CRLF}`),
    ]),
    dropped: NOTHING,
  };
}

/**
 * The Content-Transfer-Encoding of a part, or of the entity in a message/cpim, is about that. One that the entity came with is content for us (REQ16), so it
 * goes under the prefix, and so does whatever would be taken for prefixed.
 */
export const insidePart = (field: HeaderField): HeaderField => {
  const lower = field.name.toLowerCase();
  return lower === 'content-transfer-encoding' || lower.startsWith('x-push-entity-') ? prefixed(field) : field;
};

/** The IANA registration says "envelope" and no more: a header block as in `message/http`, docs/bearers.md. */
function omaPush(content: Content): Form | undefined {
  const entity = entityHeadersOf(content);
  if (entity === undefined) return undefined;
  const block = writeHeaderBlock([{ name: 'Content-Type', value: content.type }, ...entity]);
  return {
    name: 'oma-push',
    headers: wrapped('application/vnd.oma.push', 'oma-push', entity),
    body: Buffer.concat([block, content.body]),
    dropped: NOTHING,
  };
}

/** The application stands outside as well: a device hands the message on by it before anybody looks inside. */
export function wrapped(type: string, profile: string, entity: readonly HeaderField[]): readonly HeaderField[] {
  return [
    { name: 'Content-Type', value: type },
    { name: PROFILE_HEADER, value: profile },
    ...entity.filter(({ name }) => name.toLowerCase() === 'x-wap-application-id'),
  ];
}

const base64Lines = (body: Buffer): Buffer =>
  Buffer.from((body.toString('base64').match(LINE) ?? []).join(CRLF), 'latin1');

/** A boundary that the body does not hold. */
function boundaryFor(body: Buffer): string {
  for (;;) {
    const boundary = `push-${randomToken()}`;
    if (!body.includes(boundary)) return boundary;
  }
}
