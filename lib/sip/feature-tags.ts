import { canonicalApplication, TAG_TOKEN } from '../model/application-id.ts';

/** Media feature tag by which a device names the push applications it runs, lower case. */
export const PUSH_APPLICATION_TAG = '+g.oma.pusheventapp';

/** More values than any device runs; a longer list is cut, since its rest came from a broken or hostile peer. */
const MAX_VALUES = 64;
/** Octets of one value; application ids of the OMNA registry stay below 80. */
const MAX_VALUE_LENGTH = 256;

/**
 * The applications of one `+g.oma.pusheventapp` value, as it stands in a Contact, with or without its quotes:
 * `"mms.ua,ulp.ua"`, `"<x-oma-docomo:open.ctl>"`. Canonical forms, without doubles. Undefined when it names none.
 * Negated values (`!mms.ua`, RFC 3840 section 9) say what the device does not run and are left out.
 */
export function readApplications(value: string): readonly string[] | undefined {
  const list = unquote(value.trim());
  const found = new Set<string>();
  for (const item of splitTagValues(list)) {
    if (item === '' || item.startsWith('!') || item.length > MAX_VALUE_LENGTH) continue;
    found.add(canonicalApplication(item));
    if (found.size === MAX_VALUES) break;
  }
  return found.size === 0 ? undefined : [...found];
}

/** A `+g.oma.pusheventapp` value, quotes included, for these applications: `"mms.ua,<x-oma-docomo:open.ctl>"`. */
export const writeApplications = (ids: readonly string[]): string => `"${ids.map(tagValue).join(',')}"`;

/**
 * Accept-Contact value that reaches only contacts which named this application (RFC 3841 section 9.2):
 * `require` drops contacts that do not match, `explicit` those that do not mention the tag. Undefined when the id
 * cannot stand in a header; then nothing is asked of the core.
 */
export function acceptContactFor(applicationId: string): string | undefined {
  const id = canonicalApplication(applicationId);
  if (id === '' || id === '*' || !fitsInTag(id)) return undefined;
  return `*;${PUSH_APPLICATION_TAG}="${tagValue(id)}";require;explicit`;
}

/** Accept-Contact value that reaches only the device of this instance (RFC 5626 section 4.1), `urn:uuid:…` without brackets. */
export function acceptContactForInstance(instance: string): string | undefined {
  return fitsInTag(instance) ? `*;+sip.instance="<${instance}>";require;explicit` : undefined;
}

/** Token form where RFC 3840 allows it, else the string form: `:` may not stand in a token. */
function tagValue(id: string): string {
  const canonical = canonicalApplication(id);
  return TAG_TOKEN.test(canonical) ? canonical : `<${canonical}>`;
}

/** Printable ASCII that neither ends the quoted string nor the `<...>` inside it. */
const fitsInTag = (text: string): boolean => text.length <= MAX_VALUE_LENGTH && /^[!#-;=?-[\]-~]+$/.test(text);

function unquote(value: string): string {
  return value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
}

/** Splits at commas outside `<...>`: a string value may hold one. */
function splitTagValues(list: string): string[] {
  const items: string[] = [];
  let start = 0;
  let depth = 0;
  for (let i = 0; i < list.length; i++) {
    const character = list[i];
    if (character === '<') depth = 1;
    else if (character === '>') depth = 0;
    else if (character === ',' && depth === 0) {
      items.push(list.slice(start, i).trim());
      start = i + 1;
    }
  }
  items.push(list.slice(start).trim());
  return items;
}
