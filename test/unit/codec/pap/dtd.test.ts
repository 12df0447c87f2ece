import assert from 'node:assert/strict';
import { type AttributeRule, MESSAGE_NAMES, MESSAGE_STATES, PAP_DTD } from '../../../../lib/codec/pap/dtd.ts';
import { readPap } from '../../../../lib/codec/pap/read.ts';

/** A value that an attribute may have. */
function aValueOf({ type }: AttributeRule): string {
  switch (type) {
    case 'datetime':
      return '2026-09-21T14:00:00Z';
    case 'code':
      return '1000';
    case 'text':
    case 'identifier':
      return 'x';
    default:
      return type[0] as string;
  }
}

/** The smallest valid element, with changes: attribute values by name, `undefined` leaves one out. */
function smallest(name: string, changes: Record<string, string | undefined> = {}, children?: string): string {
  const rule = PAP_DTD[name];
  assert.ok(rule);
  const attributes: Record<string, string | undefined> = {};
  for (const [attribute, each] of Object.entries(rule.attributes))
    if (each.required) attributes[attribute] = aValueOf(each);
  Object.assign(attributes, changes);
  const written = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([attribute, value]) => ` ${attribute}="${value}"`);
  const inner = rule.children
    .filter(({ occurs }) => occurs === '1' || occurs === '+')
    .map((child) => smallest(child.name));
  return `<${name}${written.join('')}>${children ?? inner.join('')}</${name}>`;
}

const inPap = (message: string): Buffer => Buffer.from(`<pap>${message}</pap>`);
const INVALID = { name: 'PpgError', code: 'PPG_E_PAP_DOCUMENT', papCode: 2000 };

/** A document around an element that is no message itself. */
const AROUND: Record<string, (element: string) => string> = {
  address: (element) => smallest('cancel-message', {}, element),
  'quality-of-service': (element) => smallest('push-message', {}, smallest('address') + element),
  'progress-note': (element) => smallest('push-response', {}, element + smallest('response-result')),
  'response-result': (element) => smallest('push-response', {}, element),
  'cancel-result': (element) => smallest('cancel-response', {}, element),
  'statusquery-result': (element) => smallest('statusquery-response', {}, element),
};
const documentOf = (name: string, element: string): Buffer => inPap(AROUND[name]?.(element) ?? element);

describe('the PAP DTD', () => {
  it('has every element of WAP-247 section 9, and every rule names only elements it has', () => {
    assert.equal(Object.keys(PAP_DTD).length, 18);
    for (const { children } of Object.values(PAP_DTD)) for (const { name } of children) assert.ok(PAP_DTD[name], name);
    for (const name of MESSAGE_NAMES) assert.ok(PAP_DTD[name], name);
  });

  for (const strict of [true, false]) {
    describe(strict ? 'to the letter' : 'with good will', () => {
      const read = (octets: Buffer) => readPap(octets, { strict });

      for (const [name, { attributes, children }] of Object.entries(PAP_DTD)) {
        if (name === 'pap') continue;
        it(`reads the smallest ${name}`, () => void read(documentOf(name, smallest(name))));

        it(`reads ${name} with every attribute`, () => {
          const all = Object.fromEntries(
            Object.entries(attributes).map(([attribute, rule]) => [attribute, aValueOf(rule)]),
          );
          read(documentOf(name, smallest(name, all)));
        });

        for (const [attribute, rule] of Object.entries(attributes)) {
          const forgiven = rule.tolerant && !strict;
          if (rule.required) {
            it(`${forgiven ? 'forgives' : 'refuses'} ${name} without ${attribute}`, () => {
              const document = documentOf(name, smallest(name, { [attribute]: undefined }));
              if (forgiven) read(document);
              else assert.throws(() => read(document), INVALID);
            });
          }
          if (rule.type !== 'text') {
            it(`${forgiven && typeof rule.type !== 'string' ? 'forgives' : 'refuses'} ${name} with a wrong ${attribute}`, () => {
              const document = documentOf(
                name,
                smallest(name, { [attribute]: rule.type === 'identifier' ? '' : 'wrong' }),
              );
              if (forgiven && typeof rule.type !== 'string') read(document);
              else assert.throws(() => read(document), INVALID);
            });
          }
          if (typeof rule.type !== 'string') {
            for (const value of rule.type) {
              it(`reads ${name} with ${attribute}="${value}"`, () =>
                void read(documentOf(name, smallest(name, { [attribute]: value }))));
            }
          }
        }

        it(`refuses ${name} with a child it does not have`, () =>
          assert.throws(() => read(documentOf(name, smallest(name, {}, '<pap/>'))), INVALID));

        for (const child of children) {
          const inner = children
            .filter(({ occurs }) => occurs === '1' || occurs === '+')
            .map((each) => smallest(each.name));
          const one = smallest(child.name);
          if (child.occurs === '1' || child.occurs === '?') {
            it(`refuses ${name} with two of ${child.name}`, () => {
              const others = inner.filter((each) => each !== one);
              assert.throws(() => read(documentOf(name, smallest(name, {}, one + one + others.join('')))), INVALID);
            });
          }
          if ((child.occurs === '1' || child.occurs === '+') && (strict || !child.tolerant)) {
            it(`refuses ${name} without ${child.name}`, () =>
              assert.throws(() => read(documentOf(name, smallest(name, {}, ''))), INVALID));
          }
        }
      }

      it(`${strict ? 'refuses' : 'ignores'} an attribute that the DTD does not have`, () => {
        const document = inPap(smallest('cancel-message', { pushid: 'x' }));
        if (strict) assert.throws(() => read(document), INVALID);
        else read(document);
      });

      it(`${strict ? 'refuses' : 'takes'} children out of order`, () => {
        const document = inPap(smallest('push-message', {}, '<quality-of-service/><address address-value="a"/>'));
        if (strict) assert.throws(() => read(document), INVALID);
        else read(document);
      });

      it(`${strict ? 'refuses' : 'takes'} an enumerated value in another case`, () => {
        const document = inPap(smallest('push-message', { 'progress-notes-requested': 'True' }));
        if (strict) return assert.throws(() => read(document), INVALID);
        const message = read(document);
        assert.ok(message.message === 'push-message' && message.progressNotes);
      });
    });
  }

  it('fills in its defaults', () => {
    const message = readPap(inPap(smallest('push-message', {}, '<address address-value="a"/><quality-of-service/>')));
    assert.deepEqual(message, {
      message: 'push-message',
      papVersion: '2.0',
      pushId: 'x',
      replaceMethod: 'all',
      progressNotes: false,
      addresses: ['a'],
      qos: { priority: 'medium', deliveryMethod: 'notspecified', networkRequired: false, bearerRequired: false },
    });
  });

  it('reads the answer of a client that leaves out push-id and address', () => {
    assert.deepEqual(readPap(inPap('<resultnotification-response code="1000"/>')), {
      message: 'resultnotification-response',
      papVersion: '2.0',
      code: 1000,
    });
  });

  it('knows the nine states', () => assert.equal(MESSAGE_STATES.length, 9));
});
