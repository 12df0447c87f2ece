import assert from 'node:assert/strict';
import { PpgError } from '../../../lib/base/errors.ts';
import type { MimePart } from '../../../lib/codec/mime/multipart.ts';
import type { PapQos } from '../../../lib/codec/pap/messages.ts';
import { toSubmission } from '../../../lib/codec/pap/submission.ts';
import { compileBearerNames } from '../../../lib/model/bearer-names.ts';
import type { DeliveryResult } from '../../../lib/model/delivery.ts';
import type { DeliveryMethod } from '../../../lib/model/push.ts';
import { EngineBench, FakeBearer } from '../../support/engine.ts';
import { settle } from '../../support/fake-clock.ts';
import { address, device, qos, registration, submission } from '../../support/model.ts';

const METHODS: readonly DeliveryMethod[] = ['confirmed', 'preferconfirmed', 'unconfirmed', 'notspecified'];
const PART: MimePart = {
  headers: [{ name: 'Content-Type', value: 'text/plain' }],
  get: (name) => (name === 'content-type' ? 'text/plain' : undefined),
  body: Buffer.from('hello'),
};
const NOTIFY = { notifyUrl: 'http://pi.test/notify' };

/** The code of a submission with this quality of service, as the PAP endpoint and the engine together give it. */
async function codeOf(bench: EngineBench, wanted: PapQos): Promise<number> {
  try {
    const read = toSubmission(
      {
        message: 'push-message',
        papVersion: '2.0',
        pushId: '1@pi.test',
        replaceMethod: 'all',
        progressNotes: false,
        addresses: [address('alice').text],
        qos: wanted,
      },
      [PART],
      { initiator: 'mmsc', domain: 'ims.test' },
    );
    return (await bench.engine.submit(read)).code;
  } catch (error) {
    assert.ok(error instanceof PpgError);
    return error.papCode ?? 0;
  }
}

describe('quality of service', () => {
  let bench: EngineBench;
  const bearerNames = compileBearerNames({ networks: { IMS: 'any' }, bearers: { SIP: ['fake'] } });

  beforeEach(async () => {
    bench = new EngineBench({ bearerNames });
    await bench.engine.start();
  });
  afterEach(() => bench.engine.stop());

  const named: [string, Partial<PapQos>, number][] = [
    ['no network and no bearer', {}, 1001],
    ['the network we have', { network: 'IMS' }, 1001],
    ['the network we have, required', { network: 'ims', networkRequired: true }, 1001],
    ['any network, required', { network: 'Any', networkRequired: true }, 1001],
    ['no network, required', { networkRequired: true }, 1001],
    ['a network we have not', { network: 'GSM' }, 1001],
    ['a network we have not, required', { network: 'GSM', networkRequired: true }, 3009],
    ['a network nobody knows, required', { network: 'x', networkRequired: true }, 3009],
    ['the bearer we have', { bearer: 'SIP' }, 1001],
    ['the bearer we have, required', { bearer: 'sip', bearerRequired: true }, 1001],
    ['any bearer, required', { bearer: 'Any', bearerRequired: true }, 1001],
    ['no bearer, required', { bearerRequired: true }, 1001],
    ['a bearer we have not', { bearer: 'SMS' }, 1001],
    ['a bearer we have not, required', { bearer: 'SMS', bearerRequired: true }, 3010],
    [
      'a network and a bearer we have not, both required',
      { network: 'GSM', networkRequired: true, bearer: 'SMS', bearerRequired: true },
      3009,
    ],
    [
      'the network we have with a bearer we have not, both required',
      { network: 'IMS', networkRequired: true, bearer: 'SMS', bearerRequired: true },
      3010,
    ],
  ];
  for (const method of METHODS) {
    for (const [what, wanted, code] of named) {
      it(`${method} with ${what}: ${code}`, async () => {
        assert.equal(await codeOf(bench, { ...qos(method), ...wanted }), code);
        await settle();
        assert.equal(bench.bearer.sent.length, code === 1001 ? 1 : 0);
      });
    }
  }

  const PROVEN: DeliveryResult = { kind: 'delivered', proof: 'device', cause: 'sip 200' };
  const SENT: DeliveryResult = { kind: 'delivered', proof: 'none', cause: 'sent' };
  const RELAYED: DeliveryResult = { kind: 'accepted', cause: 'sip 202' };
  for (const [method, result, end] of [
    ['confirmed', PROVEN, 'delivered confirmed'],
    ['confirmed', RELAYED, 'no end yet'],
    ['preferconfirmed', PROVEN, 'delivered confirmed'],
    ['preferconfirmed', RELAYED, 'delivered unconfirmed'],
    ['preferconfirmed', SENT, 'delivered unconfirmed'],
    ['unconfirmed', PROVEN, 'delivered unconfirmed'],
    ['unconfirmed', SENT, 'delivered unconfirmed'],
    ['notspecified', PROVEN, 'delivered unconfirmed'],
    ['notspecified', SENT, 'delivered unconfirmed'],
  ] as const) {
    it(`${method} after ${result.cause}: ${end}`, async () => {
      bench.bearer.answer = () => result;
      await bench.engine.submit(submission({ ...NOTIFY, qos: { ...qos(method), network: 'IMS' } }));
      await settle();
      const [told] = bench.posted;
      assert.equal(told === undefined ? 'no end yet' : `${told.state} ${told.deliveredBy}`, end);
      if (told !== undefined) assert.equal(told.qos?.network, 'IMS');
    });
  }

  for (const [method, code] of [
    ['confirmed', 3007],
    ['preferconfirmed', 1001],
    ['unconfirmed', 1001],
    ['notspecified', 1001],
  ] as const) {
    it(`${method} where no bearer can confirm: ${code}`, async () => {
      Object.assign(bench.bearer, { confirms: false });
      bench.bearer.answer = () => SENT;
      assert.equal(await codeOf(bench, qos(method)), code);
      await settle();
      assert.equal(bench.bearer.sent.length, code === 1001 ? 1 : 0);
      assert.equal(bench.bearer.attempts[0]?.confirmed ?? false, false);
      const found = await bench.engine.find('mmsc', '1@pi.test');
      assert.deepEqual(found?.recipients[0]?.deliveredBy, code === 1001 ? 'unconfirmed' : undefined);
    });
  }

  for (const code of [3006, 3007, 3009, 3010]) {
    it(`what the bearers find out later is reported: ${code}`, async () => {
      bench.bearer.offer = { offer: 'no', code, cause: 'not this one' };
      await bench.engine.submit(submission({ ...NOTIFY, qos: qos('confirmed') }));
      await settle();
      assert.deepEqual(
        bench.posted.map((told) => `${told.state} ${told.code}`),
        [`undeliverable ${code}`],
      );
    });
  }
});

