import assert from 'node:assert/strict';
import { lessonOf, type Refusal } from '../../../../lib/sip/capabilities/refusal.ts';

const refusal = (status: number, headers: Record<string, string> = {}, more: Partial<Refusal> = {}): Refusal => ({
  status,
  get: (name) => headers[name],
  method: 'MESSAGE',
  type: 'text/html',
  bytes: 500,
  ...more,
});

describe('what a refusal teaches', () => {
  for (const status of [415, 488, 606]) {
    it(`${status}: the types of its Accept, else that this type is refused`, () => {
      assert.deepEqual(lessonOf(refusal(status, { Accept: 'text/plain' }), {}), { types: ['text/plain'] });
      assert.deepEqual(lessonOf(refusal(status), { refusedTypes: ['a/b'] }), { refusedTypes: ['a/b', 'text/html'] });
      assert.deepEqual(lessonOf(refusal(status, { Accept: '*/*' }), {}), { refusedTypes: ['text/html'] });
      assert.equal(lessonOf(refusal(status), { refusedTypes: ['text/html'] }), undefined);
    });
  }

  it('415 to content in a coding: the codings, never the type', () => {
    const gzip = { encoding: 'gzip' };
    assert.deepEqual(lessonOf(refusal(415, { 'Accept-Encoding': 'identity' }, gzip), {}), { encodings: ['identity'] });
    assert.equal(lessonOf(refusal(415, {}, gzip), {}), undefined);
  });

  it('413 and 513: the largest body worth trying; not when it is for a time only', () => {
    assert.deepEqual(lessonOf(refusal(413), {}), { maxMessageBytes: 499 });
    assert.deepEqual(lessonOf(refusal(513), { maxMessageBytes: 1000 }), { maxMessageBytes: 499 });
    assert.equal(lessonOf(refusal(513), { maxMessageBytes: 100 }), undefined);
    assert.equal(lessonOf(refusal(413, { 'Retry-After': '10' }), {}), undefined);
  });

  it('420: what is not supported', () => {
    assert.deepEqual(lessonOf(refusal(420, { Unsupported: 'Foo' }), { supported: ['foo', 'gruu'] }), {
      unsupported: ['foo'],
      supported: ['gruu'],
    });
    assert.equal(lessonOf(refusal(420), {}), undefined);
  });

  it('405: the methods, where it tells them and MESSAGE is not among them', () => {
    assert.deepEqual(lessonOf(refusal(405, { Allow: 'INVITE, BYE' }), {}), { methods: ['INVITE', 'BYE'] });
    assert.equal(lessonOf(refusal(405, { Allow: 'INVITE, MESSAGE' }), {}), undefined);
    assert.equal(lessonOf(refusal(405), {}), undefined);
  });

  it('488 and 606 to the offer of an MSRP session: there is none; of MESSAGE nothing', () => {
    const offer = { method: 'INVITE', offeredMsrp: true, type: 'application/sdp', bytes: 0 };
    for (const status of [488, 606]) {
      assert.deepEqual(lessonOf(refusal(status, { Accept: 'text/plain' }, offer), { msrp: { types: ['*'] } }), {
        msrp: false,
      });
      assert.equal(lessonOf(refusal(status, {}, offer), { msrp: false }), undefined);
    }
    assert.deepEqual(lessonOf(refusal(405, { Allow: 'MESSAGE' }, offer), {}), { methods: ['MESSAGE'] });
    for (const status of [413, 415, 420, 486, 513, 603])
      assert.equal(lessonOf(refusal(status, { Accept: 'text/plain', Unsupported: 'gruu' }, offer), {}), undefined);
  });

  it('nothing by any other answer', () => {
    for (const status of [200, 202, 403, 404, 408, 480, 486, 500, 503, 600, 603])
      assert.equal(lessonOf(refusal(status, { Accept: 'text/plain', Allow: 'INVITE' }), {}), undefined);
  });
});
