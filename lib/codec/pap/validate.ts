import { PpgError } from '../../base/errors.ts';
import { parseDatetime } from './datetime.ts';
import { type AttributeRule, type ChildRule, type ElementRule, elementRule } from './dtd.ts';
import { PAP_LIMITS, type PapElement } from './element.ts';
import { isIdentifier } from './identifier.ts';

/** How closely a document is held to the DTD. */
export interface Strictness {
  /** Refuse what the DTD does not have, also where real clients are known to write it. */
  readonly strict: boolean;
  /** The document is of a newer minor version: what the DTD does not have is ignored (WAP-247 section 8.2). */
  readonly additions: boolean;
  /** The document is of PAP 1.0: what came with 2.0 is as unknown to it as anything else. */
  readonly before2: boolean;
}

/** By name, and only names that the DTD has. */
type AttributeTexts = Readonly<Record<string, string>>;

/** An element that agrees with the DTD; attributes have their defaults and canonical spelling. */
export class ValidElement {
  readonly name: string;
  readonly #attributes: AttributeTexts;
  readonly #children: readonly ValidElement[];

  constructor(name: string, attributes: AttributeTexts, children: readonly ValidElement[]) {
    this.name = name;
    this.#attributes = attributes;
    this.#children = children;
  }

  text(name: string): string | undefined {
    return this.#attributes[name];
  }

  /** The value of an attribute that the DTD requires or has a default for. */
  required(name: string): string {
    const value = this.#attributes[name];
    if (value === undefined) throw invalid(`${this.name} has no ${name}`);
    return value;
  }

  time(name: string): number | undefined {
    const value = this.#attributes[name];
    return value === undefined ? undefined : parseDatetime(value);
  }

  flag(name: string): boolean {
    return this.#attributes[name] === 'true';
  }

  child(name: string): ValidElement | undefined {
    return this.#children.find((child) => child.name === name);
  }

  children(name: string): ValidElement[] {
    return this.#children.filter((child) => child.name === name);
  }

  get only(): ValidElement | undefined {
    return this.#children[0];
  }
}

const MINIMUM: Record<ChildRule['occurs'], number> = { '1': 1, '+': 1, '?': 0, '*': 0 };
const MAXIMUM: Record<ChildRule['occurs'], number> = {
  '1': 1,
  '?': 1,
  '+': PAP_LIMITS.addresses,
  '*': PAP_LIMITS.addresses,
};

/**
 * Holds an element and all it contains against the DTD.
 *
 * @throws PPG_E_PAP_DOCUMENT naming element and attribute; PPG_E_PAP_TOO_LARGE for too many addresses.
 */
export function validate(element: PapElement, how: Strictness): ValidElement {
  const rule = elementRule(element.name);
  if (rule === undefined) throw invalid(`PAP has no element ${clip(element.name)}`);
  return new ValidElement(element.name, attributesOf(element, rule, how), childrenOf(element, rule, how));
}

function attributesOf(element: PapElement, rule: ElementRule, how: Strictness): AttributeTexts {
  const values: Record<string, string> = {};
  for (const name in element.attributes) {
    const known = Object.hasOwn(rule.attributes, name) ? rule.attributes[name] : undefined;
    // A 1.0 document that names what it replaces is believed: to ignore it would deliver both.
    const wanted = how.strict && how.before2 && known?.since2 === true ? undefined : known;
    if (wanted === undefined) {
      if (how.strict && !how.additions && !isXmlAttribute(name))
        throw invalid(`${element.name} has no attribute ${clip(name)}`);
      continue;
    }
    const value = readAttribute(element.name, name, element.attributes[name] as string, wanted, how);
    if (value !== undefined) values[name] = value;
  }
  for (const name in rule.attributes) {
    const wanted = rule.attributes[name] as AttributeRule;
    if (values[name] !== undefined) continue;
    if (wanted.default !== undefined) values[name] = wanted.default;
    else if (wanted.required && (how.strict || !wanted.tolerant)) throw invalid(`${element.name} lacks ${name}`);
  }
  return values;
}

/** xml:lang, xmlns and their kind belong to XML, not to PAP. */
const isXmlAttribute = (name: string): boolean => name.startsWith('xml');

function readAttribute(
  element: string,
  name: string,
  value: string,
  rule: AttributeRule,
  how: Strictness,
): string | undefined {
  const { type } = rule;
  switch (type) {
    case 'text':
      return value;
    case 'identifier':
      if (!isIdentifier(value)) throw invalid(`${name} of ${element} is empty, too long or has control characters`);
      return value;
    case 'datetime':
      if (parseDatetime(value) === undefined) throw invalid(`${name} of ${element} is no YYYY-MM-DDThh:mm:ssZ`);
      return value;
    case 'code':
      if (!CODE.test(value)) throw invalid(`${name} of ${element} is no status code`);
      return value;
    default: {
      if (type.includes(value)) return value;
      if (how.strict) throw invalid(`${name} of ${element} is none of ${type.join(', ')}`);
      const folded = value.trim().toLowerCase();
      if (type.includes(folded)) return folded;
      if (rule.tolerant) return undefined;
      throw invalid(`${name} of ${element} is none of ${type.join(', ')}`);
    }
  }
}

const CODE = /^\d{3,5}$/;

const NO_CHILDREN: readonly ValidElement[] = [];

function childrenOf(element: PapElement, rule: ElementRule, how: Strictness): readonly ValidElement[] {
  if (element.children.length === 0 && rule.children.length === 0) return NO_CHILDREN;
  const children: ValidElement[] = [];
  let furthest = 0;
  const counts = new Array<number>(rule.children.length).fill(0);
  for (const child of element.children) {
    const place = rule.children.findIndex(({ name }) => name === child.name);
    if (place < 0) {
      if (how.additions && elementRule(child.name) === undefined) continue;
      throw invalid(`${element.name} holds ${clip(child.name)}`);
    }
    if (how.strict && place < furthest) throw invalid(`${child.name} comes too late in ${element.name}`);
    furthest = Math.max(furthest, place);
    counts[place] = (counts[place] as number) + 1;
    children.push(validate(child, how));
  }
  for (let place = 0; place < counts.length; place++) {
    const { name, occurs, tolerant } = rule.children[place] as ChildRule;
    const count = counts[place] as number;
    if (count < MINIMUM[occurs] && (how.strict || !tolerant)) throw invalid(`${element.name} holds no ${name}`);
    if (count <= MAXIMUM[occurs]) continue;
    if (MAXIMUM[occurs] === 1) throw invalid(`${element.name} holds more than one ${name}`);
    throw new PpgError('PPG_E_PAP_TOO_LARGE', `${element.name} holds more than ${MAXIMUM[occurs]} of ${name}`);
  }
  return children;
}

const clip = (name: string): string => name.slice(0, 60);

const invalid = (what: string): PpgError => new PpgError('PPG_E_PAP_DOCUMENT', `the document is no valid PAP: ${what}`);
