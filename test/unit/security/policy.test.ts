import assert from 'node:assert/strict';
import type { Submission } from '../../../lib/model/push.ts';
import { glob } from '../../../lib/security/glob.ts';
import { type AllowRules, compilePolicy } from '../../../lib/security/policy.ts';
import { cpuTime } from '../../support/cpu-time.ts';
import { address, qos, submission } from '../../support/model.ts';

const to = (...aors: string[]): Partial<Submission> => ({ recipients: aors.map((aor) => ({ text: aor, aor })) });
const content = (type: string, size = 5, application?: string): Partial<Submission> => ({
  content: {
    type,
    headers: application === undefined ? [] : [{ name: 'x-WAP-application-ID', value: application }],
    body: Buffer.alloc(size),
  },
});

/** Rules, a submission that they let pass, and one that they refuse. */
const HOME = (): string => 'A.test';

const CASES: [name: string, AllowRules, yes: Partial<Submission>, no: Partial<Submission>][] = [
  ['recipients', { recipients: { domains: ['a.test'] } }, to('sip:x@a.test'), to('sip:x@a.test', 'sip:x@b.test')],
  ['recipients', { recipients: { domains: ['*.a.test'] } }, to('sip:x@b.a.test'), to('sip:x@a.test')],
  ['recipients', { recipients: { numbers: ['+4930'] } }, to('sip:+49301@a.test'), to('sip:+49891@a.test')],
  ['recipients', { recipients: { numbers: ['+4930'] } }, to('sip:+49301@a.test'), to('sip:+49301@elsewhere.test')],
  ['recipients', { recipients: { numbers: ['+4930'] } }, to('sip:+49301@a.test'), to('sip:+4930x@a.test')],
  ['recipients', { recipients: { patterns: ['sip:meter-*@a.test'] } }, to('sip:METER-7@a.test'), to('sip:bob@a.test')],
  ['recipients', { recipients: {} }, { recipients: [] }, to('sip:x@a.test')],
  ['maxRecipients', { maxRecipients: 1 }, to('sip:x@a.test'), to('sip:x@a.test', 'sip:y@a.test')],
  ['applications', { applications: ['mms.ua'] }, content('a/b', 1, '4'), content('a/b', 1, 'syncml.dm')],
  ['applications', { applications: ['x-wap-application:wml.ua'] }, content('a/b'), content('a/b', 1, 'mms.ua')],
  ['contentTypes', { contentTypes: ['Text/Plain'] }, content('text/plain;charset=utf-8'), content('text/html')],
  ['contentTypes', { contentTypes: ['text/*'] }, content('TEXT/html'), content('textual/html')],
  ['maxContentBytes', { maxContentBytes: 5 }, content('a/b', 5), content('a/b', 6)],
  ['deliveryMethods', { deliveryMethods: ['confirmed'] }, { qos: qos('confirmed') }, { qos: qos('unconfirmed') }],
  ['deliveryMethods', { deliveryMethods: ['notspecified'] }, {}, { qos: qos('confirmed') }],
  ['priorities', { priorities: ['medium', 'low'] }, {}, { qos: { ...qos('confirmed'), priority: 'high' } }],
  [
    'bearers',
    { bearers: ['SIP'] },
    { qos: { ...qos('confirmed'), bearer: 'sip' } },
    { qos: { ...qos('confirmed'), bearer: 'any' } },
  ],
  [
    'notifyTargets',
    { notifyTargets: ['pi.test'] },
    { notifyUrl: 'https://PI.test:8443/x' },
    { notifyUrl: 'https://evil.test/pi.test' },
  ],
  [
    'notifyTargets',
    { notifyTargets: ['pi.test:443'] },
    { notifyUrl: 'https://pi.test/x' },
    { notifyUrl: 'http://pi.test/x' },
  ],
  [
    'notifyTargets',
    { notifyTargets: ['*.pi.test'] },
    { notifyUrl: 'https://a.pi.test/' },
    { notifyUrl: 'https://evilpi.test/' },
  ],
  ['notifyTargets', { notifyTargets: ['[::1]:80'] }, { notifyUrl: 'http://[::1]/' }, { notifyUrl: 'http://[::2]/' }],
  ['notifyTargets', { notifyTargets: [] }, {}, { notifyUrl: 'https://pi.test/' }],
];

describe('the policy of an account', () => {
  for (const [rule, rules, yes, no] of CASES) {
    it(`allow.${rule} ${JSON.stringify(rules)}`, () => {
      const policy = compilePolicy(rules, HOME);
      assert.equal(policy(submission(yes)), undefined);
      assert.equal(policy(submission(no))?.rule, `allow.${rule}`);
    });
  }

  it('allows everything where nothing is said', () => {
    assert.equal(compilePolicy(undefined, HOME)(submission()), undefined);
    assert.equal(compilePolicy({}, HOME)(submission()), undefined);
  });

  it('names the stranger, cut to a length that fits an answer', () => {
    const text = `sip:${'x'.repeat(500)}@b.test`;
    const refusal = compilePolicy({ recipients: {} }, HOME)(submission({ recipients: [address('a', { text })] }));
    assert.ok(refusal !== undefined && refusal.reason.length < 200 && refusal.reason.includes('sip:xxx'));
  });

  it('refuses rules that cannot be read', () => {
    assert.throws(() => compilePolicy({ applications: ['a b'] }, HOME), { code: 'PPG_E_OPTIONS' });
  });
});

describe('a pattern with stars', () => {
  it('matches what it says and nothing else', () => {
    const yes: [string, string][] = [
      ['*', ''],
      ['a*', 'a'],
      ['*a*b*', 'xaybz'],
      ['a*a', 'aa'],
      ['a', 'A'],
      ['**', 'x'],
      ['a*b*c', 'abxbc'],
    ];
    const no: [string, string][] = [
      ['a*a', 'a'],
      ['a*b', 'ac'],
      ['', 'x'],
      ['a*b*c', 'acb'],
      ['ab*bc', 'abc'],
    ];
    for (const [pattern, text] of yes) assert.ok(glob(pattern)(text), `${pattern} ${text}`);
    for (const [pattern, text] of no) assert.ok(!glob(pattern)(text), `${pattern} ${text}`);
  });

  it('takes no time that grows out of hand', () => {
    const matches = glob(`${'a*'.repeat(120)}b`);
    assert.ok(cpuTime(() => assert.equal(matches('a'.repeat(100_000)), false)) < 1000);
  });
});
