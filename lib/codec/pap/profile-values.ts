import { SaxesParser } from 'saxes';
import { messageOf, PpgError } from '../../base/errors.ts';
import { decodeXml } from './encoding.ts';
import { UAPROF_LIMITS } from './uaprof.ts';

const RDF = 'http://www.w3.org/1999/02/22-rdf-syntax-ns#';
const UAPROF = /^https?:\/\/[^/]+\/.*UAPROF\/ccppschema-/i;

/**
 * The attributes of a UAProf document (WAP-248) with their values, in order, whatever their component: bags, plain text, and
 * profiles that are referred to (`Defaults`). For people to look at; nothing is refused but what is no XML or too large.
 *
 * @throws PPG_E_CAPABILITIES for what is no well-formed XML or past {@link UAPROF_LIMITS}.
 */
export function readProfileValues(octets: Buffer): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  const open: string[] = [];
  let text = '';
  let elements = 0;
  const add = (value: string): void => {
    const name = open.findLast((each) => each !== '');
    if (name === undefined || value === '') return;
    const values = found.get(name) ?? [];
    values.push(value.slice(0, UAPROF_LIMITS.valueLength));
    found.set(name, values);
  };
  const parser = new SaxesParser({ xmlns: true as const, position: false });
  parser.on('opentag', ({ uri, local, attributes }) => {
    if (++elements > UAPROF_LIMITS.elements || open.length === UAPROF_LIMITS.depth) throw refused('is too large');
    // only elements of the vocabulary have a name; those of RDF belong to the one around them
    open.push(UAPROF.test(uri) && local !== 'component' ? local : '');
    text = '';
    const resource = Object.values(attributes).find((each) => each.uri === RDF && each.local === 'resource');
    if (resource !== undefined && !(uri === RDF && local === 'type')) add(resource.value);
  });
  parser.on('text', (value) => {
    if (text.length < UAPROF_LIMITS.valueLength) text += value;
  });
  parser.on('closetag', () => {
    add(text.trim());
    text = '';
    open.pop();
  });
  parser.on('error', (error) => {
    throw error;
  });
  if (octets.length > UAPROF_LIMITS.bytes) throw refused('is too large');
  try {
    parser.write(decodeXml(octets).trimStart()).close();
  } catch (error) {
    if (error instanceof PpgError) throw error;
    throw refused(`is not well-formed XML: ${messageOf(error)}`);
  }
  return found;
}

const refused = (what: string): PpgError => new PpgError('PPG_E_CAPABILITIES', `the capabilities document ${what}`);
