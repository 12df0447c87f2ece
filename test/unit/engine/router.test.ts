import assert from 'node:assert/strict';
import { route, targetId } from '../../../lib/engine/router.ts';
import type { RecipientAddress } from '../../../lib/model/address.ts';
import type { Registration } from '../../../lib/model/device.ts';
import type { AttemptRecord } from '../../../lib/model/push.ts';
import { address, device, record, registration } from '../../support/model.ts';

const phone = device('phone', ['mms.ua', 'ulp.ua']);
const tablet = device('tablet', ['ulp.ua']);
const old = device('old');

interface Row {
  readonly it: string;
  readonly to?: RecipientAddress;
  readonly application?: string;
  readonly known?: Registration;
  readonly attempts?: AttemptRecord[];
  readonly goes: string[] | 'offline' | number;
}

const rows: Row[] = [
  { it: 'forks to the address-of-record when nothing is known', goes: ['aor'] },
  { it: 'forks when the user is registered but no device was told of', known: registration([]), goes: ['aor'] },
  { it: 'waits when the user is known to be offline', known: registration([], { registered: false }), goes: 'offline' },
  { it: 'sends to the one device that runs the application', known: registration([phone, tablet]), goes: ['phone'] },
  {
    it: 'sends to each device that runs the application',
    known: registration([phone, tablet]),
    application: 'ulp.ua',
    goes: ['phone', 'tablet'],
  },
  {
    it: 'prefers devices that say they run it over devices that say nothing',
    known: registration([old, phone]),
    goes: ['phone'],
  },
  {
    it: 'tries devices that say nothing when none is known to run it',
    known: registration([old, tablet]),
    goes: ['old'],
  },
  { it: 'refuses with 2006 when every device is known to run other things', known: registration([tablet]), goes: 2006 },
  {
    it: 'forks once when several devices could be meant and one of them has no name',
    known: registration([
      phone,
      { id: 'sip:x', contact: 'sip:x@10.0.0.9', applications: ['mms.ua'], features: {}, expiresAt: 1 },
    ]),
    goes: ['aor'],
  },
  { it: 'compares tokens without case', known: registration([device('a', ['MMS.UA'])]), goes: ['a'] },
  {
    it: 'compares URN forms literally',
    known: registration([device('a', ['x-oma-docomo:Open.ctl'])]),
    application: 'x-oma-docomo:open.ctl',
    goes: 2006,
  },
  {
    it: 'sends to the named instance only',
    to: address('alice', { instance: 'urn:uuid:tablet' }),
    application: 'ulp.ua',
    known: registration([phone, tablet]),
    goes: ['tablet'],
  },
  {
    it: 'waits for a named device that is not registered',
    to: address('alice', { instance: 'urn:uuid:watch' }),
    known: registration([phone]),
    goes: 'offline',
  },
  {
    it: 'finds a device by its public GRUU',
    to: address('alice', { gruu: 'sip:alice@ims.test;gr=urn:uuid:phone' }),
    known: registration([phone, tablet]),
    goes: ['phone'],
  },
  {
    it: 'leaves a named device to the core when nothing is known',
    to: address('alice', { instance: 'urn:uuid:phone' }),
    goes: ['urn:uuid:phone'],
  },
  {
    it: 'does not ask a device again that refused for good',
    known: registration([phone, tablet]),
    application: 'ulp.ua',
    attempts: [record('failed', { device: 'phone' }), record('busy', { device: 'tablet' })],
    goes: ['tablet'],
  },
  {
    it: 'gives up when every device refused for good',
    known: registration([phone]),
    attempts: [record('failed', { device: 'phone' })],
    goes: 4000,
  },
];

describe('router', () => {
  for (const row of rows) {
    it(row.it, () => {
      const way = route(row.to ?? address('alice'), row.application ?? 'mms.ua', row.known, row.attempts ?? []);
      if (way.kind === 'targets') assert.deepEqual(way.targets.map(targetId), row.goes);
      else assert.equal(way.kind === 'offline' ? 'offline' : way.code, row.goes);
    });
  }
});
