import assert from 'node:assert/strict';
import { PpgError } from '../../../../lib/base/errors.ts';
import { SipHeaders } from '../../../../lib/codec/sip/message.ts';
import { paramOf, parseParams } from '../../../../lib/codec/sip/params.ts';
import {
  type AcceptPredicate,
  CallerPreferencesReader,
  disposition,
  fitOf,
  rank,
} from '../../../../lib/embedded/core/caller-preferences.ts';
import { featureSet } from '../../../../lib/embedded/core/features.ts';

/** A candidate from the parameters of its Contact. */
function contact(name: string, parameters: string) {
  const read = parseParams(parameters === '' ? '' : `;${parameters}`);
  const q = paramOf(read, 'q');
  return { name, features: featureSet(read), q: q === undefined ? 1 : Number(q) };
}

const preferences = (...fields: [string, string][]) =>
  new CallerPreferencesReader().read(new SipHeaders(fields.map(([name, value]) => ({ name, value }))));

const accept = (value: string): AcceptPredicate => preferences(['Accept-Contact', value]).accept[0] as AcceptPredicate;

describe('caller preferences (RFC 3841)', () => {
  describe('the example of section 7.2.5', () => {
    const registered = [
      contact('u1', 'audio;video;methods="INVITE,BYE";q=0.2'),
      contact('u2', 'audio="FALSE";methods="INVITE";actor="msg-taker";q=0.2'),
      contact('u3', 'audio;actor="msg-taker";methods="INVITE";video;q=0.3'),
      contact('u4', 'audio;methods="INVITE,OPTIONS";q=0.2'),
      contact('u5', 'q=0.5'),
    ];
    const wanted = preferences(
      ['Reject-Contact', '*;actor="msg-taker";video'],
      ['Accept-Contact', '*;audio;require'],
      ['Accept-Contact', '*;video;explicit'],
      ['Accept-Contact', '*;methods="BYE";class="business";q=1.0'],
    );

    it('drops u2 and u3 and orders the others by q, then by fit', () => {
      assert.deepEqual(
        rank(registered, wanted, 'INVITE').map(({ name }) => name),
        ['u5', 'u1', 'u4'],
      );
    });

    it('gives u1 a fit of 0.83 and u4 one of 0.33', () => {
      const fits = [0, 3].map((at) => fitOf(registered[at]?.features ?? new Map(), wanted.accept, wanted.reject));
      assert.deepEqual(
        fits.map((fit) => fit?.toFixed(2)),
        ['0.83', '0.33'],
      );
    });
  });

  describe('require and explicit', () => {
    const table: [contact: string, wanted: string, fit: number | undefined][] = [
      // [contact, Accept-Contact, score or undefined = dropped]
      ['+g.oma.pusheventapp="mms.ua,ulp.ua"', '*;+g.oma.pusheventapp="mms.ua";require;explicit', 1],
      ['+g.oma.pusheventapp="ulp.ua"', '*;+g.oma.pusheventapp="mms.ua";require;explicit', undefined],
      ['audio', '*;+g.oma.pusheventapp="mms.ua";require;explicit', undefined],
      ['audio', '*;+g.oma.pusheventapp="mms.ua";require', 0],
      ['audio', '*;+g.oma.pusheventapp="mms.ua";explicit', 0],
      ['audio', '*;+g.oma.pusheventapp="mms.ua"', 0],
      ['+g.oma.pusheventapp="ulp.ua"', '*;+g.oma.pusheventapp="mms.ua";require', undefined],
      ['+g.oma.pusheventapp="ulp.ua"', '*;+g.oma.pusheventapp="mms.ua"', 0],
      ['audio;video', '*;audio;text', 0.5],
      ['audio;video', '*;audio;text;explicit', 0],
      ['audio;video', '*;audio;video;explicit', 1],
      ['+G.OMA.PushEventApp="MMS.UA"', '*;+g.oma.pusheventapp="mms.ua";require;explicit', 1],
      ['+sip.instance="<urn:uuid:A>"', '*;+sip.instance="<urn:uuid:A>";require;explicit', 1],
      ['+sip.instance="<urn:uuid:A>"', '*;+sip.instance="<urn:uuid:a>";require;explicit', undefined],
      ['+g.oma.pusheventapp="<x-oma-docomo:open.ctl>"', '*;+g.oma.pusheventapp="<x-oma-docomo:open.ctl>";require', 1],
      ['+x="<a,b>"', '*;+x="<a,b>";require', 1],
      ['mobility="fixed"', '*;mobility="!fixed";require', undefined],
      ['mobility="mobile"', '*;mobility="!fixed";require', 1],
      ['audio="FALSE"', '*;audio="!TRUE";require', 1],
      ['priority="#1:5"', '*;priority="#>=5";require', 1],
      ['priority="#1:5"', '*;priority="#>=6";require', undefined],
      ['priority="#=3"', '*;priority="!#1:5";require', undefined],
      ['language="en,de"', '*;language="de,fr";require;explicit', 1],
    ];
    for (const [registered, wanted, fit] of table) {
      it(`${registered} for ${wanted}: ${fit ?? 'dropped'}`, () => {
        assert.equal(fitOf(contact('c', registered).features, [accept(wanted)], []), fit);
      });
    }
  });

  it('a contact without any feature parameter is immune', () => {
    const plain = contact('plain', 'expires=60;q=0.1');
    const wanted = preferences(
      ['Accept-Contact', '*;+g.oma.pusheventapp="mms.ua";require;explicit'],
      ['Reject-Contact', '*;audio'],
    );
    assert.deepEqual(rank([plain], wanted, 'MESSAGE'), [plain]);
  });

  it('a contact is rejected only for what it names', () => {
    const wanted = preferences(['Reject-Contact', '*;automata;video']);
    const kept = rank([contact('a', 'automata'), contact('b', 'automata;video')], wanted, 'MESSAGE');
    assert.deepEqual(
      kept.map(({ name }) => name),
      ['a'],
    );
  });

  it('several elements may share one field, and a comma in quotes parts nothing', () => {
    const read = preferences(['a', '*;methods="INVITE,BYE";require, *;video;explicit']);
    assert.deepEqual(
      read.accept.map(({ require, explicit, features }) => [require, explicit, [...features.keys()]]),
      [
        [true, false, ['methods']],
        [false, true, ['video']],
      ],
    );
  });

  describe('without explicit preferences (section 7.2.2)', () => {
    it('a contact that lists its methods gets only those', () => {
      const contacts = [
        contact('no', 'methods="INVITE"'),
        contact('yes', 'methods="INVITE,MESSAGE"'),
        contact('any', ''),
      ];
      assert.deepEqual(
        rank(contacts, preferences(), 'MESSAGE').map(({ name }) => name),
        ['yes', 'any'],
      );
    });

    it('a contact that lists its event packages gets only those', () => {
      const contacts = [contact('no', 'events="reg"'), contact('yes', 'events="oma-push"')];
      assert.deepEqual(
        rank(contacts, preferences(), 'NOTIFY', 'oma-push;event-app-id="x"').map(({ name }) => name),
        ['yes'],
      );
    });
  });

  it('Request-Disposition is read in any case and compact form', () => {
    const read = (name: string, value: string) => disposition(new SipHeaders([{ name, value }]));
    assert.deepEqual(read('Request-Disposition', 'proxy, No-Fork'), { fork: false, parallel: true });
    assert.deepEqual(read('d', 'fork, sequential'), { fork: true, parallel: false });
    assert.deepEqual(disposition(new SipHeaders()), { fork: true, parallel: true });
  });

  it('hostile elements are refused or read in bounded number', () => {
    assert.equal(preferences(['Accept-Contact', '*;audio,'.repeat(100).slice(0, -1)]).accept.length, 16);
    for (const bad of ['*;audio,'.repeat(10_000), '*;x="', '*;=', 'audio', `*${';a'.repeat(5000)}`]) {
      assert.throws(
        () => preferences(['Accept-Contact', bad]),
        (error) => error instanceof PpgError && error.sipStatus === 400,
        bad.slice(0, 20),
      );
    }
  });
});
