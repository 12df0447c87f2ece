/** What the DOCTYPE of a PAP document says of its version (WAP-247 section 8). */
export interface DeclaredVersion {
  /** `major.minor`; 2.0 where the document does not say. */
  readonly version: string;
  /** The list of `<?wap-pap-ver supported-versions="…"?>`, most preferred first: `2.0`, `1.*`. */
  readonly supported?: readonly string[];
}

/** The version of a document that does not tell its own: clients of our days all speak the vocabulary of 2.0. */
export const DEFAULT_VERSION = '2.0';
/** Version an answer is written in when the two sides have none in common (WAP-247 section 8.2). */
export const FALLBACK_VERSION = '1.0';
/** What this gateway understands, most preferred first; 2.1 to 2.3 are 2.0 with additions that may be ignored. */
export const SUPPORTED_VERSIONS = '2.*,1.*';

const VERSION = /\bPAP\s+(\d{1,3})\.(\d{1,3})\b/i;
const SYSTEM_VERSION = /\bpap_(\d{1,3})\.(\d{1,3})\.dtd$/i;
const SUPPORTED = /^supported-versions\s*=\s*(?:"([^"]*)"|'([^']*)')\s*$/;
const LISTED = /^(\d{1,3})\.(\d{1,3}|\*)$/;
const MAX_LISTED = 16;

/**
 * Reads the text between `<!DOCTYPE` and its `>`. The public id tells the version; when it has none, the name of the
 * DTD file does. The internal subset is searched for the version instruction and for nothing else.
 */
export function readDoctype(doctype: string | undefined): DeclaredVersion {
  if (doctype === undefined) return { version: DEFAULT_VERSION };
  if (doctype !== last.doctype) last = { doctype, declared: declaredBy(doctype) };
  return last.declared;
}

/** A Push Initiator writes the same with every push. */
let last: { readonly doctype: string; readonly declared: DeclaredVersion } = {
  doctype: '',
  declared: { version: DEFAULT_VERSION },
};

function declaredBy(doctype: string): DeclaredVersion {
  const bracket = doctype.indexOf('[');
  const declaration = bracket < 0 ? doctype : doctype.slice(0, bracket);
  const literals = declaration.match(/"[^"]*"|'[^']*'/g) ?? [];
  const isPublic = /\sPUBLIC\s/i.test(declaration);
  const publicId = isPublic ? unquoted(literals[0]) : '';
  const systemId = unquoted(literals[isPublic ? 1 : 0]);
  const found = VERSION.exec(publicId) ?? SYSTEM_VERSION.exec(systemId);
  const version = found === null ? DEFAULT_VERSION : `${Number(found[1])}.${Number(found[2])}`;
  const supported = bracket < 0 ? undefined : versionInstruction(doctype.slice(bracket));
  return supported === undefined ? { version } : { version, supported };
}

const unquoted = (literal: string | undefined): string => literal?.slice(1, -1) ?? '';

function versionInstruction(subset: string): string[] | undefined {
  const start = subset.indexOf('<?wap-pap-ver');
  const end = start < 0 ? -1 : subset.indexOf('?>', start);
  if (end < 0) return undefined;
  const list = SUPPORTED.exec(subset.slice(start + '<?wap-pap-ver'.length, end).trim());
  if (list === null) return undefined;
  return (list[1] ?? list[2] ?? '')
    .split(',', MAX_LISTED)
    .map((version) => version.trim())
    .filter((version) => LISTED.test(version));
}

const major = (version: string): number => Number(version.slice(0, version.indexOf('.')));
const minor = (version: string): number => Number(version.slice(version.indexOf('.') + 1));

/** True for every minor version of majors 1 and 2: within a major, additions may be ignored. */
export const isSupportedVersion = (version: string): boolean => major(version) === 1 || major(version) === 2;

/** True when a document may hold elements and attributes that the DTD of 2.0 has not (2.10 is newer than 2.4). */
export const mayHaveAdditions = (version: string): boolean =>
  (major(version) === 1 && minor(version) > 0) || (major(version) === 2 && minor(version) > 0);

/**
 * The version in which to answer a document whose own is not supported: the first of the sender's list that is,
 * else 1.0 (WAP-247 section 8.2).
 */
export function commonVersion(supported: readonly string[] | undefined): string {
  const first = supported?.find(isSupportedVersion);
  if (first === undefined) return FALLBACK_VERSION;
  return first.endsWith('*') ? `${major(first)}.0` : first;
}

/** The DOCTYPE of a document that is written in `version`, with the version instruction from 2.0 on. */
export function doctypeOf(version: string): string {
  const host =
    major(version) === 2 && minor(version) > 0
      ? 'http://www.openmobilealliance.org/tech/DTD'
      : 'http://www.wapforum.org/DTD';
  // The instruction is for those known to support more than 1.0 (WAP-247 section 8.1).
  const subset = major(version) < 2 ? '' : ` [<?wap-pap-ver supported-versions="${SUPPORTED_VERSIONS}"?>]`;
  return `<!DOCTYPE pap PUBLIC "-//WAPFORUM//DTD PAP ${version}//EN" "${host}/pap_${version}.dtd"${subset}>`;
}
