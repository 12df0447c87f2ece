import { messageOf, PpgError } from '../base/errors.ts';
import { charsetName, decodeCharset, encodeCharset, WRITABLE_CHARSETS } from '../codec/mime/charset.ts';
import { charsetOfXml, declareEncoding } from '../codec/mime/charset-xml.ts';
import { isXmlType, type MediaType, parseMediaType } from '../codec/mime/content-type.ts';
import { compile, decompile } from '../codec/wbxml/convert.ts';
import { kindOfMediaType } from '../codec/wbxml/tables.ts';
import type { Device } from '../model/device.ts';
import { knownTypes, typeMisfit } from '../model/device-knowledge.ts';
import { MEDIA_FORMS, otherForm } from '../model/media-forms.ts';
import type { Content } from '../model/push.ts';

/** What would have to be done to content so that a device takes it. */
export interface TransformPlan {
  /** The type of the other form; undefined: the form stays. */
  readonly form?: string;
  /** Charsets that are written here and that the device takes, the best first; undefined: the charset stays. */
  readonly charsets?: readonly string[];
  /** Names the plan among those of one content. */
  readonly key: string;
}

/** From text to binary, from binary to text, or in another charset only. */
export type Change = 'compiled' | 'decompiled' | 'charset';

/** The content in the form that the device takes, or why it cannot be had (PAP 3006). */
export type Transformed =
  | {
      readonly content: Content;
      /** In words, as `text/vnd.wap.si to application/vnd.wap.sic`. */
      readonly how: string;
      readonly change: Change;
      readonly refused?: undefined;
    }
  | { readonly refused: string; readonly content?: undefined; readonly how?: undefined };

/**
 * What a device needs done to content, by what it told; undefined: nothing, because it takes the content as it is, because
 * nobody knows, or because nothing would help. Without any work where a device told nothing, as most do.
 */
export function planFor(content: Content, device: Device): TransformPlan | undefined {
  const types = knownTypes(device);
  const { charsets } = device.capabilities ?? {};
  if (types === undefined && charsets === undefined) return undefined;
  const media = parseMediaType(content.type);
  if (media === undefined) return undefined;
  const form = types === undefined ? undefined : formFor(media.type, device);
  const wanted = charsets === undefined ? undefined : charsetsFor(content, media, form, charsets);
  if (form === undefined && wanted === undefined) return undefined;
  return {
    ...(form !== undefined && { form }),
    ...(wanted !== undefined && { charsets: wanted }),
    key: `${form ?? ''} ${wanted?.join() ?? ''}`,
  };
}

/** The other form, where the device takes that one only. */
function formFor(type: string, device: Device): string | undefined {
  const other = otherForm(type);
  if (other === undefined || typeMisfit(device, type) === undefined) return undefined;
  return typeMisfit(device, other) === undefined ? other : undefined;
}

/** Charsets to choose from, where the text is in none that the device takes; undefined where it stays as it is. */
function charsetsFor(
  content: Content,
  media: MediaType,
  form: string | undefined,
  told: readonly string[],
): readonly string[] | undefined {
  if (told.includes('*')) return undefined;
  const taken = new Set(told.map(charsetName));
  const charset = form === undefined ? charsetOf(content, media) : isBinaryForm(form) ? undefined : 'utf-8';
  if (charset === undefined || taken.has(charset)) return undefined;
  return WRITABLE_CHARSETS.filter((each) => taken.has(each));
}

/** The charset that the content says it is in; undefined where it is no text or says nothing. */
function charsetOf({ body }: Content, { type, parameters }: MediaType): string | undefined {
  const named = parameters.get('charset');
  if (isXml(type)) return charsetOfXml(body, named);
  return named !== undefined && type.startsWith('text/') ? charsetName(named) : undefined;
}

const isXml = (type: string): boolean =>
  isXmlType(type) || type.endsWith('+xml') || MEDIA_FORMS.some(({ text }) => text === type);

const isBinaryForm = (type: string): boolean => MEDIA_FORMS.some(({ binary }) => binary === type);

/**
 * Carries a plan out. Octets only ever change here, and never where they must not: `Cache-Control: no-transform`
 * (RFC 9111 section 5.2.2.6), content that is encoded, and a provisioning document with SEC or MAC, which vouches for its
 * octets (WAP-184). Every header stays but those that describe the octets. Never throws.
 */
