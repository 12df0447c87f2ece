import { endOfQuoted, syntaxError } from './syntax.ts';

/** Elements of one header value; Via and Route sets of real calls stay below twenty. */
const MAX_ELEMENTS = 256;

/**
 * The elements of a comma-separated header value, trimmed (RFC 3261 section 7.3.1). Commas in quoted strings and
 * angle brackets do not separate. Throws PPG_E_SIP_SYNTAX for an empty element, an open quote or an open bracket.
 */
export function splitList(value: string): string[] {
  if (!value.includes(',')) return [nonEmpty(value)];
  const elements: string[] = [];
  let start = 0;
  let i = 0;
  while (i < value.length) {
    const code = value.charCodeAt(i);
    if (code === 0x22) i = endOfQuoted(value, i);
    else if (code === 0x3c) i = endOfBracket(value, i);
    else {
      if (code === 0x2c) {
        elements.push(nonEmpty(value.slice(start, i)));
        if (elements.length === MAX_ELEMENTS) throw syntaxError(`a list has more than ${MAX_ELEMENTS} elements`);
        start = i + 1;
      }
      i++;
    }
  }
  elements.push(nonEmpty(value.slice(start)));
  return elements;
}

/** Index behind the `>` that closes the `<` at `at`. A quote inside a URI is an octet like any other. */
function endOfBracket(value: string, at: number): number {
  const end = value.indexOf('>', at);
  if (end < 0) throw syntaxError('an angle bracket is never closed');
  return end + 1;
}

function nonEmpty(element: string): string {
  const trimmed = element.trim();
  if (trimmed === '') throw syntaxError('a header value or list element is empty');
  return trimmed;
}
