import type { z } from 'zod';

type Issue = z.core.$ZodIssue;
type RawIssue = z.core.$ZodRawIssue;

const KINDS: Readonly<Record<string, string>> = {
  number: 'a number',
  int: 'a whole number',
  string: 'text',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
};

/**
 * What is said of a value where its schema has no words of its own. To be given to safeParse as `error`; undefined leaves
 * it to zod.
 */
export function wordsFor(issue: RawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type': {
      if (issue.input === undefined) return 'is missing';
      const kind = KINDS[issue.expected];
      return kind && `must be ${kind}`;
    }
    case 'invalid_value':
      return `must be ${issue.values.map(String).join(' or ')}`;
    case 'too_small':
      if (issue.origin === 'number') return `must be ${issue.minimum} or more`;
      return issue.minimum === 1 ? 'must not be empty' : undefined;
    case 'too_big':
      if (issue.origin === 'number') return `must be ${issue.maximum} or less`;
      return undefined;
    default:
      return undefined;
  }
}

/** `path: what is wrong`, a line for each issue. */
export const issueLines = (issues: readonly Issue[]): string[] => [
  ...new Set(issues.flatMap((issue) => linesOf(issue, []))),
];

/**
 * Of a value that may be one of several things, such as `false` or an object, only what the closest of them lacks is said:
 * "invalid input" would name neither the option below it nor what to write.
 */
function linesOf(issue: Issue, above: readonly PropertyKey[]): string[] {
  const path = [...above, ...issue.path];
  if (issue.code === 'invalid_union') {
    const closest = issue.errors.reduce<Issue[]>((best, one) => (depthOf(one) > depthOf(best) ? [...one] : best), []);
    if (closest.length > 0) return closest.flatMap((one) => linesOf(one, path));
  }
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => `${[...path, key].map(String).join('.')}: is no option`);
  return [`${path.map(String).join('.') || 'options'}: ${issue.message}`];
}

/** How far reading came before it failed: an object with one wrong member is closer than none at all. */
const depthOf = (issues: readonly Issue[]): number => Math.max(0, ...issues.map(({ path }) => path.length));
