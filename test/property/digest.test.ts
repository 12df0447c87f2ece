import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseCSeq } from '../../lib/codec/sip/cseq.ts';
import {
  type DigestAlgorithm,
  digestResponse,
  formatChallenge,
  formatCredentials,
  nonceCount,
  parseChallenges,
  parseCredentials,
} from '../../lib/codec/sip/digest.ts';
import { CSEQS_PER_ATTEMPT, createDigestClient } from '../../lib/sip/digest-client.ts';
import type { OutboundRequest, SipAnswer } from '../../lib/sip/leg.ts';
import { fakeAnswer } from '../support/fake-sip.ts';

/** What can stand in a quoted string of a header; blanks around it are its own. */
const text = fc.string({ unit: 'binary', maxLength: 30 }).map((value) => value.replace(/[\p{Cc}\p{Cs}]/gu, ''));
const algorithm = fc.constantFrom<DigestAlgorithm>(
  ...(['MD5', 'MD5-sess', 'SHA-256', 'SHA-256-sess', 'SHA-512-256', 'SHA-512-256-sess'] as const),
);
const qop = fc.constantFrom('auth', 'auth-int');
const opaque = fc.option(text, { nil: undefined });
const challenge = fc.record(
  { realm: text, nonce: text, algorithm, qop, opaque, stale: fc.boolean() },
  { noNullPrototype: true },
);
const credentials = fc.record(
  {
    username: text,
    realm: text,
    nonce: text,
    uri: text,
    response: fc.stringMatching(/^[0-9a-f]{2,64}$/),
    algorithm,
    protection: fc.record({ qop, nc: fc.nat(0xffff_ffff).map(nonceCount), cnonce: text }, { noNullPrototype: true }),
    opaque,
  },
  { noNullPrototype: true },
);

describe('digest, for all values', () => {
  it('what is written reads the same, alone and several in one value', () => {
    fc.assert(
      fc.property(fc.array(challenge, { minLength: 1, maxLength: 5 }), (all) => {
        assert.deepEqual(parseChallenges(all.map(formatChallenge)), all);
        assert.deepEqual(parseChallenges([all.map(formatChallenge).join(', ')]), all);
      }),
    );
    fc.assert(
      fc.property(credentials, (one) => {
        assert.deepEqual(parseCredentials(formatCredentials(one)), one);
      }),
    );
  });

  it('a response is of everything that goes into it', () => {
    const changes = fc.constantFrom('username', 'realm', 'password', 'method', 'uri', 'nonce', 'cnonce', 'nc', 'qop');
    fc.assert(
      fc.property(credentials, text, changes, (one, password, what) => {
        const input = { ...one, password, method: 'MESSAGE' };
        const { protection } = input;
        const changed =
          what === 'qop'
            ? { ...input, protection: { ...protection, qop: protection.qop === 'auth' ? 'auth-int' : 'auth' } as const }
            : what === 'nc' || what === 'cnonce'
              ? { ...input, protection: { ...protection, [what]: `${protection[what]}0` } }
              : { ...input, [what]: `${input[what as 'realm']}x` };
        assert.notEqual(digestResponse(changed), digestResponse(input));
        assert.equal(digestResponse(input), digestResponse({ ...input }));
      }),
    );
  });
});

describe('the digest client, whatever it is answered', () => {
  const value = fc.oneof(
    challenge.map((one) => formatChallenge({ ...one, realm: one.realm.slice(0, 1) })),
    fc.constantFrom('Digest realm="a", nonce="1", qop="auth"', 'Digest realm="a", nonce="2", qop="auth", stale=true'),
    fc.constantFrom('Basic realm="a"', 'Digest', '', 'Digest realm="a', 'Digest realm="a", nonce="1", algorithm=X'),
    text,
  );
  const answer = fc.tuple(fc.constantFrom(200, 401, 407, 486), value).map(([status, header]): SipAnswer => {
    const hint = { 'Authentication-Info': header, 'Proxy-Authentication-Info': header };
    return fakeAnswer(status, { 'WWW-Authenticate': header, 'Proxy-Authenticate': header, ...hint });
  });
  const lost = fc.constantFrom<SipAnswer>({ kind: 'unknown', cause: 'x' }, { kind: 'not-sent', cause: 'x' });

  it('it repeats a bounded number of times, each with the next CSeq and nothing else changed, and answers the last', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof({ weight: 9, arbitrary: answer }, lost), { maxLength: 60 }),
        async (answers) => {
          const client = createDigestClient([
            { realm: 'a', username: 'u', password: 'p' },
            { username: 'any', password: 'q' },
          ]);
          let at = 0;
          while (at < answers.length) {
            const headers = [
              { name: 'CSeq', value: '17 MESSAGE' },
              { name: 'Call-ID', value: 'c' },
            ];
            const request: OutboundRequest = { method: 'MESSAGE', uri: 'sip:a@b', headers, body: Buffer.from('x') };
            const sent: OutboundRequest[] = [];
            let last: SipAnswer = fakeAnswer(200);
            const outcome = await client.exchange(request, async (one) => {
              sent.push(one);
              last = answers[at++] ?? fakeAnswer(200);
              return { answer: last };
            });
            assert.equal(outcome.answer, last);
            assert.ok(sent.length <= CSEQS_PER_ATTEMPT);
            for (const [i, one] of sent.entries()) {
              assert.equal(parseCSeq(one.headers[0]?.value ?? '').number, 17 + i);
              assert.deepEqual([one.headers[1], one.uri, one.body], [headers[1], request.uri, request.body]);
              for (const { name, value } of one.headers.slice(2)) {
                assert.match(name, /^(?:Proxy-)?Authorization$/);
                assert.doesNotMatch(value, /[\r\n\0]/);
              }
            }
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
