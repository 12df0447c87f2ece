/** Longest push-id or query-id, characters. WAP-247 sets no limit; a URL with a path fits. */
export const MAX_IDENTIFIER = 256;

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what an identifier must not hold
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

/** True for a usable push-id or query-id: not empty, bounded, no control characters. Blanks and a missing `@` are common. */
export const isIdentifier = (value: string): boolean =>
  value.length > 0 && value.length <= MAX_IDENTIFIER && !CONTROL.test(value) && value.trim() !== '';
