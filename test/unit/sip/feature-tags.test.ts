import assert from 'node:assert/strict';
import { canonicalApplication, sameApplication } from '../../../lib/model/application-id.ts';
import {
  acceptContactFor,
  acceptContactForInstance,
  readApplications,
  writeApplications,
} from '../../../lib/sip/feature-tags.ts';

describe('application ids in feature tags', () => {
  it('a contact names several applications in one quoted string', () => {
    assert.deepEqual(readApplications('"mms.ua,ulp.ua, syncml.dm"'), ['mms.ua', 'ulp.ua', 'syncml.dm']);
    assert.deepEqual(readApplications('mms.ua'), ['mms.ua']);
  });

  it('tokens are compared without regard to case, strings literally', () => {
    assert.deepEqual(readApplications('"MMS.UA,mms.ua"'), ['mms.ua']);
    assert.deepEqual(readApplications('"<x-oma-docomo:open.CTL>"'), ['x-oma-docomo:open.CTL']);
    assert.equal(sameApplication('<x-oma-docomo:a>', 'x-oma-docomo:A'), false);
  });

  it('an application is the same with its prefix, without it, and as a string', () => {
    for (const form of ['mms.ua', 'MMS.ua', 'x-wap-application:mms.ua', '<x-wap-application:mms.ua>', '<mms.ua>'])
      assert.equal(canonicalApplication(form), 'mms.ua', form);
    assert.equal(canonicalApplication('x-oma-application:ulp.ua'), 'ulp.ua');
  });

  it('a comma inside angle brackets does not separate', () => {
    assert.deepEqual(readApplications('"<urn:a,b>,wml.ua"'), ['urn:a,b', 'wml.ua']);
  });

  it('a tag without a usable value says nothing', () => {
    for (const value of ['', '""', '","', '"!mms.ua"']) assert.equal(readApplications(value), undefined, value);
  });

  it('a hostile list is bounded', () => {
    const list = Array.from({ length: 5000 }, (_, i) => `a${i}`).join(',');
    assert.equal(readApplications(`"${list}"`)?.length, 64);
    assert.equal(readApplications(`"${'a'.repeat(10_000)}"`), undefined);
  });

  it('what is written reads back', () => {
    const ids = ['mms.ua', 'x-oma-docomo:open.ctl', 'urn:x:y'];
    assert.equal(writeApplications(ids), '"mms.ua,<x-oma-docomo:open.ctl>,<urn:x:y>"');
    assert.deepEqual(readApplications(writeApplications(ids)), ids);
  });

  it('Accept-Contact asks by token, and by string where the id is no token', () => {
    assert.equal(acceptContactFor('mms.ua'), '*;+g.oma.pusheventapp="mms.ua";require;explicit');
    assert.equal(acceptContactFor('x-wap-application:mms.ua'), '*;+g.oma.pusheventapp="mms.ua";require;explicit');
    assert.equal(
      acceptContactFor('x-oma-docomo:open.ctl'),
      '*;+g.oma.pusheventapp="<x-oma-docomo:open.ctl>";require;explicit',
    );
  });

  it('an id that would break out of the header is not asked for', () => {
    for (const id of ['a"b:c', 'a:b\r\nX: y', 'a:<b', 'a:b>', 'a:b\\', 'a: b', '', 'x-wap-application:*'])
      assert.equal(acceptContactFor(id), undefined, JSON.stringify(id));
    assert.equal(acceptContactForInstance('urn:uuid:1>";x="'), undefined);
  });

  it('an instance is asked for as a string', () => {
    assert.equal(acceptContactForInstance('urn:uuid:0a'), '*;+sip.instance="<urn:uuid:0a>";require;explicit');
  });
});
