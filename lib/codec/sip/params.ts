import { endOfQuoted, excerpt, isToken, skipBlank, syntaxError, unquote } from './syntax.ts';

/** One parameter as written; a quoted value keeps its quotes, a flag has no value. */
export interface Param {
  readonly name: string;
  readonly value?: string;
}

/** Parameters one header value or URI may have; real messages have fewer than thirty. */
const MAX_PARAMS = 128;

/** Reads `;name=value;flag` from `at` to the end of a header value (RFC 3261 section 25.1, generic-param). */
export function parseParams(text: string, at = 0): Param[] {
  const params: Param[] = [];
  let i = skipBlank(text, at);
  while (i < text.length) {
    if (text.charCodeAt(i) !== 0x3b) throw syntaxError(`expected ";" before ${excerpt(text.slice(i))}`);
    if (params.length === MAX_PARAMS) throw syntaxError(`more than ${MAX_PARAMS} parameters`);
    i = skipBlank(text, i + 1);
    let end = i;
    while (end < text.length && !isEndOfName(text.charCodeAt(end))) end++;
    const name = text.slice(i, end);
    if (!isToken(name)) throw syntaxError(`not a parameter name: ${excerpt(text.slice(i))}`);
    i = skipBlank(text, end);
    if (text.charCodeAt(i) !== 0x3d) {
      params.push({ name });
      continue;
    }
    i = skipBlank(text, i + 1);
    end = endOfValue(text, i);
    params.push({ name, value: text.slice(i, end) });
    i = skipBlank(text, end);
  }
  return params;
}

const isEndOfName = (code: number): boolean => code === 0x3b || code === 0x3d || code === 0x20 || code === 0x09;

function endOfValue(text: string, at: number): number {
  if (text.charCodeAt(at) === 0x22) return endOfQuoted(text, at);
  let i = at;
  while (i < text.length) {
    const code = text.charCodeAt(i);
    if (code === 0x3b || code === 0x20 || code === 0x09) break;
    if (code === 0x22 || code === 0x2c || code === 0x3c || code === 0x3e)
      throw syntaxError(`not a parameter value: ${excerpt(text.slice(at))}`);
    i++;
  }
  if (i === at) throw syntaxError(`a parameter has "=" and no value: ${excerpt(text)}`);
  return i;
}

/** A parameter's value without quotes, `''` for a flag, undefined when it is not there. Names fold case. */
export function paramOf(params: readonly Param[], name: string): string | undefined {
  for (const param of params) {
    if (param.name === name || (param.name.length === name.length && param.name.toLowerCase() === name.toLowerCase()))
      return param.value === undefined ? '' : unquote(param.value);
  }
  return undefined;
}

/** Parameters as they stand behind a header value, `''` for none. */
export function formatParams(params: readonly Param[]): string {
  let text = '';
  for (const { name, value } of params) text += value === undefined ? `;${name}` : `;${name}=${value}`;
  return text;
}
