import assert from 'node:assert/strict';
import { readImdn } from '../../../../lib/codec/imdn/imdn.ts';

/** As RFC 5438 section 9.2 has it. */
const document = (inner: string, root = 'imdn xmlns="urn:ietf:params:xml:ns:imdn"'): Buffer =>
  Buffer.from(
    `<?xml version="1.0" encoding="UTF-8"?>\r\n<${root}>\r\n <message-id>34jk324j</message-id>
    <datetime>2008-04-04T12:16:49-05:00</datetime>
    <recipient-uri>im:bob@example.com</recipient-uri>${inner}</${root.split(' ')[0]}>`,
  );
const delivery = (status: string): string =>
  `<delivery-notification><status><${status}/></status></delivery-notification>`;

describe('message/imdn+xml', () => {
  it('tells what became of which message', () => {
    for (const status of ['delivered', 'failed', 'forbidden', 'error']) {
      assert.deepEqual(readImdn(document(delivery(status))), { messageId: '34jk324j', kind: 'delivery', status });
    }
    const displayed = '<display-notification><status><displayed/></status></display-notification>';
    assert.equal(readImdn(document(displayed))?.kind, 'display');
  });

  it('may come with a prefix, or in no name space at all', () => {
    const prefixed = document(delivery('delivered'), 'i:imdn xmlns:i="urn:ietf:params:xml:ns:imdn"').toString();
    const tags = /<(\/?)(message-id|datetime|recipient-uri|delivery-notification|status|delivered)/g;
    assert.equal(readImdn(Buffer.from(prefixed.replace(tags, '<$1i:$2')))?.status, 'delivered');
    assert.equal(readImdn(document(delivery('delivered'), 'imdn'))?.status, 'delivered');
  });

  it('that says nothing of a disposition is none', () => {
    assert.equal(readImdn(document('')), undefined);
    assert.equal(readImdn(document('<other><status><delivered/></status></other>')), undefined);
    const strange = document(delivery('delivered'), 'imdn xmlns="urn:something:else"');
    assert.equal(readImdn(strange), undefined);
  });

  it('is refused when it is no document, or more than one would be', () => {
    const deep = `${'<a>'.repeat(20)}${'</a>'.repeat(20)}`;
    const broken = [
      '',
      '<imdn>',
      '<!DOCTYPE imdn [<!ENTITY a "b">]><imdn/>',
      `<imdn>${deep}</imdn>`,
      'x'.repeat(20_000),
    ];
    for (const text of [...broken, `<imdn>${'<a/>'.repeat(200)}</imdn>`, '<imdn>&a;</imdn>']) {
      assert.throws(() => readImdn(Buffer.from(text)), { code: 'PPG_E_CPIM' }, text.slice(0, 40));
    }
  });
});
