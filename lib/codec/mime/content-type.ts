/** A media type with its parameters (RFC 2045 section 5.1). */
export interface MediaType {
  /** `type/subtype` in lower case. */
  readonly type: string;
  /** Names in lower case, values unquoted. The first of a repeated name counts, unless `conflict` names it. */
  readonly parameters: ReadonlyMap<string, string>;
  /** A parameter that came twice with different values. */
  readonly conflict?: string;
}

/** Longest Content-Type value that is read, characters. */
export const MAX_CONTENT_TYPE = 2048;
const MAX_PARAMETERS = 32;

const NO_PARAMETERS: ReadonlyMap<string, string> = new Map();

const TYPE = /^[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+$/;

/**
 * Reads a Content-Type value. Unquoted parameter values may hold what RFC 2045 would have quoted (`/`, `#`, `=`, `+`):
 * they end at the next semicolon. Quotes that a client put a back-slash before count as quotes.
 * Answers undefined when it is no media type at all.
 */
export function parseMediaType(value: string): MediaType | undefined {
  if (value.length > MAX_CONTENT_TYPE) return undefined;
  const end = value.indexOf(';');
  const type = (end < 0 ? value : value.slice(0, end)).trim().toLowerCase();
  if (!TYPE.test(type)) return undefined;
  if (end < 0) return { type, parameters: NO_PARAMETERS };
  const parameters = new Map<string, string>();
  let conflict: string | undefined;
  let at = end + 1;
  while (at < value.length) {
    if (parameters.size === MAX_PARAMETERS) return undefined;
    const equals = value.indexOf('=', at);
    const semicolon = value.indexOf(';', at);
    if (equals < 0 || (semicolon >= 0 && semicolon < equals)) {
      // `;;`, `; ` at the end, or a flag without a value: nothing to learn from it.
      if (semicolon < 0) break;
      at = semicolon + 1;
      continue;
    }
    const name = value.slice(at, equals).trim().toLowerCase();
    const read = readValue(value, equals + 1);
    const known = parameters.get(name);
    if (known === undefined) parameters.set(name, read.value);
    else if (known !== read.value) conflict ??= name;
    at = read.next;
  }
  return conflict === undefined ? { type, parameters } : { type, parameters, conflict };
}

function readValue(text: string, from: number): { value: string; next: number } {
  let at = from;
  while (text[at] === ' ' || text[at] === '\t') at++;
  if (text[at] === '"') return quoted(text, at + 1);
  if (text.startsWith('\\"', at)) {
    const close = text.indexOf('\\"', at + 2);
    if (close >= 0) return { value: text.slice(at + 2, close), next: afterSemicolon(text, close + 2) };
  }
  const end = text.indexOf(';', at);
  return { value: text.slice(at, end < 0 ? text.length : end).trim(), next: end < 0 ? text.length : end + 1 };
}

function quoted(text: string, from: number): { value: string; next: number } {
  let value = '';
  let at = from;
  while (at < text.length && text[at] !== '"') {
    if (text[at] === '\\' && at + 1 < text.length) at++;
    value += text[at++];
  }
  return { value, next: afterSemicolon(text, at + 1) };
}

function afterSemicolon(text: string, from: number): number {
  const end = text.indexOf(';', from);
  return end < 0 ? text.length : end + 1;
}

/** True for the types that a PAP control entity comes in: application/xml, and what clients write for it. */
export const isXmlType = (type: string): boolean =>
  type === 'application/xml' || type === 'text/xml' || (type.startsWith('application/') && type.endsWith('+xml'));
