import assert from 'node:assert/strict';
import type { OutboundRequest, SipAnswer } from '../../../lib/sip/leg.ts';
import {
  followRedirects,
  MAX_REDIRECT_TARGETS,
  MAX_REDIRECTIONS,
  type RedirectPolicy,
} from '../../../lib/sip/redirect.ts';
import { fakeAnswer } from '../../support/fake-sip.ts';

const HERE: RedirectPolicy = { follow: true, domain: 'ims.test' };
const REQUEST: OutboundRequest = {
  method: 'MESSAGE',
  uri: 'sip:alice@ims.test',
  headers: [
    { name: 'Call-ID', value: 'c1' },
    { name: 'CSeq', value: '101 MESSAGE' },
  ],
};
const moved = (...contacts: string[]): SipAnswer => fakeAnswer(302, { Contact: contacts.join(', ') });

describe('redirections', () => {
  /** Sends with the answer of each URI; 480 elsewhere. */
  const run = async (
    answers: Readonly<Record<string, SipAnswer>>,
    policy: RedirectPolicy = HERE,
    request: OutboundRequest = REQUEST,
  ): Promise<{ status: number | string; tried: string[]; sent: OutboundRequest[]; followed: readonly string[] }> => {
    const sent: OutboundRequest[] = [];
    const { sent: end, followed } = await followRedirects(
      request,
      async (one) => {
        sent.push(one);
        return { answer: answers[one.uri] ?? fakeAnswer(480) };
      },
      policy,
    );
    const status = end.answer.kind === 'response' ? end.answer.status : end.answer.kind;
    return { status, tried: sent.map(({ uri }) => uri), sent, followed };
  };

  it('are followed with the same Call-ID, a higher CSeq and the next hop as it was', async () => {
    const { status, sent, followed } = await run(
      { [REQUEST.uri]: moved('<sip:alice@pc.ims.test>'), 'sip:alice@pc.ims.test': fakeAnswer(200) },
      HERE,
      { ...REQUEST, nextHop: 'sip:scscf.ims.test' },
    );
    assert.equal(status, 200);
    assert.deepEqual(followed, ['sip:alice@pc.ims.test']);
    assert.deepEqual(sent[1], {
      ...REQUEST,
      uri: 'sip:alice@pc.ims.test',
      nextHop: 'sip:scscf.ims.test',
      headers: [
        { name: 'Call-ID', value: 'c1' },
        { name: 'CSeq', value: '109 MESSAGE' },
      ],
    });
  });

  it('are the answer where they are not to be followed', async () => {
    const answers = { [REQUEST.uri]: moved('<sip:alice@pc.ims.test>') };
    assert.deepEqual((await run(answers, { ...HERE, follow: false })).tried, [REQUEST.uri]);
    for (const status of [305, 380]) {
      const other = await run({ [REQUEST.uri]: fakeAnswer(status, { Contact: '<sip:alice@pc.ims.test>' }) });
      assert.deepEqual([other.status, other.tried], [status, [REQUEST.uri]]);
    }
  });

  it('try contacts by q, one after another, until one has it', async () => {
    const { status, tried } = await run({
      [REQUEST.uri]: moved('<sip:c@ims.test>;q=0.1', '<sip:a@ims.test>', '<sip:b@ims.test>;q=0.5'),
      'sip:a@ims.test': fakeAnswer(486),
      'sip:b@ims.test': fakeAnswer(200),
    });
    assert.deepEqual([status, tried], [200, [REQUEST.uri, 'sip:a@ims.test', 'sip:b@ims.test']]);
  });

  it('end with the best answer when no contact takes it', async () => {
    const { status } = await run({
      [REQUEST.uri]: moved('<sip:a@ims.test>', '<sip:b@ims.test>'),
      'sip:a@ims.test': fakeAnswer(503),
      'sip:b@ims.test': fakeAnswer(486),
    });
    assert.equal(status, 486);
  });

  it('go no further once somebody may have it, or has spoken for all', async () => {
    const silent: SipAnswer = { kind: 'unknown', cause: 'link lost' };
    for (const [answer, end] of [
      [silent, 'unknown'],
      [fakeAnswer(408), 408],
      [fakeAnswer(603), 603],
    ] as const) {
      const { status, tried } = await run({
        [REQUEST.uri]: moved('<sip:a@ims.test>', '<sip:b@ims.test>'),
        'sip:a@ims.test': answer,
      });
      assert.deepEqual([status, tried.length], [end, 2]);
    }
  });

  it('lead to SIP only, within the domain, and never from sips to sip', async () => {
    const contacts = '<tel:+358401234567>, <mailto:a@ims.test>, <sip:a@elsewhere.test>, <sip:a@notims.test>';
    const first = await run({ [REQUEST.uri]: fakeAnswer(302, { Contact: contacts }) });
    assert.deepEqual([first.status, first.tried], [302, [REQUEST.uri]]);
    const secure = { ...REQUEST, uri: 'sips:alice@ims.test' };
    const second = await run({ [secure.uri]: moved('<sip:a@ims.test>', '<sips:b@ims.test>') }, HERE, secure);
    assert.deepEqual(second.tried, [secure.uri, 'sips:b@ims.test']);
  });

  it('lead anywhere when the next hop decides where that is', async () => {
    const { tried } = await run(
      { [REQUEST.uri]: moved('<sip:a@elsewhere.test>') },
      { ...HERE, nextHop: 'sip:10.0.0.1' },
    );
    assert.deepEqual(tried, [REQUEST.uri, 'sip:a@elsewhere.test']);
  });

  it('leave out what a contact would put into the request', async () => {
    const { tried } = await run({
      [REQUEST.uri]: moved('<sip:a@ims.test;method=INVITE;x=1?Route=%3Csip%3Aevil%3E&body=hi>'),
    });
    assert.deepEqual(tried, [REQUEST.uri, 'sip:a@ims.test;x=1']);
  });

  it('that go round are left', async () => {
    const { status, tried } = await run({
      [REQUEST.uri]: moved('<sip:a@ims.test>'),
      'sip:a@ims.test': moved('<sip:alice@ims.test>', '<sip:a@IMS.test>'),
    });
    assert.deepEqual([status, tried], [302, [REQUEST.uri, 'sip:a@ims.test']]);
  });

  it('have an end, however long the chain and however many the contacts', async () => {
    let sends = 0;
    const chain = await followRedirects(REQUEST, async () => ({ answer: moved(`<sip:u${++sends}@ims.test>`) }), HERE);
    assert.equal(chain.followed.length, MAX_REDIRECTIONS);
    sends = 0;
    const tree = await followRedirects(
      REQUEST,
      async () => {
        sends++;
        return { answer: moved(...Array.from({ length: 9 }, (_, i) => `<sip:u${sends}-${i}@ims.test>`)) };
      },
      HERE,
    );
    assert.equal(tree.followed.length, MAX_REDIRECT_TARGETS);
  });

  it('that cannot be read are the answer', async () => {
    for (const contact of ['<sip:a@ims.test', '"x', ',', '*', '<sip:a b@ims.test>']) {
      const { status, tried } = await run({ [REQUEST.uri]: fakeAnswer(302, { Contact: contact }) });
      assert.deepEqual([status, tried.length], [302, 1], contact);
    }
    assert.equal((await run({ [REQUEST.uri]: fakeAnswer(302) })).tried.length, 1);
  });
});
