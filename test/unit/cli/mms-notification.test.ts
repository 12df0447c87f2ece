import assert from 'node:assert/strict';
import { encodeMmsNotification } from '../../../lib/cli/demo/mms-notification.ts';

const SAMPLE = {
  transactionId: 'T1',
  from: '+3584/TYPE=PLMN',
  messageSize: 30_720,
  expiresIn: 172_800,
  contentLocation: 'http://m/1',
};

describe('m-notification-ind', () => {
  it('has the octets of WAP-209', () => {
    assert.equal(
      encodeMmsNotification(SAMPLE).toString('hex'),
      [
        '8c82', // message type
        '98543100', // transaction id "T1"
        '8d90', // version 1.0
        `8911${'80'}${Buffer.from('+3584/TYPE=PLMN\0').toString('hex')}`, // from, address present
        '8a80', // class personal
        '8e027800', // size
        '880581' + '0302a300', // expiry, relative
        `83${Buffer.from('http://m/1\0').toString('hex')}`, // content location
      ].join(''),
    );
  });

  it('refuses texts that would end early or not at all', () => {
    assert.throws(() => encodeMmsNotification({ ...SAMPLE, transactionId: 'a\0b' }), RangeError);
    assert.throws(() => encodeMmsNotification({ ...SAMPLE, contentLocation: '' }), RangeError);
    assert.throws(() => encodeMmsNotification({ ...SAMPLE, from: 'x'.repeat(40) }), RangeError);
    assert.throws(() => encodeMmsNotification({ ...SAMPLE, messageSize: 2 ** 32 }), RangeError);
  });
});
