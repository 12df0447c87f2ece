import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  CLASS_READINGS,
  DEFAULT_READINGS,
  READING_NAMES,
  readingsWith,
  sipOutcome,
} from '../../../lib/bearer/sip-outcome.ts';
import { checkOptions } from '../../../lib/options/options.ts';
import { fakeAnswer } from '../../support/fake-sip.ts';

const doc = readFileSync(resolve(import.meta.dirname, '../../../docs/outcomes.md'), 'utf8');

describe('docs/outcomes.md', () => {
  it('has every reading, and none that is not there', () => {
    const [readings = ''] = doc.split('## Statuses');
    const listed = [...readings.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, name]) => name);
    assert.deepEqual(listed.sort(), [...READING_NAMES].sort());
  });

  it('has every status with the reading that the code gives it', () => {
    const listed = [...doc.matchAll(/^\| `(\d\d\d|\dxx)` \| `([a-z-]+)` \|/gm)].map(([, status, name]) => [
      status,
      name,
    ]);
    const classes = Object.entries(CLASS_READINGS).map(([number, name]) => [`${number}xx`, name]);
    assert.deepEqual(listed, [...Object.entries(DEFAULT_READINGS), ...classes]);
  });
});

describe('sip.outcomes', () => {
  const outcomesOf = (outcomes: object): object =>
    checkOptions({ domain: 'ims.test', sip: { outcomes: outcomes as never } }).sip.outcomes;

  it('gives statuses another reading', () => {
    const readings = readingsWith(
      checkOptions({ domain: 'ims.test', sip: { outcomes: { 488: 'busy' } } }).sip.outcomes,
    );
    const result = sipOutcome(fakeAnswer(488), { confirmed: true, target: 'device', readings });
    const cause = 'sip 488 Not Acceptable Here';
    assert.deepEqual(result, { kind: 'retry', why: 'busy', scope: 'device', code: 4001, cause });
    assert.equal(sipOutcome(fakeAnswer(480), { confirmed: true, target: 'device', readings }).kind, 'retry');
  });

  it('goes before notFoundIsFinal', () => {
    assert.equal(readingsWith({}, true)[404], 'no-such-user');
    assert.equal(readingsWith({ 404: 'refused' }, true)[404], 'refused');
  });

  it('refuses what is no status or no reading, and says what there is', () => {
    assert.throws(() => outcomesOf({ 404: 'gone' }), /sip\.outcomes\.404: must be one of accepted, offline, /);
    assert.throws(() => outcomesOf({ 100: 'busy' }), /sip\.outcomes\S*: .*SIP statuses from 200 to 699/);
    assert.throws(() => outcomesOf({ 202: 'delivered' }), /only 200 proves a delivery/);
  });
});