export function carryOut(content: Content, plan: TransformPlan): Transformed {
  const media = parseMediaType(content.type);
  const reason = media === undefined ? 'its media type cannot be read' : untouchable(content, media);
  if (media === undefined || reason !== undefined) return { refused: `${told(plan)}, and ${reason}` };
  try {
    const done: string[] = [];
    let { type, body } = content;
    if (plan.form !== undefined) {
      const charset = media.parameters.get('charset');
      body = inOtherForm(body, media.type, plan.form, charset);
      type = isBinaryForm(plan.form) ? plan.form : `${plan.form}; charset=utf-8`;
      done.push(`${media.type} to ${plan.form}`);
    }
    if (plan.charsets !== undefined) {
      const from = plan.form === undefined ? (charsetOf(content, media) ?? 'utf-8') : 'utf-8';
      const converted = inOtherCharset(body, plan.form ?? media.type, from, plan.charsets);
      body = converted.body;
      type = withCharset(type, converted.charset);
      done.push(`${from} to ${converted.charset}`);
    }
    const headers = content.headers.filter(({ name }) => !OF_THE_OCTETS.has(name.toLowerCase()));
    const change = plan.form === undefined ? 'charset' : isBinaryForm(plan.form) ? 'compiled' : 'decompiled';
    return { content: { type, headers, body }, how: done.join(', '), change };
  } catch (error) {
    if (!(error instanceof PpgError)) throw error;
    return { refused: `${told(plan)}, and it cannot be had: ${messageOf(error)}` };
  }
}

/** The content as a device takes it: {@link planFor} and {@link carryOut} in one. */
export function transformFor(content: Content, device: Device): Transformed | undefined {
  const plan = planFor(content, device);
  return plan === undefined ? undefined : carryOut(content, plan);
}

const told = ({ form, charsets }: TransformPlan): string =>
  form === undefined
    ? `the device takes ${charsets?.join(', ') || 'no charset that is written here'}`
    : `the device takes ${form} only`;

/** Headers that are true of these octets and of no others. */
const OF_THE_OCTETS: ReadonlySet<string> = new Set([
  'content-md5',
  'content-length',
  'content-digest',
  'digest',
  'repr-digest',
]);

/** Codings that leave octets as they are (RFC 2045 section 6.2, RFC 9110 section 8.4). */
const AS_IT_IS: ReadonlySet<string> = new Set(['', 'identity', '7bit', '8bit', 'binary']);

function untouchable({ headers }: Content, { type, parameters }: MediaType): string | undefined {
  for (const { name, value } of headers) {
    const lower = name.toLowerCase();
    if (lower === 'cache-control' && /(?:^|,)\s*no-transform\s*(?:,|$)/i.test(value)) {
      return 'Cache-Control has no-transform';
    }
    if (lower === 'content-encoding' || lower === 'content-transfer-encoding') {
      if (!AS_IT_IS.has(value.trim().toLowerCase())) return `${name} has ${value.trim().slice(0, 40)}`;
    }
  }
  if (kindOfMediaType(type) === 'prov' && (parameters.has('sec') || parameters.has('mac'))) {
    return 'its MAC holds for these octets only';
  }
  return undefined;
}

function inOtherForm(body: Buffer, from: string, to: string, charset: string | undefined): Buffer {
  const kind = kindOfMediaType(from);
  const options = { ...(kind !== undefined && { kind }), ...(charset !== undefined && { charset }) };
  return isBinaryForm(to) ? compile(body, options) : decompile(body, options);
}

/** In the first charset that has every character of it. */
function inOtherCharset(
  body: Buffer,
  type: string,
  from: string,
  charsets: readonly string[],
): { body: Buffer; charset: string } {
  const text = decodeCharset(body, from);
  let failure = new PpgError('PPG_E_CHARSET', 'the device takes no charset that is written here');
  for (const charset of charsets) {
    try {
      return { body: encodeCharset(isXml(type) ? declareEncoding(text, charset) : text, charset), charset };
    } catch (error) {
      if (!(error instanceof PpgError)) throw error;
      failure = error;
    }
  }
  throw failure;
}

const CHARSET = /;\s*charset\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^;]*)/i;

/** The Content-Type with that charset, its other parameters as they were. */
function withCharset(type: string, charset: string): string {
  const [bare = ''] = type.split(';', 1);
  const parameters = type.slice(bare.length);
  return CHARSET.test(parameters)
    ? bare + parameters.replace(CHARSET, `; charset=${charset}`)
    : `${type.trimEnd()}; charset=${charset}`;
}
