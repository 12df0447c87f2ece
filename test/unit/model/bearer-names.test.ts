import assert from 'node:assert/strict';
import {
  type BearerNames,
  bearersAllowed,
  bearersWished,
  compileBearerNames,
  DEFAULT_BEARER_NAMES,
  missingBearer,
} from '../../../lib/model/bearer-names.ts';
import type { QualityOfService } from '../../../lib/model/push.ts';

const qos = (wishes: Partial<QualityOfService>): QualityOfService => ({
  priority: 'medium',
  deliveryMethod: 'notspecified',
  networkRequired: false,
  bearerRequired: false,
  ...wishes,
});
const network = (name: string): Partial<QualityOfService> => ({ network: name, networkRequired: true });
const bearer = (name: string): Partial<QualityOfService> => ({ bearer: name, bearerRequired: true });

describe('names of networks and bearers', () => {
  const names: BearerNames = compileBearerNames(
    {
      networks: { ...DEFAULT_BEARER_NAMES.networks, GSM: ['sms', 'voice'] },
      bearers: { ...DEFAULT_BEARER_NAMES.bearers, SMS: ['sms'], Fax: ['fax'] },
    },
    ['sip-message', 'msrp-session', 'sms'],
  );

  for (const [what, wishes, allowed, missing] of [
    ['nothing named', {}, 'any', undefined],
    ['required, but nothing named', { networkRequired: true, bearerRequired: true }, 'any', undefined],
    ['any', { ...network('ANY'), ...bearer('Any') }, 'any', undefined],
    ['a bearer, in any letter case', bearer(' sIp '), ['sip-message', 'msrp-session'], undefined],
    ['one of several', bearer('MSRP'), ['msrp-session'], undefined],
    ['a network that has some bearers', network('gsm'), ['sms'], undefined],
    ['a bearer within its network', { ...network('GSM'), ...bearer('SMS') }, ['sms'], undefined],
    ['a bearer that the network has not', { ...network('GSM'), ...bearer('SIP') }, [], 3010],
    ['a network that is not here', network('PDC'), [], 3009],
    ['a bearer that is not here', bearer('CSD'), [], 3010],
    ['a name for bearers that this gateway has not', bearer('Fax'), [], 3010],
    ['what is not required', { network: 'PDC', bearer: 'SMS' }, 'any', undefined],
  ] as const) {
    it(`${what}: ${allowed === 'any' ? 'any bearer' : `[${allowed}]`}${missing === undefined ? '' : `, ${missing}`}`, () => {
      assert.deepEqual(bearersAllowed(qos(wishes), names), allowed);
      assert.equal(missingBearer(qos(wishes), names), missing);
    });
  }

  it('a wish is told apart from what is required', () => {
    assert.deepEqual(bearersWished(qos({ bearer: 'SMS' }), names), ['sms']);
    assert.equal(bearersWished(qos({ bearer: 'CSD' }), names), 'any');
    assert.equal(bearersWished(qos({ network: 'GSM', bearer: 'SIP' }), names), 'any');
    assert.equal(bearersWished(undefined, names), 'any');
    assert.equal(bearersAllowed(undefined, names), 'any');
  });
});
