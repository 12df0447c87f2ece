import assert from 'node:assert/strict';
import { readRegInfo } from '../../lib/codec/reginfo/read.ts';
import { writeRegInfo } from '../../lib/codec/reginfo/write.ts';
import type { FuzzTarget } from './fuzz.ts';
import { buffers } from './tools.ts';

/** Registration information documents of cores, with and without what 3GPP and RFC 5628 add. */
export const REGINFO_TARGET: FuzzTarget = {
  name: 'reginfo',
  seeds: buffers(
    '<?xml version="1.0"?><reginfo xmlns="urn:ietf:params:xml:ns:reginfo" version="0" state="full"><registration aor="sip:a@b" id="1" state="active"><contact id="2" state="active" event="registered" expires="600" q="0.5" callid="x" cseq="1"><uri>sip:a@10.0.0.1</uri><unknown-param name="+sip.instance">"&lt;urn:uuid:1&gt;"</unknown-param><unknown-param name="+g.3gpp.smsip"/><gr:pub-gruu uri="sip:a@b;gr=1"/></contact></registration></reginfo>',
    '<r:reginfo version="3" state="partial"><r:registration aor="tel:+1" id="1" state="terminated"><ere:wildcardedIdentity>sip:x-!.*!@b</ere:wildcardedIdentity></r:registration></r:reginfo>',
  ),
  words: [
    ...['<reginfo ', '<registration ', '<contact ', '<uri>', '</uri>', '<unknown-param name="', '/>', '<gr:pub-gruu '],
    ...['state="', 'active', 'terminated', 'full', 'partial', 'version="', 'expires="', '4294967296', 'aor="', 'id=""'],
    ...['&lt;', '&#0;', '&x;', '<![CDATA[', ']]>', '<!--', '<!DOCTYPE a>', '\xff\xfe', '\0', 'encoding="utf-16"'],
  ],
  run(octets) {
    const document = readRegInfo(octets);
    // What was read can be written, and says the same to whoever reads it: but for blanks around values.
    const again = readRegInfo(Buffer.from(writeRegInfo(document)));
    assert.equal(again.registrations.length, document.registrations.length);
    for (const [at, { state, contacts }] of document.registrations.entries()) {
      assert.equal(again.registrations[at]?.state, state);
      assert.equal(again.registrations[at]?.contacts.length, contacts.length);
    }
  },
};
