import assert from 'node:assert/strict';
import { route, targetId } from '../../../lib/engine/router.ts';
import type { RecipientAddress } from '../../../lib/model/address.ts';
import type { Registration } from '../../../lib/model/device.ts';
import type { AttemptRecord } from '../../../lib/model/push.ts';
import { address, device, record, registration } from '../../support/model.ts';

const phone = device('phone', ['mms.ua', 'ulp.ua']);
const tablet = device('tablet', ['ulp.ua']);
const old = device('old');

/** One that told, when it was asked, what its registration did not say. */
const asked = (id: string, applications: string[]): typeof old =>
  device(id, undefined, { capabilities: { applications, until: 1 } });

interface Row {
  readonly it: string;
  readonly to?: RecipientAddress;
  readonly application?: string;
  readonly known?: Registration;
  readonly attempts?: AttemptRecord[];
  /** Ids of devices that some bearer reaches; default all. */
  readonly fits?: string[];
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
    it: 'finds a named instance in whatever case it is spelled',
    to: address('alice', { instance: 'URN:UUID:Tablet' }),
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
  {
    it: 'asks a device again that took another bearer’s form for later',
    known: registration([phone]),
    attempts: [record('failed', { device: 'phone' }), record('busy', { device: 'phone', bearer: 'msrp-session' })],
    goes: ['phone'],
  },
  {
    it: 'asks a device again that was never sent anything',
    known: registration([phone]),
    attempts: [record('failed', { device: 'phone', bearer: 'none' })],
    goes: ['phone'],
  },
  {
    it: 'sends to a device that told of the application only when it was asked',
    known: registration([asked('a', ['mms.ua']), asked('b', ['ulp.ua']), old]),
    goes: ['a'],
  },
  {
    it: 'refuses with 2006 when a device told, when it was asked, that it runs other things',
    known: registration([asked('a', ['ulp.ua'])]),
    goes: 2006,
  },
  {
    it: 'believes the registration more than the answer',
    known: registration([
      device('a', ['mms.ua'], { capabilities: { applications: ['ulp.ua'], until: 1 } }),
      asked('b', ['ulp.ua']),
    ]),
    goes: ['a'],
  },
  {
    it: 'leaves out devices that no bearer reaches when another one can be reached',
    known: registration([phone, tablet]),
    application: 'ulp.ua',
    fits: ['tablet'],
    goes: ['tablet'],
  },
  {
    it: 'goes to all when no bearer reaches any, so that each has its reason',
    known: registration([phone, tablet]),
    application: 'ulp.ua',
    fits: [],
    goes: ['phone', 'tablet'],
  },
  {
    it: 'never falls back to a device that says nothing from one that runs the application and does not fit',
    known: registration([phone, old]),
    fits: ['old'],
    goes: ['phone'],
  },
  {
    it: 'needs no fork when the device without a name is left out',
    known: registration([
      phone,
      { id: 'sip:x', contact: 'sip:x@10.0.0.9', applications: ['mms.ua'], features: {}, expiresAt: 1 },
    ]),
    fits: ['phone'],
    goes: ['phone'],
  },
  {
    it: 'keeps a device without any feature tag, which the core never drops, for when none is known to run the application',
    known: registration([device('bare'), tablet]),
    goes: ['bare'],
  },
];

describe('router', () => {
  for (const row of rows) {
    it(row.it, () => {
      const { to = address('alice'), application = 'mms.ua', known, attempts = [], fits } = row;
      const way = route(to, application, known, attempts, fits && (({ id }) => fits.includes(id)));
      if (way.kind === 'targets') assert.deepEqual(way.targets.map(targetId), row.goes);
      else assert.equal(way.kind === 'offline' ? 'offline' : way.code, row.goes);
    });
  }
});
