import { messageOf } from '../../base/errors.ts';
import { CPIM_TYPE, readCpim } from '../../codec/cpim/cpim.ts';
import { parseMediaType } from '../../codec/mime/content-type.ts';
import { type HeaderBlock, readHeaderBlock } from '../../codec/mime/header-block.ts';
import { readMultipart } from '../../codec/mime/multipart.ts';
import type { SipHeaders } from '../../codec/sip/message.ts';
import type { HeaderField } from '../../model/push.ts';
import { type ImdnWish, imdnWish } from './imdn.ts';

/** The form in which a push entity came; docs/bearers.md, "Profiles". */
export type EntityProfile = 'headers' | 'mime' | 'mime-base64' | 'oma-push' | 'indirection' | 'cpim';

/** A push entity as its Push Initiator sent it. */
export interface PushEntity {
  readonly profile: EntityProfile;
  readonly type: string;
  /** Without Content-Type, in order, names as they were submitted. */
  readonly headers: readonly HeaderField[];
  /** Empty for `indirection`: the octets are to be fetched. */
  readonly body: Buffer;
  /** Where the content is, for `indirection`. */
  readonly reference?: ContentReference;
  /** What its sender wants to be told of it, for `cpim`. */
  readonly imdn?: ImdnWish;
  /** Why the entity is not what its message says it is; `body` is that of the message then. */
  readonly malformed?: string;
}

/** A reference to content (RFC 4483 section 5, RFC 2017). */
export interface ContentReference {
  readonly url: string;
  /** Octets. */
  readonly size?: number;
  /** SHA-1, hex in lower case. */
  readonly hash?: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt?: number;
}

const PREFIX = 'x-push-entity-';
const GATEWAYS_OWN = new Set(['x-wap-push-id', 'x-wap-push-info', 'x-push-profile']);
const NOT_OF_THE_ENTITY = new Set(['content-type', 'content-length']);

/**
 * Takes a push out of the message that brought it; out of a message/cpim where its sender marked it as one or `opensCpim`,
 * else that is content like any other. Never throws.
 */
export function readEntity(headers: SipHeaders, body: Buffer, opensCpim = false): PushEntity {
  const type = headers.get('Content-Type') ?? '';
  try {
    const profile = headers.get('X-Push-Profile');
    if (profile === 'mime') return innerLevel(type, body);
    if (profile === 'oma-push') return { profile, ...entityOf(readHeaderBlock(body)) };
    const media = parseMediaType(type);
    if (media?.type === 'message/external-body')
      return referred(media.parameters, body, headers.get('X-Wap-Push-Id') ?? '');
    if ((opensCpim || profile === 'cpim') && media?.type === CPIM_TYPE) return wrapped(body);
  } catch (error) {
    return { profile: 'headers', type, headers: [], body, malformed: messageOf(error) };
  }
  return { profile: 'headers', type, headers: headers.fields.filter(isOfTheEntity).map(bare), body };
}

function isOfTheEntity({ name }: HeaderField): boolean {
  const lower = name.toLowerCase();
  if (GATEWAYS_OWN.has(lower) || NOT_OF_THE_ENTITY.has(lower)) return false;
  return lower.startsWith('x-') || lower.startsWith('content-') || lower === 'mime-version';
}

/** The field with the prefix taken off, once. */
const bare = ({ name, value }: HeaderField): HeaderField => ({
  name: name.toLowerCase().startsWith(PREFIX) ? name.slice(PREFIX.length) : name,
  value,
});

const typeOf = (fields: readonly HeaderField[]): string =>
  fields.find(({ name }) => name.toLowerCase() === 'content-type')?.value ?? '';

const isContentType = ({ name }: HeaderField): boolean => name.toLowerCase() === 'content-type';

const entityOf = ({ fields, rest }: HeaderBlock): Pick<PushEntity, 'type' | 'headers' | 'body'> => ({
  type: typeOf(fields),
  headers: fields.filter((field) => !isContentType(field)),
  body: rest,
});

function innerLevel(type: string, body: Buffer): PushEntity {
  const [part] = readMultipart(body, type).parts;
  if (part === undefined) throw new RangeError('the multipart is empty');
  const coding = part.get('Content-Transfer-Encoding')?.toLowerCase();
  const headers = part.headers
    .filter((field) => !isContentType(field) && field.name.toLowerCase() !== 'content-transfer-encoding')
    .map(bare);
  return {
    profile: coding === 'base64' ? 'mime-base64' : 'mime',
    type: typeOf(part.headers),
    headers,
    body: coding === 'base64' ? Buffer.from(part.body.toString('latin1'), 'base64') : part.body,
  };
}

function wrapped(octets: Buffer): PushEntity {
  const { headers, entity, body } = readCpim(octets);
  const wish = imdnWish(headers);
  const fields = entity.filter((field) => !isContentType(field)).map(bare);
  return { profile: 'cpim', type: typeOf(entity), headers: fields, body, ...(wish !== undefined && { imdn: wish }) };
}

function referred(parameters: ReadonlyMap<string, string>, body: Buffer, pushId: string): PushEntity {
  const url = parameters.get('url');
  if (url === undefined || parameters.get('access-type')?.toLowerCase() !== 'url')
    throw new RangeError('an external body without a URL');
  const { type, headers } = entityOf(readHeaderBlock(body));
  // RFC 2046 section 5.2.3 wants a name for what is referred to; that one is the gateway's, for content without.
  const named = `<${pushId}@`;
  const isNamed = ({ name, value }: HeaderField): boolean =>
    pushId !== '' && name.toLowerCase() === 'content-id' && value.startsWith(named);
  const size = Number(parameters.get('size') ?? Number.NaN);
  const hash = parameters.get('hash')?.toLowerCase();
  const expiresAt = Date.parse(parameters.get('expiration') ?? '');
  return {
    profile: 'indirection',
    type,
    headers: headers.filter((field) => !isNamed(field)),
    body: Buffer.alloc(0),
    reference: {
      url: url.replace(/\s+/g, ''), // RFC 2017 section 3: white space in it is of the writer's line breaks
      ...(Number.isSafeInteger(size) && { size }),
      ...(hash !== undefined && { hash }),
      ...(!Number.isNaN(expiresAt) && { expiresAt }),
    },
  };
}
