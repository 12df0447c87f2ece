import assert from 'node:assert/strict';
import { PpgError } from '../../../../lib/base/errors.ts';
import { AnswerPlayer, parseAnswerScript } from '../../../../lib/embedded/phone/answer-script.ts';

describe('answer script of a phone', () => {
  it('reads a status, a Retry-After, silence and a sequence', () => {
    assert.deepEqual(parseAnswerScript('503:1, silent,486:30,200'), [
      { kind: 'status', status: 503, retryAfter: 1 },
      { kind: 'silent' },
      { kind: 'status', status: 486, retryAfter: 30 },
      { kind: 'status', status: 200 },
    ]);
  });

  it('the last answer repeats', () => {
    const player = new AnswerPlayer(parseAnswerScript('503:1,200'));
    const statuses = [player.next(), player.next(), player.next()].map((a) =>
      a.kind === 'status' ? a.status : a.kind,
    );
    assert.deepEqual(statuses, [503, 200, 200]);
  });

  it('another script plays from its beginning', () => {
    const player = new AnswerPlayer(parseAnswerScript('200'));
    player.next();
    player.play(parseAnswerScript('415,200'));
    assert.deepEqual(player.next(), { kind: 'status', status: 415 });
  });

  for (const [text, names] of [
    ['', /answer 1 is ""/],
    ['200,,200', /answer 2 is ""/],
    ['180', /answer 1 is "180"; it must be "silent" or a status 200 to 699/],
    ['700', /answer 1/],
    ['503:-1', /answer 1/],
    ['503:999999', /at most 86400 s/],
    ['ok\r\nX: y', /"ok\?\?X: y"/],
    ['200,'.repeat(20_000), /at most 10000 steps/],
  ] as const) {
    it(`refuses ${JSON.stringify(text.slice(0, 20))} and says why`, () => {
      assert.throws(
        () => parseAnswerScript(text),
        (error) => error instanceof PpgError && error.code === 'PPG_E_OPTIONS' && names.test(error.message),
      );
    });
  }
});
