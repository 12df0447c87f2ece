import assert from 'node:assert/strict';
import { checkOptions } from '../../../lib/options/options.ts';

const withCredentials = (credentials: unknown): ReturnType<typeof checkOptions> =>
  checkOptions({ domain: 'example.com', sip: { credentials } } as Parameters<typeof checkOptions>[0]);

describe('the option sip.credentials', () => {
  it('is a list of whom the gateway says it is, empty by default', () => {
    assert.deepEqual(checkOptions({ domain: 'example.com' }).sip.credentials, []);
    const credentials = [
      { realm: 'a', username: 'é "b"', password: 'p' },
      { username: 'c', password: 'd' },
    ];
    assert.deepEqual(withCredentials(credentials).sip.credentials, credentials);
  });

  for (const [what, wrong] of [
    ['no password', { username: 'a' }],
    ['a line break in the name', { username: 'a\r\nX: y', password: 'p' }],
    ['an empty realm', { realm: '', username: 'a', password: 'p' }],
    ['what is not known', { username: 'a', password: 'p', algorithm: 'MD5' }],
  ] as const)
    it(`cannot have ${what}`, () => {
      assert.throws(() => withCredentials([wrong]), { code: 'PPG_E_OPTIONS', message: /sip\.credentials\.0/ });
    });
});
