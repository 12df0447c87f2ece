import assert from 'node:assert/strict';
import type { DeviceCapabilities } from '../../../lib/model/device-capabilities.ts';
import { messageMisfit, toldValues } from '../../../lib/model/device-knowledge.ts';
import { device } from '../../support/model.ts';

const code = (
  told: Omit<DeviceCapabilities, 'until'> | undefined,
  features: Record<string, string> = {},
): number | undefined => {
  const capabilities = told === undefined ? {} : { capabilities: { ...told, until: 1 } };
  return messageMisfit(device('a', undefined, { features, ...capabilities }), 'text/html', 500)?.code;
};

describe('what a device is known not to take', () => {
  it('is nothing as long as it has told nothing', () => {
    assert.equal(code(undefined), undefined);
    assert.equal(code({}), undefined);
    assert.equal(code(undefined, { audio: '', methods: '', type: '' }), undefined);
  });

  it('is MESSAGE where it told methods without it: 2006', () => {
    assert.equal(code({ methods: ['INVITE'] }), 2006);
    assert.equal(code({ methods: ['INVITE', 'MESSAGE'] }), undefined);
    assert.equal(code(undefined, { methods: 'INVITE,BYE' }), 2006);
    assert.equal(code({ methods: ['MESSAGE'] }, { methods: 'INVITE' }), undefined, 'its answer is newer');
  });

  it('is a type it did not tell, or has refused: 2005', () => {
    assert.equal(code({ types: ['text/plain'] }), 2005);
    assert.equal(code({ types: ['text/*'] }), undefined);
    assert.equal(code({ types: ['*/*'] }), undefined);
    assert.equal(code({ types: ['*/*'], refusedTypes: ['text/html'] }), 2005);
    assert.equal(code(undefined, { type: 'text/plain' }), 2005);
  });

  it('is a body of the size that it has refused: 3006', () => {
    assert.equal(code({ maxMessageBytes: 499 }), 3006);
    assert.equal(code({ maxMessageBytes: 500 }), undefined);
  });
});

describe('values of a feature parameter', () => {
  it('are read without brackets, case and what is negated; none are unknown', () => {
    assert.deepEqual(toldValues('Text/Plain,<text/html>,!text/xml'), ['text/plain', 'text/html']);
    assert.equal(toldValues('!text/xml'), undefined);
    assert.equal(toldValues(''), undefined);
  });
});
