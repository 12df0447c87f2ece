import assert from 'node:assert/strict';
import { checkOptions } from '../../../lib/options/options.ts';

const relay = { uri: 'msrps://relay.example.com:2855;tcp', user: 'ppg', password: 'secret' };
const check = (msrp: object): unknown => checkOptions({ domain: 'a.example.com', msrp: msrp as never }).msrp;

describe('msrp.relay', () => {
  it('has a URI, a user and a password, and may stand without a port to connect to', () => {
    const checked = check({ listen: false, relay }) as { relay: object };
    assert.deepEqual(checked.relay, relay);
  });

  for (const [what, wrong] of Object.entries({
    'a session-id': { ...relay, uri: 'msrps://relay.example.com/session;tcp' },
    'no transport': { ...relay, uri: 'msrps://relay.example.com' },
    'another scheme': { ...relay, uri: 'https://relay.example.com' },
    'no user': { uri: relay.uri, password: 'secret' },
    'an empty password': { ...relay, password: '' },
    'what nobody knows': { ...relay, realm: 'x' },
  })) {
    it(`is refused with ${what}`, () => {
      assert.throws(() => check({ relay: wrong }), /msrp/);
    });
  }
});
