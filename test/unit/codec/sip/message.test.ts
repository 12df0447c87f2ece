import assert from 'node:assert/strict';
import { SipHeaders } from '../../../../lib/codec/sip/message.ts';

const make = (): SipHeaders =>
  new SipHeaders([
    { name: 'v', value: '1' },
    { name: 'Subject', value: 's' },
    { name: 'VIA', value: '2' },
    { name: 'X-Odd', value: 'o' },
  ]);

describe('SIP headers', () => {
  it('answers the first value, all values, or nothing, whatever the case and form', () => {
    const headers = make();
    assert.equal(headers.get('Via'), '1');
    assert.deepEqual(headers.all('via'), ['1', '2']);
    assert.equal(headers.get('S'), 's');
    assert.equal(headers.get('x-oDD'), 'o');
    assert.equal(headers.get('toString'), undefined);
    assert.equal(headers.get('t'), undefined);
    assert.ok(headers.has('vIa'));
  });

  it('sets one field in the place of the first of that name', () => {
    const headers = make().set('Via', '3').set('New', 'n');
    assert.deepEqual(
      headers.fields.map(({ name, value }) => `${name}=${value}`),
      ['Via=3', 'Subject=s', 'X-Odd=o', 'New=n'],
    );
  });

  it('takes away one or all', () => {
    const headers = make();
    assert.equal(headers.removeFirst('via'), '1');
    assert.equal(headers.get('via'), '2');
    assert.equal(headers.remove('VIA').has('v'), false);
    assert.equal(headers.removeFirst('via'), undefined);
  });

  it('clones without sharing', () => {
    const headers = make();
    headers.clone().prepend('Via', '0').add('Z', 'z');
    assert.equal(headers.get('via'), '1');
    assert.equal(headers.has('z'), false);
  });
});
