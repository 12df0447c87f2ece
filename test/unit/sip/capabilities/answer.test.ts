import assert from 'node:assert/strict';
import { readTold } from '../../../../lib/sip/capabilities/answer.ts';
import { readMsrp } from '../../../../lib/sip/capabilities/msrp.ts';

const told = (headers: Record<string, string>, body = ''): ReturnType<typeof readTold> => {
  const folded = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  return readTold({ get: (name) => folded.get(name.toLowerCase()), body: Buffer.from(body) });
};

const SDP = [
  'v=0',
  'o=- 1 1 IN IP4 192.0.2.1',
  's=-',
  'm=audio 0 RTP/AVP 0',
  'a=max-size:7',
  'm=message 0 TCP/TLS/MSRP *',
  'a=accept-types:message/cpim Text/Plain',
  'a=accept-wrapped-types:*',
  'a=max-size:65536',
  '',
].join('\r\n');

describe('an answer to OPTIONS', () => {
  it('tells methods, types, codings, languages, options and who the device is', () => {
    assert.deepEqual(
      told({
        Allow: 'INVITE, message,OPTIONS',
        Accept: 'text/plain, application/vnd.wap.SIC;q=0.5, text/html;q=0',
        'Accept-Encoding': 'gzip, identity;q=0.5',
        'Accept-Language': 'fi, en;q=0.7',
        Supported: 'GRUU, path',
        'User-Agent': 'Phone-X/1.0',
        'X-Wap-Profile': '"http://uaprof.example.com/x.xml", "1-abcd"',
      }),
      {
        methods: ['INVITE', 'MESSAGE', 'OPTIONS'],
        types: ['text/plain', 'application/vnd.wap.sic'],
        refusedTypes: ['text/html'],
        encodings: ['gzip', 'identity'],
        languages: ['fi', 'en'],
        supported: ['gruu', 'path'],
        userAgent: 'Phone-X/1.0',
        profile: 'http://uaprof.example.com/x.xml',
      },
    );
  });

  it('tells applications, methods and types by the features of its contact', () => {
    const contact = '<sip:a@10.0.0.1>;+g.oma.pusheventapp="mms.ua,ulp.ua";methods="INVITE,MESSAGE";type="text/plain"';
    assert.deepEqual(told({ Contact: contact }), {
      applications: ['mms.ua', 'ulp.ua'],
      methods: ['INVITE', 'MESSAGE'],
      types: ['text/plain'],
    });
  });

  it('tells nothing by several contacts: they are several devices', () => {
    const contact = '<sip:a@10.0.0.1>;+g.oma.pusheventapp="mms.ua", <sip:b@10.0.0.2>;+g.oma.pusheventapp="ulp.ua"';
    assert.deepEqual(told({ Contact: contact }), {});
  });

  it('tells nothing by what is missing, empty or only about calls', () => {
    assert.deepEqual(told({}), {});
    assert.deepEqual(told({ Accept: '', Allow: ' , ', Supported: '' }), {});
    assert.deepEqual(told({ Accept: 'application/sdp' }), {});
    assert.deepEqual(told({ Accept: 'application/sdp, text/plain' }).types, ['application/sdp', 'text/plain']);
  });

  it('counts what is too long or cannot be read as unknown, never as less than there is', () => {
    assert.deepEqual(told({ Accept: 'text/plain, nonsense', Allow: 'INVITE, <MESSAGE>' }), {});
    assert.deepEqual(told({ Accept: Array.from({ length: 65 }, (_, at) => `text/a${at}`).join(',') }), {});
    assert.deepEqual(told({ Allow: `MESSAGE,${'X'.repeat(5000)}` }), {});
    assert.deepEqual(told({ 'X-Wap-Profile': `http://a/${'x'.repeat(600)}`, 'User-Agent': '\u0000\r\n' }), {});
    assert.equal(told({ 'User-Agent': 'A'.repeat(9999) }).userAgent?.length, 128);
  });

  it('tells its MSRP by its session description', () => {
    assert.deepEqual(told({ 'Content-Type': 'application/sdp' }, SDP).msrp, {
      types: ['message/cpim', 'text/plain'],
      wrappedTypes: ['*'],
      maxSize: 65536,
    });
    assert.equal(told({ 'Content-Type': 'text/plain' }, SDP).msrp, undefined);
  });

  it('tells a profile by content indirection', () => {
    const type = 'message/external-body; access-type="URL"; URL="https://uaprof.example.com/y.rdf"; size=9';
    assert.equal(told({ 'Content-Type': type }).profile, 'https://uaprof.example.com/y.rdf');
  });
});

describe('MSRP in a session description', () => {
  it('is false where media are told and it is none of them', () => {
    assert.equal(readMsrp(Buffer.from('v=0\r\nm=audio 0 RTP/AVP 0\r\n')), false);
  });

  it('is unknown without media, in what is no description, and in what is too long', () => {
    assert.equal(readMsrp(Buffer.from('v=0\r\ns=-\r\n')), undefined);
    assert.equal(readMsrp(Buffer.from('hello')), undefined);
    assert.equal(readMsrp(Buffer.from(SDP + 'a'.repeat(70_000))), undefined);
  });

  it('takes lists and sizes that cannot be read as unknown', () => {
    const sdp = 'v=0\nm=message 1 TCP/MSRP *\na=accept-types:a b\na=max-size:-1\na=accept-types\n';
    assert.deepEqual(readMsrp(Buffer.from(sdp)), {});
  });
});
