import assert from 'node:assert/strict';
import { compileRules } from '../../../lib/addressing/rules.ts';
import { parseAddress } from '../../../lib/codec/pap/address.ts';

describe('names and number ranges of the operator', () => {
  const { rules } = compileRules(
    {
      aliases: { Reception: 'sip:front.desk@office.test', night: '+4930110', pump: 'sip:p@m.test;gr=urn:uuid:1' },
      numbers: [
        { prefix: '+49', domain: 'de.test' },
        { prefix: '+4930', domain: 'Berlin.test' },
        { prefix: '+1', domain: 'us.test' },
      ],
    },
    'home.test',
  );
  const read = (text: string): string => parseAddress(text, { domain: 'home.test', rules }).aor;

  for (const [text, aor] of [
    ['WAPPUSH=reception/TYPE=USER@ppg', 'sip:front.desk@office.test'],
    ['RECEPTION', 'sip:front.desk@office.test'],
    ['reception:7275', 'sip:front.desk@office.test'],
    ['receptionist', 'sip:receptionist@home.test'],
    ['sip:reception@home.test', 'sip:reception@home.test'],
    ['reception@home.test', 'sip:reception@home.test'],
    ['night', 'sip:+4930110@berlin.test'],
    ['WAPPUSH=+4930222/TYPE=PLMN@ppg', 'sip:+4930222@berlin.test'],
    ['WAPPUSH=4989222/TYPE=GSM_MSISDN@ppg', 'sip:+4989222@de.test'],
    ['+4930222', 'sip:+4930222@berlin.test'],
    ['tel:+1-212-555', 'sip:+1212555@us.test'],
    ['+33123', 'sip:+33123@home.test'],
    ['sip:+4930222@other.test', 'sip:+4930222@other.test'],
  ] as const) {
    it(`read ${text} as ${aor}`, () => assert.equal(read(text), aor));
  }

  it('leave the text of the initiator as it was', () =>
    assert.equal(parseAddress('Night', { domain: 'home.test', rules }).text, 'Night'));

  it('may stand for one device', () =>
    assert.equal(parseAddress('pump', { domain: 'home.test', rules }).gruu, 'sip:p@m.test;gr=urn:uuid:1'));

  it('cost nothing when there are none', () =>
    assert.deepEqual(compileRules({ aliases: {}, numbers: [] }, 'x'), { rules: undefined, groups: undefined }));

  it('are refused by name when an alias stands for nothing', () =>
    assert.throws(() => compileRules({ aliases: { odd: 'sip:' }, numbers: [] }, 'home.test'), {
      code: 'PPG_E_OPTIONS',
      message: /addresses\.aliases\.odd/,
    }));

  it('several addresses behind a name are a group, by whatever letter case; the same one twice is no group', () => {
    const { rules, groups } = compileRules(
      {
        aliases: { Staff: ['sip:a@x.test', '+4930', 'SIP:a@X.test:5060'], one: ['sip:b@x.test', 'b@x.test'] },
        numbers: [{ prefix: '+49', domain: 'de.test' }],
      },
      'home.test',
    );
    const group = parseAddress('WAPPUSH=staff/TYPE=USER@ppg', { domain: 'home.test', rules });
    assert.equal(group.aor, 'sip:staff@home.test');
    assert.deepEqual(groups?.(group.aor), [{ aor: 'sip:a@x.test' }, { aor: 'sip:+4930@de.test' }]);
    assert.deepEqual(groups?.('sip:STAFF@home.test'), groups?.(group.aor));
    assert.equal(groups?.('sip:one@home.test'), undefined);
    assert.equal(parseAddress('one', { domain: 'home.test', rules }).aor, 'sip:b@x.test');
  });

  it('one of a group that is no address is named', () =>
    assert.throws(() => compileRules({ aliases: { staff: ['sip:a@x.test', 'sip:'] }, numbers: [] }, 'home.test'), {
      code: 'PPG_E_OPTIONS',
      message: /addresses\.aliases\.staff: "sip:"/,
    }));
});
