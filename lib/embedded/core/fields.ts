/** One parameter as written, `;name=value`, its value unquoted; undefined for a flag. */
export type Parameter = readonly [name: string, value: string | undefined];

/**
 * Cuts `text` at each `separator` that stands neither in a quoted string nor in angle brackets, and trims the parts.
 * Empty parts are left out; what follows `limit` parts is not read.
 */
export function splitOutside(text: string, separator: string, limit = 64): string[] {
  const parts: string[] = [];
  const cut = separator.charCodeAt(0);
  let from = 0;
  let quoted = false;
  let bracketed = false;
  const take = (to: number): void => {
    const part = text.slice(from, to).trim();
    if (part !== '' && parts.length < limit) parts.push(part);
  };
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (quoted) {
      if (code === 0x5c) at++;
      else if (code === 0x22) quoted = false;
    } else if (code === 0x22) quoted = true;
    else if (code === 0x3c) bracketed = true;
    else if (code === 0x3e) bracketed = false;
    else if (code === cut && !bracketed) {
      take(at);
      from = at + 1;
    }
  }
  take(text.length);
  return parts;
}

/** Reads `name`, `name=token` or `name="quoted"`; quoting is taken off, names are left as written. */
export function parameter(text: string): Parameter {
  const equals = text.indexOf('=');
  if (equals < 0) return [text.trim(), undefined];
  const value = text.slice(equals + 1).trim();
  return [text.slice(0, equals).trim(), unquote(value)];
}

function unquote(value: string): string {
  if (value.length < 2 || !value.startsWith('"') || !value.endsWith('"')) return value;
  const inner = value.slice(1, -1);
  return inner.includes('\\') ? inner.replace(ESCAPED, '$1') : inner;
}

const ESCAPED = /\\(.)/gs;
