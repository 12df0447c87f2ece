import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  type DigestAlgorithm,
  type DigestInput,
  digestResponse,
  formatChallenge,
  formatCredentials,
  nextNonce,
  nonceCount,
  parseChallenges,
  parseCredentials,
  strongest,
} from '../../../../lib/codec/sip/digest.ts';

const RFC_2617: DigestInput = {
  username: 'Mufasa',
  realm: 'testrealm@host.com',
  password: 'Circle Of Life',
  method: 'GET',
  uri: '/dir/index.html',
  nonce: 'dcd98b7102dd2f0e8b11d0f600bfb0c093',
  protection: { qop: 'auth', nc: '00000001', cnonce: '0a4f113b' },
};

const RFC_7616: DigestInput = {
  username: 'Mufasa',
  realm: 'http-auth@example.org',
  password: 'Circle of Life',
  method: 'GET',
  uri: '/dir/index.html',
  nonce: '7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v',
  protection: { qop: 'auth', nc: '00000001', cnonce: 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ' },
};

describe('request-digest', () => {
  it('is that of RFC 2617 section 3.5', () => {
    assert.equal(digestResponse(RFC_2617), '6629fae49393a05397450978507c4ef1');
  });

  it('is that of RFC 7616 section 3.9.1, by MD5 and by SHA-256', () => {
    assert.equal(digestResponse(RFC_7616), '8ca523f5e9506fed4657c9700eebdbec');
    assert.equal(
      digestResponse({ ...RFC_7616, algorithm: 'SHA-256' }),
      '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1',
    );
  });

  it('is that of RFC 7616 section 3.9.2 as erratum 4897 corrects it, by SHA-512-256', () => {
    const response = digestResponse({
      username: 'J\u00e4s\u00f8n Doe',
      realm: 'api@example.org',
      password: 'Secret, or not?',
      method: 'GET',
      uri: '/doe.json',
      nonce: '5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK',
      algorithm: 'SHA-512-256',
      protection: { qop: 'auth', nc: '00000001', cnonce: 'NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v' },
    });
    assert.equal(response, '3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5');
  });

  const md5 = (text: string): string => createHash('md5').update(text).digest('hex');
  const sha = (text: string): string => createHash('sha256').update(text).digest('hex');

  it('is that of RFC 2069 without a qop', () => {
    const { protection: _, ...old } = RFC_2617;
    const expected = md5(
      `${md5('Mufasa:testrealm@host.com:Circle Of Life')}:${old.nonce}:${md5('GET:/dir/index.html')}`,
    );
    assert.equal(digestResponse(old), expected);
  });

  it('of a session has nonce and cnonce in its key, of auth-int the octets of the body in it', () => {
    const { nonce } = RFC_7616;
    const protection = { qop: 'auth-int', nc: '0000000a', cnonce: 'c' } as const;
    const body = Buffer.from([0, 255, 13, 10]);
    const key = sha(`${sha('Mufasa:http-auth@example.org:Circle of Life')}:${nonce}:c`);
    const ofBody = createHash('sha256').update(body).digest('hex');
    const expected = sha(`${key}:${nonce}:0000000a:c:auth-int:${sha(`GET:/dir/index.html:${ofBody}`)}`);
    assert.equal(digestResponse({ ...RFC_7616, algorithm: 'SHA-256-sess', protection, body }), expected);
    assert.notEqual(digestResponse({ ...RFC_7616, algorithm: 'SHA-256-sess', protection }), expected);
  });

  it('of every algorithm differs from those of the others', () => {
    const all: DigestAlgorithm[] = ['MD5', 'MD5-sess', 'SHA-256', 'SHA-256-sess', 'SHA-512-256', 'SHA-512-256-sess'];
    assert.equal(new Set(all.map((algorithm) => digestResponse({ ...RFC_7616, algorithm }))).size, all.length);
  });
});

describe('digest challenges', () => {
  const one = (value: string): ReturnType<typeof parseChallenges>[number] | undefined => parseChallenges([value])[0];

  it('are read as RFC 3261 section 20.44 has them', () => {
    const value =
      'Digest realm="atlanta.com",\tdomain="sip:boxesbybob.com", qop="auth,auth-int", nonce="f84f1cec41e6cbe5aea9c8e88d359", opaque="", stale=FALSE, algorithm=MD5';
    assert.deepEqual(one(value), {
      realm: 'atlanta.com',
      nonce: 'f84f1cec41e6cbe5aea9c8e88d359',
      algorithm: 'MD5',
      qop: 'auth',
      opaque: '',
      stale: false,
    });
  });

  it('have defaults, fold case and keep what is quoted', () => {
    const read = one('dIGEST Realm = "a, \\"b\\" = c" , NONCE=n, Stale=True, qop=AUTH-INT, algorithm="sha-256-SESS"');
    assert.deepEqual(
      [read?.realm, read?.nonce, read?.stale, read?.qop, read?.algorithm],
      ['a, "b" = c', 'n', true, 'auth-int', 'SHA-256-sess'],
    );
    assert.deepEqual(
      [one('Digest realm="a", nonce="n"')?.algorithm, one('Digest realm="a", nonce="n"')?.qop],
      ['MD5', undefined],
    );
  });

  it('come one a field, or several in one value; what cannot be answered is left out', () => {
    const values = [
      'NoOneKnowsThisScheme opaque-data=here',
      'Digest realm="a", nonce="1", algorithm=SHA3-512',
      'Digest realm="a", nonce="2", qop="auth-conf"',
      'Digest realm="a", nonce="3", algorithm=MD5-sess',
      'Basic realm="x", Digest realm="a", nonce="4", algorithm=SHA-256, qop="auth", Digest realm="a", nonce="5"',
    ];
    assert.deepEqual(
      parseChallenges(values).map(({ nonce, algorithm }) => `${nonce} ${algorithm}`),
      ['4 SHA-256', '5 MD5'],
    );
  });

  for (const value of [
    'Digest',
    'Digest realm="a"',
    'Digest realm="a", nonce="1", nonce="2"',
    'Digest realm="a, nonce="1"',
    'Digest realm, nonce="1"',
    'Digest realm=, nonce="1"',
    'Digest realm="a"\\ b, nonce="1"',
    'Digest realm=a b, nonce="1"',
    'realm="a", nonce="1"',
    '',
    ',',
  ])
    it(`cannot be ${JSON.stringify(value)}`, () => {
      assert.throws(() => parseChallenges([value]), { code: 'PPG_E_SIP_SYNTAX', sipStatus: 400 });
    });

  it('are answered by the strongest hash, whatever their order, and by the first among equals', () => {
    const offered = parseChallenges([
      'Digest realm="a", nonce="1", qop="auth"',
      'Digest realm="a", nonce="2", qop="auth", algorithm=SHA-512-256',
      'Digest realm="a", nonce="3", qop="auth", algorithm=SHA-256',
      'Digest realm="a", nonce="4", qop="auth", algorithm=SHA-512-256-sess',
    ]);
    assert.equal(strongest(offered)?.nonce, '2');
    assert.equal(strongest(offered.slice(0, 1))?.nonce, '1');
    assert.equal(strongest([]), undefined);
  });

  it('are written so that they read the same', () => {
    for (const opaque of [undefined, '', 'o"p\\q'])
      for (const qop of [undefined, 'auth', 'auth-int'] as const) {
        const challenge = { realm: 'a "b"', nonce: 'n', algorithm: 'SHA-256', qop, opaque, stale: true } as const;
        assert.deepEqual(one(formatChallenge(challenge)), challenge);
      }
  });

  it('are spared by the nonce of an Authentication-Info', () => {
    assert.equal(nextNonce('nextnonce="47364c23432d2e131a5fb210812c", qop=auth'), '47364c23432d2e131a5fb210812c');
    assert.equal(nextNonce('rspauth="x"'), undefined);
  });
});

describe('digest credentials', () => {
  it('are read as RFC 3261 section 20.7 has them', () => {
    const read = parseCredentials(
      'Digest username="Alice", realm="atlanta.com", nonce="84a4cc6f3082121f32b42a2187831a9e", uri="sip:a@b", response="7587245234B3434CC3412213E5F113A5"',
    );
    assert.deepEqual(
      [read?.username, read?.uri, read?.response, read?.protection],
      ['Alice', 'sip:a@b', '7587245234b3434cc3412213e5f113a5', undefined],
    );
  });

  it('of another scheme or algorithm are none, broken ones are refused', () => {
    assert.equal(parseCredentials('Basic YTpi'), undefined);
    const all = 'username="a", realm="b", nonce="c", uri="sip:d", response="e"';
    assert.equal(parseCredentials(`Digest ${all}, algorithm=X`), undefined);
    for (const broken of [
      'Digest username="a"',
      `Digest ${all}, qop=auth, cnonce="x"`,
      `Digest ${all}, qop=auth, nc=1, cnonce="x"`,
      `Digest ${all}, qop=auth, nc=00000001`,
      `Digest ${all}, qop=x, nc=00000001, cnonce="x"`,
      `Digest ${all}, Digest ${all}`,
      `Digest ${all.replace('"e"', '"x"')}`,
    ])
      assert.throws(() => parseCredentials(broken), { code: 'PPG_E_SIP_SYNTAX' }, broken);
  });

  it('are written so that they read the same', () => {
    const credentials = {
      username: 'a "b" \\c',
      realm: 'r',
      nonce: 'n',
      uri: 'sip:a;b=c@d',
      response: 'ab',
      algorithm: 'SHA-512-256',
      protection: { qop: 'auth', nc: nonceCount(255), cnonce: 'c' },
      opaque: 'o',
    } as const;
    const text = formatCredentials(credentials);
    assert.deepEqual(parseCredentials(text), credentials);
    // RFC 3261 section 25.1 has qop, nc and algorithm without quotes
    assert.match(text, /algorithm=SHA-512-256, cnonce="c", qop=auth, nc=000000ff/);
  });
});