describe('capabilities that came with a submission', () => {
  let bench: EngineBench;

  beforeEach(async () => {
    bench = new EngineBench();
    await bench.engine.start();
  });
  afterEach(() => bench.engine.stop());

  const ALICE = address('alice').aor;
  const wants = { ...NOTIFY, capabilities: { applications: ['dm.ua'] } };

  it('that the devices are known not to have: 2005 at once', async () => {
    bench.registrations.set(ALICE, registration([device('phone', ['wml.ua'])]));
    assert.equal((await bench.engine.submit(submission(wants))).code, 2005);
    assert.equal(await bench.engine.find('mmsc', '1@pi.test'), undefined);
  });

  it('that are found wrong at registration: undeliverable 2005', async () => {
    bench.registrations.set(ALICE, registration([], { registered: false }));
    assert.equal((await bench.engine.submit(submission(wants))).code, 1001);
    await settle();
    bench.registrations.set(ALICE, registration([device('phone', ['wml.ua'])]));
    bench.engine.wake(ALICE);
    await bench.clock.advance(5);
    assert.deepEqual(
      bench.posted.map(({ state, code }) => `${state} ${code}`),
      ['undeliverable 2005'],
    );
    assert.deepEqual(bench.bearer.sent, []);
  });

  it('that the devices have, or tell nothing of, do not matter', async () => {
    bench.registrations.set(ALICE, registration([device('phone', ['wml.ua', 'dm.ua'])]));
    assert.equal((await bench.engine.submit(submission(wants))).code, 1001);
    bench.registrations.set(address('bob').aor, registration([device('meter')]));
    const toBob = { ...wants, pushId: '2@pi.test', recipients: [address('bob')] };
    assert.equal((await bench.engine.submit(submission(toBob))).code, 1001);
    await settle();
    assert.deepEqual(bench.bearer.sent.sort(), ['1@pi.test', '2@pi.test']);
  });
});

describe('asking for capabilities', () => {
  it('tells of the registered devices as one client', async () => {
    const bench = new EngineBench();
    await bench.engine.start();
    const alice = address('alice');
    assert.equal(await bench.engine.capabilities('mmsc', alice), undefined);
    bench.registrations.set(alice.aor, registration([device('a', ['wml.ua']), device('b', ['mms.ua'])]));
    assert.deepEqual((await bench.engine.capabilities('mmsc', alice))?.applications, ['mms.ua', 'wml.ua']);
    assert.deepEqual((await bench.engine.capabilities('mmsc', alice, 'mms.ua'))?.applications, ['mms.ua']);
    await bench.engine.stop();
  });
});

describe('a bearer that is named', () => {
  let bench: EngineBench;
  const names = {
    networks: new Map(),
    bearers: new Map([
      ['here', ['fake']],
      ['there', ['other']],
    ]),
  };

  beforeEach(async () => {
    bench = new EngineBench({ bearerNames: names });
    bench.bearers.push(Object.assign(new FakeBearer(), { name: 'other' }));
    await bench.engine.start();
  });
  afterEach(() => bench.engine.stop());

  const end = async (wanted: Partial<PapQos>): Promise<string> => {
    await bench.engine.submit(submission({ ...NOTIFY, qos: { ...qos('notspecified'), ...wanted } }));
    await settle();
    const { attempts } = (await bench.engine.find('mmsc', '1@pi.test'))?.recipients[0] ?? {};
    const [notification] = bench.posted;
    return `${notification?.state} ${notification?.code} by ${attempts?.[0]?.bearer}`;
  };

  it('and required carries the push, though it is not the first', async () =>
    assert.equal(await end({ bearer: 'There', bearerRequired: true }), 'delivered 1000 by other'));

  it('as a wish goes first', async () => assert.equal(await end({ bearer: 'there' }), 'delivered 1000 by other'));

  it('as a wish gives way where it cannot take the push', async () => {
    for (const other of bench.bearers.slice(1)) other.offer = { offer: 'no', code: 3006, cause: 'no' };
    assert.equal(await end({ bearer: 'there' }), 'delivered 1000 by fake');
  });

  it('and required is the only one that is asked', async () => {
    for (const other of bench.bearers.slice(1)) other.offer = { offer: 'no', code: 3006, cause: 'cannot' };
    assert.equal(await end({ bearer: 'there', bearerRequired: true }), 'undeliverable 3006 by none');
  });

  it('and required, but gone since the push was accepted: 3010', async () => {
    bench.bearers.length = 1;
    assert.equal(await end({ bearer: 'there', bearerRequired: true }), 'undeliverable 3010 by none');
  });
});
