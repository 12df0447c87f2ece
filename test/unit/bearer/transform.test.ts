import assert from 'node:assert/strict';
import { carryOut, planFor, transformFor } from '../../../lib/bearer/transform.ts';
import { decode } from '../../../lib/codec/wbxml/decode.ts';
import type { Device } from '../../../lib/model/device.ts';
import type { DeviceCapabilities } from '../../../lib/model/device-capabilities.ts';
import type { Content } from '../../../lib/model/push.ts';

const device = (capabilities: Partial<DeviceCapabilities>, features: Record<string, string> = {}): Device => ({
  id: 'd',
  contact: 'sip:d@192.0.2.1',
  features,
  capabilities: { until: 1, ...capabilities },
  expiresAt: 1,
});

const SI = '<?xml version="1.0"?><si><indication href="http://www.a.com/">Caf\u00e9</indication></si>';

const content = (type: string, body: string | Buffer, headers: Record<string, string> = {}): Content => ({
  type,
  headers: Object.entries(headers).map(([name, value]) => ({ name, value })),
  body: Buffer.from(body as string),
});

const si = (headers: Record<string, string> = {}): Content => content('text/vnd.wap.si', SI, headers);

const SIC = device({ types: ['text/plain', 'application/vnd.wap.sic'] });

const made = (given: Content, to: Device): Content => {
  const result = transformFor(given, to);
  if (result?.content === undefined) return assert.fail(result?.refused ?? 'nothing was done');
  return result.content;
};

const refused = (given: Content, to: Device): string => transformFor(given, to)?.refused ?? assert.fail('not refused');

describe('forms of content', () => {
  it('nothing is done for a device that told nothing, takes the form, or takes neither', () => {
    const { capabilities: _, ...untold } = device({});
    for (const each of [
      untold,
      device({}),
      device({ types: ['text/vnd.wap.si', 'application/vnd.wap.sic'] }),
      device({ types: ['text/*', 'application/vnd.wap.sic'] }),
      device({ types: ['*/*'] }),
      device({ types: ['text/plain'] }),
    ]) {
      assert.equal(transformFor(si(), each), undefined);
    }
    assert.equal(transformFor(content('image/png', 'x'), SIC), undefined);
    assert.equal(transformFor(content('no type', SI), SIC), undefined);
  });

  it('text is compiled for a device that takes binary only, by its answer or its registration', () => {
    for (const each of [SIC, device({}, { type: '<application/vnd.wap.sic>' })]) {
      const result = transformFor(si({ 'X-Wap-Application-Id': '2', 'Content-MD5': 'abc' }), each);
      assert.equal(result?.how, 'text/vnd.wap.si to application/vnd.wap.sic');
      assert.equal(result?.content?.type, 'application/vnd.wap.sic');
      assert.deepEqual(
        result?.content?.headers.map(({ name }) => name),
        ['X-Wap-Application-Id'],
        'what describes the octets goes, the rest stays',
      );
      assert.equal(decode(result?.content?.body ?? Buffer.alloc(0)).root.name, 'si');
    }
  });

  it('a form that was refused before gives way to the other one', () => {
    const both = { types: ['text/*', 'application/*'], refusedTypes: ['text/vnd.wap.si'] };
    assert.equal(made(si(), device(both)).type, 'application/vnd.wap.sic');
    const neither = { ...both, refusedTypes: ['text/vnd.wap.si', 'application/vnd.wap.sic'] };
    assert.equal(transformFor(si(), device(neither)), undefined);
  });

  it('binary is decompiled for a device that takes text only', () => {
    const binary = made(si(), SIC);
    const text = made(binary, device({ types: ['text/vnd.wap.si'] }));
    assert.equal(text.type, 'text/vnd.wap.si; charset=utf-8');
    assert.match(text.body.toString(), /<indication href="http:\/\/www.a.com\/">Café<\/indication>/);
  });

  it('the charset of the Content-Type is believed when text is compiled', () => {
    const latin = content('text/vnd.wap.si; charset=ISO-8859-1', Buffer.from(SI, 'latin1'));
    assert.deepEqual(made(latin, SIC).body, made(si(), SIC).body);
  });

  it('no-transform is obeyed, alone or among others', () => {
    for (const value of ['no-transform', 'no-cache, No-Transform', 'max-age=3 ,no-transform ']) {
      assert.match(refused(si({ 'Cache-Control': value }), SIC), /no-transform/);
    }
    made(si({ 'Cache-Control': 'no-cache' }), SIC);
    made(si({ 'Cache-Control': 'x-no-transform-y' }), SIC);
  });

  it('a provisioning document whose MAC vouches for its octets is never touched', () => {
    const xml = '<wap-provisioningdoc version="1.0"><characteristic type="NAPDEF"/></wap-provisioningdoc>';
    const takesBinary = device({ types: ['application/vnd.wap.connectivity-wbxml'] });
    for (const parameters of ['; SEC=1; MAC=ABCDEF', ';mac="AB"', '; sec=0']) {
      assert.match(refused(content(`text/vnd.wap.connectivity-xml${parameters}`, xml), takesBinary), /MAC/);
    }
    const binary = made(content('text/vnd.wap.connectivity-xml', xml), takesBinary);
    const signed = { ...binary, type: `${binary.type}; SEC=1; MAC=00` };
    assert.match(refused(signed, device({ types: ['text/vnd.wap.connectivity-xml'] })), /MAC/);
    assert.equal(transformFor(signed, takesBinary), undefined, 'it goes as it is where it is taken');
  });

  it('content that is encoded is not looked into', () => {
    assert.match(refused(si({ 'Content-Encoding': 'gzip' }), SIC), /Content-Encoding has gzip/);
    assert.match(refused(si({ 'content-transfer-encoding': 'base64' }), SIC), /base64/);
    made(si({ 'Content-Transfer-Encoding': '8bit' }), SIC);
  });

  it('a document that cannot be compiled is refused with what is wrong, and where', () => {
    assert.match(refused(content('text/vnd.wap.si', '<si><indication>'), SIC), /well-formed.*unclosed tag/s);
    assert.match(refused(content('text/vnd.wap.si', '<sl href="x"/>'), SIC), /is sl, not si/);
    const late = '<si><indication created="tomorrow">x</indication></si>';
    assert.match(refused(content('text/vnd.wap.si', late), SIC), /"tomorrow" is no date/);
    const text = device({ types: ['text/vnd.wap.si'] });
    assert.match(refused(content('application/vnd.wap.sic', Buffer.from([3, 5, 0x6a, 0, 0x45])), text), /octet 5/);
  });
});

