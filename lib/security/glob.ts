/**
 * A matcher for a pattern in which `*` stands for any run of characters; letter case does not count. It takes time in
 * the product of both lengths at worst, whatever the pattern: no regular expression is made of what an operator wrote.
 */
export function glob(pattern: string): (text: string) => boolean {
  const wanted = pattern.toLowerCase();
  if (!wanted.includes('*')) return (text) => text.toLowerCase() === wanted;
  return (text) => matches(wanted, text.toLowerCase());
}

/** Every part between two stars is found at its first place after the one before it; that is never worse than a later one. */
function matches(pattern: string, text: string): boolean {
  const parts = pattern.split('*');
  const first = parts[0] as string;
  const last = parts.at(-1) as string;
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false;
  const end = text.length - last.length;
  let at = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}
