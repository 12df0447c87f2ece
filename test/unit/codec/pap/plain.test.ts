import assert from 'node:assert/strict';
import { PAP_LIMITS } from '../../../../lib/codec/pap/element.ts';
import { readPlain } from '../../../../lib/codec/pap/plain.ts';

const PLAIN: Record<string, string> = {
  'elements alone': '<pap><push-message push-id="1"/></pap>',
  'a declaration': '<?xml version="1.0" encoding=\'utf-8\' standalone="no" ?>\r\n<pap/>',
  'a public DOCTYPE':
    '<!DOCTYPE pap PUBLIC "-//WAPFORUM//DTD PAP 1.0//EN" "http://www.wapforum.org/DTD/pap_1.0.dtd">\n<pap/>',
  'a version instruction': '<!DOCTYPE pap [<?wap-pap-ver supported-versions="2.*,1.*"?>]><pap/>',
  'blanks where they may be': '<pap a="1"\n\tb="2" ></pap >\r\n',
};

const NOT_PLAIN: Record<string, string> = {
  nothing: '',
  'a reference': '<pap a="&lt;"/>',
  'a comment': '<pap><!-- a --></pap>',
  'an instruction': '<?a b?><pap/>',
  CDATA: '<pap><![CDATA[]]></pap>',
  text: '<pap>a</pap>',
  'a name in capitals': '<PAP/>',
  'a name that every object has': '<pap constructor="1"/>',
  'an attribute twice': '<pap a="1" a="1"/>',
  'attributes without a blank between': '<pap a="1"b="2"/>',
  'an attribute without quotes': '<pap a=1/>',
  'a line end in a value': '<pap a="1\n2"/>',
  'a tag in a value': '<pap a="<b>"/>',
  'a letter that is not ASCII': '<pap a="\u00e9"/>',
  'a blank that XML has not': '<pap/>\u00a0',
  'another end': '<pap><a></b></pap>',
  'no end': '<pap><a></a>',
  'an end too many': '<pap/></pap>',
  'two roots': '<pap/><pap/>',
  'an entity': '<!DOCTYPE pap [<!ENTITY a "b">]><pap/>',
  'two DOCTYPEs': '<!DOCTYPE pap><!DOCTYPE pap><pap/>',
  'XML 1.1': '<?xml version="1.1"?><pap/>',
  'too many levels': `${'<a>'.repeat(PAP_LIMITS.depth + 1)}${'</a>'.repeat(PAP_LIMITS.depth + 1)}`,
  'too many elements': `<pap>${'<a/>'.repeat(PAP_LIMITS.elements)}</pap>`,
  'too many characters': `<pap a="${'b'.repeat(PAP_LIMITS.attributeLength + 1)}"/>`,
  'too many attributes': `<pap ${Array.from({ length: PAP_LIMITS.attributesPerElement + 1 }, (_, n) => `a${'b'.repeat(n)}="1"`).join(' ')}/>`,
};

describe('a plain PAP document', () => {
  for (const [what, text] of Object.entries(PLAIN)) {
    it(`may have ${what}`, () => assert.notEqual(readPlain(text, PAP_LIMITS), undefined));
  }

  for (const [what, text] of Object.entries(NOT_PLAIN)) {
    it(`has not ${what}`, () => assert.equal(readPlain(text, PAP_LIMITS), undefined));
  }

  it('may be as large as the limits are', () => {
    const { depth, elements, attributeLength, attributesPerElement } = PAP_LIMITS;
    const attributes = Array.from({ length: attributesPerElement }, (_, n) => `a${'b'.repeat(n)}="1"`).join(' ');
    for (const text of [
      `${'<a>'.repeat(depth)}${'</a>'.repeat(depth)}`,
      `<pap>${'<a/>'.repeat(elements - 1)}</pap>`,
      `<pap a="${'b'.repeat(attributeLength)}"/>`,
      `<pap ${attributes}/>`,
    ])
      assert.notEqual(readPlain(text, PAP_LIMITS), undefined, text.slice(0, 40));
  });

  it('is read to its elements and attributes', () => {
    const text =
      '<!DOCTYPE pap SYSTEM "pap_2.0.dtd"><pap product-name="a"><ccq-message>\n<address address-value=\'"\'/></ccq-message></pap>';
    const plain = readPlain(text, PAP_LIMITS);
    assert.equal(plain?.doctype, ' pap SYSTEM "pap_2.0.dtd"');
    assert.deepEqual(plain?.root, {
      name: 'pap',
      attributes: { 'product-name': 'a' },
      children: [
        {
          name: 'ccq-message',
          attributes: {},
          children: [{ name: 'address', attributes: { 'address-value': '"' }, children: [] }],
        },
      ],
    });
  });
});