describe('charsets of content', () => {
  const utf8 = content('text/plain; charset=utf-8; format=flowed', 'Café');
  const takes = (...charsets: string[]): Device => device({ charsets });

  it('text in a charset that the device takes, or that nothing is known of, stays', () => {
    assert.equal(planFor(utf8, takes('iso-8859-1', 'UTF8')), undefined);
    assert.equal(planFor(utf8, takes('*')), undefined);
    assert.equal(planFor(content('text/plain', 'Café'), takes('iso-8859-1')), undefined, 'it says no charset');
    assert.equal(planFor(content('image/png; charset=utf-8', 'x'), takes('iso-8859-1')), undefined);
  });

  it('text goes in a charset that the device takes, with its name and its other parameters', () => {
    const latin = made(utf8, takes('iso-8859-1'));
    assert.equal(latin.type, 'text/plain; charset=iso-8859-1; format=flowed');
    assert.deepEqual(latin.body, Buffer.from('Café', 'latin1'));
    const japanese = content('text/plain; charset="Shift_JIS"', Buffer.from('8abf8e9a', 'hex'));
    assert.deepEqual(made(japanese, takes('big5', 'utf-8')), content('text/plain; charset=utf-8', '漢字'));
    assert.deepEqual(made(japanese, takes('utf-16')).body.toString('hex'), 'feff6f225b57');
  });

  it('a character that no charset of the device has is a refusal, not a question mark', () => {
    assert.match(refused(content('text/plain; charset=utf-8', '€ 5'), takes('us-ascii', 'iso-8859-1')), /U\+20AC/);
    assert.match(refused(utf8, takes('koi8-r')), /no charset that is written here/);
    assert.match(refused(content('text/plain; charset=utf-8', Buffer.from([0xff])), takes('us-ascii')), /not in utf-8/);
    assert.match(refused(content('text/plain; charset=martian', 'x'), takes('utf-8')), /martian is not known/);
  });

  it('the declaration of XML tells the charset, and tells the new one', () => {
    const xml = '<?xml version="1.0" encoding="ISO-8859-1" standalone="yes"?><a>é</a>';
    const result = made(content('application/xml', Buffer.from(xml, 'latin1')), takes('utf-8'));
    assert.equal(result.type, 'application/xml; charset=utf-8');
    assert.equal(result.body.toString(), '<?xml version="1.0" encoding="UTF-8" standalone="yes"?><a>é</a>');
  });

  it('form and charset may both have to change', () => {
    const binary = made(si(), SIC);
    const result = made(binary, device({ types: ['text/vnd.wap.si'], charsets: ['iso-8859-1'] }));
    assert.equal(result.type, 'text/vnd.wap.si; charset=iso-8859-1');
    assert.match(result.body.toString('latin1'), /^<\?xml version="1.0" encoding="ISO-8859-1"\?>.*Café/s);
    assert.deepEqual(made(result, SIC).body, binary.body);
  });

  it('no-transform holds for charsets as well', () => {
    const plan = planFor({ ...utf8, headers: [{ name: 'cache-control', value: 'no-transform' }] }, takes('us-ascii'));
    assert.ok(plan);
    const headers = [{ name: 'cache-control', value: 'no-transform' }];
    assert.match(carryOut({ ...utf8, headers }, plan).refused ?? '', /no-transform/);
  });
});
