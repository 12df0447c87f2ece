import assert from 'node:assert/strict';
import { papHandler } from '../../../handlers/pap.ts';
import type { PushResponse } from '../../../lib/codec/pap/messages.ts';
import { dependencies, Endpoint, type FakeEngine, FIXTURE_TYPES, fixture } from '../../support/pap-endpoint.ts';

const NOW = Date.UTC(2026, 8, 21, 14, 0, 0);

describe('what Push Initiators of the field send', () => {
  let endpoint: Endpoint;
  let engine: FakeEngine;

  beforeEach(async () => {
    const deps = dependencies();
    engine = deps.engine;
    endpoint = await Endpoint.of(papHandler(deps));
  });
  afterEach(() => endpoint.close());

  const send = async (name: string) => endpoint.pap(fixture(name), FIXTURE_TYPES[name] ?? '');
  const submitted = async (name: string) => {
    const answer = (await send(name)) as PushResponse;
    assert.equal(answer.message, 'push-response');
    assert.equal(answer.code, 1001, answer.desc);
    assert.equal(answer.replyTime, NOW);
    assert.ok(answer.desc);
    assert.equal(engine.submissions.length, 1);
    const [submission] = engine.submissions;
    assert.ok(submission);
    assert.equal(answer.pushId, submission.pushId);
    assert.equal(answer.papVersion, submission.papVersion);
    return submission;
  };

  it('accepts two raw tokens, each a user of the home domain', async () => {
    const submission = await submitted('two-raw-tokens');
    assert.deepEqual(
      submission.recipients.map(({ text, aor }) => [text, aor]),
      [
        ['2100000A', 'sip:2100000A@ims.example.com'],
        ['2100000B', 'sip:2100000B@ims.example.com'],
      ],
    );
    assert.equal(submission.papVersion, '2.1');
    assert.equal(submission.deliverBefore, Date.UTC(2026, 8, 21, 22, 13, 20));
    assert.equal(submission.content.type, 'text/html');
    assert.deepEqual(submission.content.headers, [
      { name: 'Content-Encoding', value: 'binary' },
      { name: 'Push-Message-ID', value: 'com.example.shop1790000000000' },
    ]);
    assert.equal(submission.content.body.toString(), '<html><body>Hi <b>there</b></body></html>\r\n');
  });

  it('reads XML that follows its part header without a blank line', async () => {
    const submission = await submitted('no-blank-line-before-xml');
    assert.equal(submission.papVersion, '1.0');
    assert.equal(submission.deliverBefore, Date.UTC(2020, 11, 31, 23, 59, 59));
    assert.equal(submission.qos?.deliveryMethod, 'unconfirmed');
    assert.ok(submission.content.body.toString().endsWith('It was nuts!"}'));
  });

  it('hands on part headers that only the vendor knows, and the content with its bare line feed', async () => {
    const submission = await submitted('vendor-part-headers');
    assert.equal(submission.recipients[0]?.aor, 'sip:simulator@pushme.com');
    assert.equal(submission.content.headers.length, 8);
    assert.deepEqual(submission.content.headers.at(-1), {
      name: 'X-Rim-Push-NotifyURL',
      value: 'http://localhost:7778',
    });
    assert.equal(submission.content.body.toString(), '<html><body><h1>Have a Great Day!</h1></body></html>\n');
    assert.equal(submission.qos, undefined);
  });

  it('takes a replacement for what it says', async () => {
    const submission = await submitted('replace');
    assert.equal(submission.pushId, '2@rim.com');
    assert.deepEqual(submission.replaces, { pushId: '1@rim.com', method: 'all' });
  });

  it('answers a cancel from the engine, as the account that asks', async () => {
    const address = 'WAPPUSH=simulator%40pushme.com%3A7874/TYPE=USER@rim.net';
    engine.cancelAnswer = { results: [{ addresses: [address], code: 1000, desc: 'OK' }] };
    const answer = await send('cancel');
    assert.ok(answer.message === 'cancel-response');
    assert.equal(answer.pushId, '1@rim.com');
    assert.deepEqual(answer.results, engine.cancelAnswer.results);
    assert.deepEqual(engine.cancellations, [
      ['shop', '1@rim.com', [{ text: address, aor: 'sip:simulator@pushme.com' }]],
    ]);
  });

  it('answers a status query from the engine, as the account that asks', async () => {
    const address = 'WAPPUSH=simulator%40pushme.com%3A7874/TYPE=USER@rim.net';
    engine.statusAnswer = {
      results: [{ addresses: [address], state: 'delivered', code: 1000, desc: 'OK', eventTime: NOW - 5000 }],
    };
    const answer = await send('status-query');
    assert.ok(answer.message === 'statusquery-response');
    assert.deepEqual(answer.results, engine.statusAnswer.results);
    assert.deepEqual(engine.queries, [['shop', '1@rim.com', [{ text: address, aor: 'sip:simulator@pushme.com' }]]]);
  });

  it('answers a status query for a push it does not have with 2004', async () => {
    const answer = await send('status-query');
    assert.ok(answer.message === 'statusquery-response');
    assert.deepEqual(answer.results, [{ addresses: [], state: 'unknown', code: 2004, desc: 'Push ID not found' }]);
  });

  it('takes a delivery-method outside the DTD for none', async () => {
    const submission = await submitted('unknown-delivery-method');
    assert.equal(submission.qos?.deliveryMethod, 'notspecified');
    assert.equal(submission.notifyUrl, 'http://localhost:7778');
    assert.equal(submission.recipients[0]?.aor, 'sip:2100000a@ims.example.com');
    assert.equal(submission.content.body.toString(), 'This is the push data');
  });

  it('reads an internal subset that follows its system id without a blank', async () => {
    const submission = await submitted('no-blank-before-subset');
    assert.equal(submission.papVersion, '2.1');
    assert.equal(submission.content.body.toString(), '{"title":"hello"}');
  });

  it('refuses a required network that it has not, in the version of the DTD file', async () => {
    const answer = (await send('required-gsm-sms')) as PushResponse;
    assert.deepEqual([answer.message, answer.code, answer.papVersion], ['push-response', 3009, '1.0']);
    assert.equal(answer.pushId, '9fjeo39jf084@pi.com');
  });

  it('writes answers as the least of clients can read them', async () => {
    const { status, text, headers } = await endpoint.post(
      fixture('two-raw-tokens'),
      FIXTURE_TYPES['two-raw-tokens'] ?? '',
    );
    assert.equal(status, 202);
    assert.match(String(headers['content-type']), /^application\/xml/);
    assert.equal(
      text,
      '<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE pap PUBLIC "-//WAPFORUM//DTD PAP 2.1//EN" ' +
        '"http://www.openmobilealliance.org/tech/DTD/pap_2.1.dtd" [<?wap-pap-ver supported-versions="2.*,1.*"?>]>' +
        '<pap><push-response push-id="com.example.shop1790000000000" sender-name="drachtio-ppg" ' +
        'reply-time="2026-09-21T14:00:00Z"><response-result code="1001" desc="Accepted for processing"/>' +
        '</push-response></pap>',
    );
  });
});
