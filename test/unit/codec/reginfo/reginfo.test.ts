import assert from 'node:assert/strict';
import { PpgError } from '../../../../lib/base/errors.ts';
import { REGINFO_LIMITS, readRegInfo } from '../../../../lib/codec/reginfo/read.ts';
import type { RegInfo } from '../../../../lib/codec/reginfo/reginfo.ts';
import { writeRegInfo } from '../../../../lib/codec/reginfo/write.ts';

/** As RFC 3680 section 5.3 and RFC 5628 have it, with what an S-CSCF adds. */
const FULL = `<?xml version="1.0"?>
<reginfo xmlns="urn:ietf:params:xml:ns:reginfo" xmlns:gr="urn:ietf:params:xml:ns:gruuinfo" version="7" state="full">
  <registration aor="sip:alice@example.com" id="a7" state="active">
    <contact id="76" state="active" event="registered" duration-registered="7322" q="0.8" expires="3600"
             callid="abc@10.0.0.1" cseq="17">
      <uri>sip:alice@10.0.0.1:5060;transport=tcp</uri>
      <display-name>Alice</display-name>
      <unknown-param name="+sip.instance">"&lt;urn:uuid:1&gt;"</unknown-param>
      <unknown-param name="+g.oma.pusheventapp">mms.ua,ulp.ua</unknown-param>
      <unknown-param name="+g.3gpp.smsip"></unknown-param>
      <unknown-param name="+g.note"><![CDATA[a "quoted" word]]></unknown-param>
      <gr:pub-gruu uri="sip:alice@example.com;gr=urn:uuid:1"/>
      <gr:temp-gruu uri="sip:tgruu.7hs@example.com;gr" first-cseq="54301"/>
    </contact>
  </registration>
  <registration aor="tel:+358401" id="a8" state="terminated">
    <contact id="77" state="terminated" event="probation" retry-after="30" expires="x"><uri>sip:x@10.0.0.2</uri></contact>
  </registration>
</reginfo>`;

const read = (text: string): RegInfo => readRegInfo(Buffer.from(text));

const refused = (text: string, what: RegExp): void => {
  assert.throws(
    () => read(text),
    (error: unknown) => error instanceof PpgError && error.code === 'PPG_E_REGINFO' && what.test(error.message),
  );
};

const around = (inside: string, attributes = 'version="0" state="full"'): string =>
  `<reginfo xmlns="urn:ietf:params:xml:ns:reginfo" ${attributes}>${inside}</reginfo>`;

describe('registration information documents (RFC 3680)', () => {
  it('are read with contacts, feature parameters and GRUUs', () => {
    const { version, state, registrations } = read(FULL);
    assert.deepEqual([version, state], [7, 'full']);
    assert.deepEqual(registrations, [
      {
        aor: 'sip:alice@example.com',
        id: 'a7',
        state: 'active',
        contacts: [
          {
            id: '76',
            uri: 'sip:alice@10.0.0.1:5060;transport=tcp',
            state: 'active',
            event: 'registered',
            expires: 3600,
            q: '0.8',
            callId: 'abc@10.0.0.1',
            cseq: 17,
            params: [
              { name: '+sip.instance', value: '<urn:uuid:1>' },
              { name: '+g.oma.pusheventapp', value: 'mms.ua,ulp.ua' },
              { name: '+g.3gpp.smsip' },
              { name: '+g.note', value: 'a "quoted" word' },
            ],
            pubGruu: 'sip:alice@example.com;gr=urn:uuid:1',
            tempGruu: 'sip:tgruu.7hs@example.com;gr',
          },
        ],
      },
      {
        aor: 'tel:+358401',
        id: 'a8',
        state: 'terminated',
        contacts: [
          { id: '77', uri: 'sip:x@10.0.0.2', state: 'terminated', event: 'probation', retryAfter: 30, params: [] },
        ],
      },
    ]);
  });

  it('are read with a prefix for every element, with unbound prefixes, and with elements of others', () => {
    const { registrations } = read(
      `<r:reginfo version="1" state="partial" xmlns:r="urn:ietf:params:xml:ns:reginfo">
        <r:registration aor="sip:chat-1@example.com" id="1" state="active"><x:more>y</x:more>
        <ere:wildcardedIdentity>sip:chat-!.*!@example.com</ere:wildcardedIdentity>
        <r:contact id="2" state="active" event="turned-on"><r:uri>sip:c@10.0.0.1</r:uri></r:contact>
        </r:registration></r:reginfo>`,
    );
    assert.equal(registrations[0]?.wildcard, 'sip:chat-!.*!@example.com');
    assert.equal(registrations[0]?.contacts[0]?.event, 'registered');
  });

  it('are written as they are read', () => {
    const document = read(FULL);
    assert.deepEqual(read(writeRegInfo(document)), document);
  });

  it('have values that XML cannot hold made harmless', () => {
    const contact = { id: '1', uri: 'sip:a@b', state: 'active', event: 'created', params: [] } as const;
    const hostile = '"><evil a="&\r\n';
    const text = writeRegInfo({
      version: 0,
      state: 'full',
      registrations: [{ aor: hostile, id: '1', state: 'active', contacts: [contact] }],
    });
    const { registrations } = read(text);
    assert.equal(registrations.length, 1);
    assert.equal(registrations[0]?.aor, hostile.trim());
  });

  it('without version count as version 0, as unreadable numbers count as missing', () => {
    assert.equal(read(around('', 'state="full"')).version, 0);
    assert.equal(read(around('', 'state="full" version="-1"')).version, 0);
  });

  for (const [what, text, why] of [
    ['that are no XML', '<reginfo', /well-formed/],
    ['that are another document', '<presence state="full"/>', /not reginfo/],
    ['without state', around('', 'version="1"'), /state/],
    ['of an unknown state', around('', 'state="half"'), /state/],
    ['of a registration without aor', around('<registration id="1" state="active"/>'), /aor/],
    ['with a DTD', `<!DOCTYPE r [<!ENTITY a "b">]>${around('')}`, /DTD/],
    ['with an entity', around('&a;'), /well-formed/],
    ['with an unknown encoding', '<?xml version="1.0" encoding="x"?><reginfo state="full">\xe4</reginfo>', /XML/],
    ['that are too deep', around('<a>'.repeat(9) + '</a>'.repeat(9)), /8 levels/],
    ['that are too large', around(' '.repeat(REGINFO_LIMITS.bytes)), /octets/],
    ['of too many elements', around('<a/>'.repeat(REGINFO_LIMITS.elements)), /elements/],
    ['of too many registrations', around('<registration aor="a" state="init"/>'.repeat(65)), /64 registrations/],
    [
      'of too many contacts',
      around(
        `<registration aor="a" state="active">${'<contact state="active" event="created"/>'.repeat(65)}</registration>`,
      ),
      /64 contacts/,
    ],
    ['with a text too long', around(`<a>${'x'.repeat(REGINFO_LIMITS.text + 1)}</a>`), /characters/],
  ] as const) {
    it(`${what} are refused`, () => refused(text, why));
  }
});
