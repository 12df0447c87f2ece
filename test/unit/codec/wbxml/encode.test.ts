import assert from 'node:assert/strict';
import { PpgError } from '../../../../lib/base/errors.ts';
import { compile } from '../../../../lib/codec/wbxml/convert.ts';
import type { EncodeOptions } from '../../../../lib/codec/wbxml/encode.ts';

const hex = (xml: string, options: EncodeOptions = {}): string =>
  compile(Buffer.from(xml), options).toString('hex').toUpperCase();

const refusedWith = (pattern: RegExp, xml: string | Buffer): void =>
  assert.throws(
    () => compile(Buffer.from(xml as string)),
    (error) => error instanceof PpgError && error.code === 'PPG_E_WBXML' && pattern.test(error.message),
  );

describe('writing WBXML', () => {
  it('the service indication of WAP-167', () => {
    const xml = `<?xml version="1.0"?>
      <!DOCTYPE si PUBLIC "-//WAPFORUM//DTD SI 1.0//EN" "http://www.wapforum.org/DTD/si.dtd">
      <si>
        <indication href="http://www.xyz.com/email/123/abc.wml"
          created="1999-06-25T15:23:15Z"
          si-expires="1999-06-30T00:00:00Z">You have 4 new e-mails</indication>
      </si>`;
    assert.equal(
      hex(xml.trim()),
      '02056A0045C60D0378797A008503656D61696C2F3132332F6162632E776D6C000AC3071999062515231510C304199906300103' +
        '596F7520686176652034206E657720652D6D61696C73000101',
    );
  });

  it('the service loading of WAP-168', () => {
    assert.equal(
      hex('<sl href="http://www.xyz.com/ppaid/123/abc.wml"/>'),
      '02066A00850A0378797A00850370706169642F3132332F6162632E776D6C0001',
    );
  });

  it('an e-mail notification and a cache operation, as libwbxml has them', () => {
    assert.equal(
      hex('<emn mailbox="mailat:joe@wapforum.org" timestamp="2002-04-16T06:40:00Z"/>'),
      '030D6A008507036A6F6540776170666F72756D008805C30620020416064001',
    );
    assert.equal(
      hex('<co><invalidate-service uri="http://www.xyz.com/x/"/></co>'),
      '02076A004587070378797A008503782F000101',
    );
  });

  it('names of code page 1 switch to it, and back', () => {
    const xml =
      '<wap-provisioningdoc><characteristic type="APPLICATION"><parm name="APPID" value="w2"/></characteristic></wap-provisioningdoc>';
    assert.equal(hex(xml), '030B6A0045C6000155018736000006037732000101' + '01');
  });

  it('what has no token is a literal, in the string table once', () => {
    assert.equal(hex('<sl own="1" href="own"/>'), '02066A046F776E0085040003310008830001');
    assert.equal(hex('<sl own="1" href="own"/>', { strings: 'inline' }), '02066A046F776E0085040003310008036F776E0001');
    assert.equal(hex('<si><own/></si>'), '02056A046F776E0045040001');
  });

  it('the version is that of the specification, or as wished', () => {
    assert.equal(hex('<sl href=""/>'), '02066A00850801');
    assert.equal(hex('<sl href=""/>', { minor: 1 }), '01066A00850801');
    assert.equal(hex('<sl href=""/>', { minor: 3 }), '03066A00850801');
  });

  it('any encoding of the document becomes UTF-8', () => {
    const si = (encoding: string): string =>
      `<?xml version="1.0" encoding="${encoding}"?><si><indication>é€</indication></si>`;
    const expected = compile(Buffer.from(si('UTF-8')));
    assert.deepEqual(compile(Buffer.from(`\ufeff${si('UTF-16')}`, 'utf16le')), expected);
    assert.deepEqual(compile(Buffer.from(`\ufeff${si('UTF-16')}`, 'utf16le').swap16()), expected);
    assert.deepEqual(compile(Buffer.from(`\ufeff${si('UTF-8')}`)), expected);
    const windows = Buffer.from(si('windows-1252').replace('€', '\x80'), 'latin1');
    assert.deepEqual(compile(windows), expected);
  });

  it('a date that is none, or in another zone, is refused: its digits would be another time', () => {
    for (const date of [
      '1999-06-30',
      '1999-06-30T00:00:00',
      '1999-06-30T00:00:00+02:00',
      '1999-02-29T00:00:00Z',
      '1999-13-01T00:00:00Z',
      '1999-06-30T24:00:00Z',
      '19990630T000000Z',
    ]) {
      refusedWith(/is no date/, `<si><indication created="${date}">x</indication></si>`);
    }
    hex('<si><indication created="2000-02-29T23:59:60Z">x</indication></si>');
  });

  it('what is no such document is refused with line and column', () => {
    refusedWith(/well-formed XML: 1:\d+: unexpected close tag/, '<si><indication></si>');
    refusedWith(/well-formed XML/, '');
    refusedWith(/html is no document type/, '<html/>');
    refusedWith(/the DOCTYPE is not that of si/, '<!DOCTYPE sl PUBLIC "-//WAPFORUM//DTD SL 1.0//EN" "x"><si/>');
    refusedWith(/internal subset/, '<!DOCTYPE si [<!ENTITY a "b">]><si/>');
    refusedWith(/undefined entity|well-formed/, '<si><indication>&a;</indication></si>');
  });

  it('depth, elements, attributes and size are bounded', () => {
    const nested = (depth: number): string => `${'<si>'.repeat(depth)}${'</si>'.repeat(depth)}`;
    hex(nested(32));
    refusedWith(/32 levels/, nested(33));
    refusedWith(/4000 elements/, `<si>${'<info/>'.repeat(4000)}</si>`);
    const attributes = Array.from({ length: 33 }, (_, i) => `a${i}="1"`).join(' ');
    refusedWith(/32 attributes/, `<sl ${attributes}/>`);
    refusedWith(/131072/, Buffer.alloc(128 * 1024 + 1, ' '));
  });
});
