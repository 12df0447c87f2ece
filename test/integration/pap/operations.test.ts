import assert from 'node:assert/strict';
import { papHandler } from '../../../handlers/pap.ts';
import { PpgError } from '../../../lib/base/errors.ts';
import { readMultipart } from '../../../lib/codec/mime/multipart.ts';
import type { PapMessage, PushResponse } from '../../../lib/codec/pap/messages.ts';
import { readPap } from '../../../lib/codec/pap/read.ts';
import { readCapabilities } from '../../../lib/codec/pap/uaprof.ts';
import { writeResultNotification } from '../../../lib/codec/pap/write.ts';
import { BUSY, DELIVERED, EngineBench, OFFLINE } from '../../support/engine.ts';
import { settle } from '../../support/fake-clock.ts';
import { device, registration } from '../../support/model.ts';
import { assertCodes } from '../../support/pap-codes.ts';
import { ACCOUNT, admitting, dependencies, Endpoint } from '../../support/pap-endpoint.ts';

const XML = 'application/xml';
const RELATED = 'multipart/related; type="application/xml"; boundary=B';
const ALICE = 'WAPPUSH=sip%3Aalice%40ims.test/TYPE=USER@ppg.test';
const BOB = 'WAPPUSH=sip%3Abob%40ims.test/TYPE=USER@ppg.test';
const NOBODY = 'WAPPUSH=x/TYPE=FAX@ppg.test';
const AOR = 'sip:alice@ims.test';

const to = (...texts: string[]): string => texts.map((text) => `<address address-value="${text}"/>`).join('');
const doctype = (version: string): string =>
  `<!DOCTYPE pap PUBLIC "-//WAPFORUM//DTD PAP ${version}//EN" "http://www.wapforum.org/DTD/pap_${version}.dtd">`;
const document = (content: string, version = '2.0'): string =>
  `<?xml version="1.0"?>${doctype(version)}<pap>${content}</pap>`;

interface Wishes {
  readonly id?: string;
  readonly attributes?: string;
  readonly children?: string;
  readonly version?: string;
  /** Capabilities entity, as attributes of PushCharacteristics. */
  readonly profile?: string;
}

const push = ({
  id = '1@pi',
  attributes = '',
  children = to(ALICE),
  version = '2.0',
  profile,
}: Wishes = {}): string => {
  const capabilities =
    profile === undefined
      ? ''
      : '\r\n--B\r\nContent-Type: application/xml\r\n\r\n<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#" ' +
        `xmlns:p="http://www.wapforum.org/profiles/UAPROF/ccppschema-20010430#">${profile}</r:RDF>`;
  const control = document(`<push-message push-id="${id}" ${attributes}>${children}</push-message>`, version);
  return (
    `--B\r\nContent-Type: application/xml\r\n\r\n${control}\r\n--B\r\nContent-Type: text/plain\r\n\r\nhello` +
    `${capabilities}\r\n--B--\r\n`
  );
};

/** `1000: alice`, `2003: bob`. */
const results = (message: PapMessage): string[] => {
  assert.ok(message.message === 'cancel-response' || message.message === 'statusquery-response');
  return message.results.map(({ code, addresses, ...more }) => {
    const state = 'state' in more ? `${more.state} ` : '';
    return `${state}${code}: ${addresses.map((text) => /%3A(\w+)%40/.exec(text)?.[1] ?? text).join(' ')}`;
  });
};

describe('PAP operations from the HTTP request to the answer', () => {
  let bench: EngineBench;
  let endpoint: Endpoint;

  const open = async (changes: Partial<EngineBench> = {}): Promise<void> => {
    bench = new EngineBench();
    Object.assign(bench, changes);
    await bench.engine.start();
    const deps = { engine: bench.engine, clock: bench.clock, domain: 'ims.test', auth: admitting(ACCOUNT) };
    endpoint = await Endpoint.of(papHandler(dependencies(deps as never)));
  };
  beforeEach(() => open());
  afterEach(async () => {
    await endpoint.close();
    await bench.engine.stop();
  });

  const submit = async (wishes: Wishes = {}): Promise<PushResponse> => {
    const answer = await endpoint.pap(push(wishes), RELATED);
    assert.ok(answer.message === 'push-response', JSON.stringify(answer));
    return answer;
  };
  const ask = (content: string, version?: string): Promise<PapMessage> => endpoint.pap(document(content, version), XML);
  const cancel = async (id = '1@pi', ...texts: string[]): Promise<string[]> =>
    results(await ask(`<cancel-message push-id="${id}">${to(...texts)}</cancel-message>`));
  const query = async (id = '1@pi', ...texts: string[]): Promise<string[]> =>
    results(await ask(`<statusquery-message push-id="${id}">${to(...texts)}</statusquery-message>`));
  const away = (): void => {
    for (const aor of [AOR, 'sip:bob@ims.test']) {
      bench.registrations.set(aor, registration([], { registered: false }));
    }
  };

  describe('push-message', () => {
    for (const [what, wishes, code] of [
      ['a push', {}, 1001],
      ['no address', { children: '' }, 2000],
      ['a value outside an enumeration', { attributes: 'progress-notes-requested="maybe"' }, 2000],
      ['no calendar’s day', { attributes: 'deliver-before-timestamp="2026-02-30T00:00:00Z"' }, 2000],
      [
        'deliver-after behind deliver-before',
        {
          attributes: 'deliver-before-timestamp="2026-09-22T00:00:00Z" deliver-after-timestamp="2026-09-23T00:00:00Z"',
        },
        2000,
      ],
      ['an address of no kind', { children: to(NOBODY) }, 2002],
      ['one bad address of two', { children: to(ALICE, NOBODY) }, 2002],
      ['a replacement of what is unknown', { attributes: 'replace-push-id="9@pi"' }, 1001],
      [
        'a replacement of what is unknown, pending-only',
        { attributes: 'replace-push-id="9@pi" replace-method="pending-only"' },
        2004,
      ],
      ['a replace-method alone', { attributes: 'replace-method="pending-only"' }, 1001],
      ['capabilities that are no UAProf', { profile: 'hello' }, 2000],
      ['capabilities that cannot be matched', { profile: '<p:ScreenSize>1x1</p:ScreenSize>' }, 3004],
      ['capabilities of an unknown user', { profile: '<p:Push-Accept>text/plain</p:Push-Accept>' }, 1001],
      [
        'a required network that is not here',
        { children: `${to(ALICE)}<quality-of-service network="GSM" network-required="true"/>` },
        3009,
      ],
      [
        'a required bearer that is not here',
        { children: `${to(ALICE)}<quality-of-service bearer="SMS" bearer-required="true"/>` },
        3010,
      ],
      ['a deliver-before that is past', { attributes: 'deliver-before-timestamp="2001-01-01T00:00:00Z"' }, 1001],
    ] as [string, Wishes, number][]) {
      it(`with ${what}: ${code}`, async () => assert.equal((await submit(wishes)).code, code));
    }

    it('again with the same push-id: 2007', async () => {
      await submit();
      assert.equal((await submit()).code, 2007);
    });

    it('with capabilities that the devices are known not to have: 2005', async () => {
      bench.registrations.set(AOR, registration([device('phone', ['wml.ua'])]));
      assert.equal(
        (await submit({ profile: '<p:Push-Accept-AppID>x-wap-application:mms.ua</p:Push-Accept-AppID>' })).code,
        2005,
      );
      assert.equal((await submit({ profile: '<p:Push-Accept-AppID>2</p:Push-Accept-AppID>' })).code, 1001);
    });

    it('that replaces, pending-only, what has gone: 2008, and 2000 for PAP 1.0', async () => {
      await submit();
      await settle();
      const attributes = 'replace-push-id="1@pi" replace-method="pending-only"';
      assert.equal((await submit({ id: '2@pi', attributes })).code, 2008);
      const old = await submit({ id: '3@pi', attributes, version: '1.0' });
      assert.deepEqual([old.code, old.papVersion], [2000, '1.0']);
      assert.match(old.desc ?? '', /Cancellation not possible/);
    });

    it('that must be confirmed where nothing can confirm: 3007', async () => {
      Object.assign(bench.bearer, { confirms: false });
      const children = `${to(ALICE)}<quality-of-service delivery-method="confirmed"/>`;
      assert.equal((await submit({ children })).code, 3007);
    });

    it('of an account that may not: 2001; of a gateway that cannot just now: 3000', async () => {
      for (const [error, code] of [
        [new PpgError('PPG_E_FORBIDDEN', 'no'), 2001],
        [new PpgError('PPG_E_STORE', 'disk'), 3000],
        [new Error('surprise'), 3000],
      ] as const) {
        bench.engine.submit = () => Promise.reject(error);
        assert.equal((await submit()).code, code);
      }
    });

    it('with progress notes asked for: received, then accepted, in order and in the answer only', async () => {
      const { progressNotes } = await submit({ attributes: 'progress-notes-requested="true"' });
      assert.deepEqual(
        progressNotes.map(({ stage, note, time }) => [stage, typeof note, time]),
        [
          ['received', 'string', bench.clock.now()],
          ['accepted', 'string', bench.clock.now()],
        ],
      );
      assert.deepEqual((await submit({ id: '2@pi' })).progressNotes, []);
      assert.deepEqual((await submit({ attributes: 'progress-notes-requested="true"' })).progressNotes, []);
    });

    it('has its source-reference kept with the push, and its times told in the notification', async () => {
      const attributes = 'source-reference="order 7" ppg-notify-requested-to="http://pi.test/n"';
      const children = `${to(ALICE)}<quality-of-service priority="high" delivery-method="preferconfirmed" bearer="SIP"/>`;
      const received = bench.clock.now();
      bench.bearer.answer = () => BUSY;
      await submit({ attributes, children });
      await settle();
      assert.equal((await bench.engine.find('shop', '1@pi'))?.push.sourceReference, 'order 7');
      bench.bearer.answer = () => DELIVERED;
      await bench.clock.advance(10_000);
      const [told] = bench.posted;
      assert.ok(told);
      assert.equal(told.receivedTime, received);
      assert.ok(told.eventTime > received && told.eventTime <= bench.clock.now());
      assert.equal(told.address.text, ALICE);
      assert.deepEqual(
        { ...told.qos, deliveryMethod: told.deliveredBy },
        {
          priority: 'high',
          deliveryMethod: 'confirmed',
          bearer: 'SIP',
          networkRequired: false,
          bearerRequired: false,
        },
      );
    });
  });

  describe('cancel-message', () => {
    it('of what waits: 1000 for all, or for those named', async () => {
      away();
      await submit({ children: to(ALICE, BOB) });
      assert.deepEqual(await cancel('1@pi', BOB), ['1000: bob']);
      assert.deepEqual(await cancel(), ['1000: alice', '3003: bob']);
    });

    it('of what was sent 2008, of nobody 2003, of nonsense 2002, of an unknown push 2004', async () => {
      await submit();
      await settle();
      assert.deepEqual(await cancel('1@pi', ALICE, BOB, NOBODY), ['2008: alice', '2003: bob', `2002: ${NOBODY}`]);
      assert.deepEqual(await cancel('9@pi'), ['2004: ']);
      assert.deepEqual(await cancel('9@pi', ALICE, NOBODY), ['2004: ']);
    });

    it('that names nothing but nonsense cancels nobody', async () => {
      away();
      await submit();
      assert.deepEqual(await cancel('1@pi', NOBODY), [`2002: ${NOBODY}`]);
      assert.deepEqual(await query(), ['pending 4001: alice']);
    });

    it('of PAP 1.0 says 3003 where 2.0 says 2008', async () => {
      await submit();
      await settle();
      const answer = await ask('<cancel-message push-id="1@pi"/>', '1.0');
      assert.deepEqual([results(answer), answer.papVersion], [['3003: alice'], '1.0']);
    });

    it('that the gateway cannot decide just now: 3000; that is not understood: 2000', async () => {
      assert.deepEqual(results(await ask('<cancel-message push-id="1@pi"><address/></cancel-message>')), ['2000: ']);
      bench.engine.cancel = () => Promise.reject(new PpgError('PPG_E_STORE', 'disk'));
      assert.deepEqual(await cancel(), ['3000: ']);
    });

    it('in another spelling of the address finds the recipient', async () => {
      away();
      await submit();
      assert.deepEqual(await cancel('1@pi', 'wappush=alice/type=user@ppg'), ['1000: alice']);
    });
  });

  describe('statusquery-message', () => {
    it('groups equal outcomes; 2003 for strangers, 2002 for nonsense, 2004 for an unknown push', async () => {
      await submit({ children: to(ALICE, BOB) });
      await settle();
      assert.deepEqual(await query(), ['delivered 1000: alice bob']);
      assert.deepEqual(await query('1@pi', ALICE), ['delivered 1000: alice']);
      const carol = ALICE.replace('alice', 'carol');
      assert.deepEqual(await query('1@pi', carol, NOBODY, BOB), [
        'delivered 1000: bob',
        'unknown 2003: carol',
        `unknown 2002: ${NOBODY}`,
      ]);
      assert.deepEqual(await query('1@pi', NOBODY), [`unknown 2002: ${NOBODY}`]);
      assert.deepEqual(await query('9@pi', ALICE), ['unknown 2004: ']);
    });

    it('shows what waits as pending with 1000 before and 4001 after a try that found nobody', async () => {
      bench.gate.set(false);
      await submit();
      assert.deepEqual(await query(), ['pending 1000: alice']);
      bench.bearer.answer = () => OFFLINE;
      bench.gate.set(true);
      await settle();
      assert.deepEqual(await query(), ['pending 4001: alice']);
    });

    it('echoes the quality of service, with the method in fact used, and the time of the event', async () => {
      const children = `${to(ALICE)}<quality-of-service delivery-method="notspecified" priority="low"/>`;
      await submit({ children });
      await settle();
      const answer = await ask('<statusquery-message push-id="1@pi"/>');
      assert.ok(answer.message === 'statusquery-response');
      const [result] = answer.results;
      assert.deepEqual(result?.qos, {
        priority: 'low',
        deliveryMethod: 'unconfirmed',
        networkRequired: false,
        bearerRequired: false,
      });
      assert.equal(result.eventTime, bench.clock.now());
    });

    for (const [told, state, shown] of [
      [2006, 'undeliverable', 2000],
      [3006, 'undeliverable', 3006],
      [3007, 'undeliverable', 3007],
      [4000, 'undeliverable', 4000],
      [5235, 'aborted', 5235],
    ] as const) {
      it(`of what ended with ${told}: ${shown}`, async () => {
        bench.bearer.answer = () => ({ kind: 'failed', state, code: told, cause: 'test' });
        await submit();
        await settle();
        assert.deepEqual(await query(), [`${state} ${shown}: alice`]);
      });
    }

    it('that the gateway cannot answer just now: 3000; that is not understood: 2000', async () => {
      const wrong = await ask('<statusquery-message push-id="1@pi"><pap/></statusquery-message>');
      assert.deepEqual(results(wrong), ['unknown 2000: ']);
      bench.engine.status = () => Promise.reject(new PpgError('PPG_E_STORE', 'disk'));
      assert.deepEqual(await query(), ['unknown 3000: ']);
    });
  });

  describe('ccq-message', () => {
    const question = (address: string, attributes = 'query-id="q 1"'): string =>
      document(`<ccq-message ${attributes}>${to(address)}</ccq-message>`);

    it('about a known user: 1000 with UAProf behind it, and no trace of which devices there are', async () => {
      const one = device('phone', ['mms.ua'], { features: { type: 'text/plain' }, expiresAt: Date.UTC(2027, 0, 1) });
      const two = device('meter', ['ulp.ua'], { expiresAt: Date.UTC(2026, 11, 1) });
      bench.registrations.set(AOR, registration([one, two]));
      const { status, headers, text } = await endpoint.post(question(ALICE), XML);
      assert.equal(status, 202);
      const { parts } = readMultipart(Buffer.from(text), String(headers['content-type']));
      const [control, capabilities, ...others] = parts;
      assert.ok(control && capabilities && others.length === 0);
      const answer = readPap(control.body, { strict: true });
      assert.ok(answer.message === 'ccq-response');
      assertCodes(answer);
      assert.deepEqual([answer.code, answer.queryId, answer.address], [1000, 'q 1', ALICE]);
      assert.match(capabilities.get('content-type') ?? '', /^application\/xml/);
      assert.equal(capabilities.get('expires'), 'Fri, 01 Jan 2027 00:00:00 GMT');
      assert.deepEqual(readCapabilities(capabilities.body), {
        types: ['text/plain'],
        applications: ['mms.ua', 'ulp.ua'],
      });
      assert.doesNotMatch(text, /phone|meter|urn:uuid|10\.0\.0|instance|contact/i);
    });

    for (const [what, address, attributes, code] of [
      ['an unknown user', BOB, undefined, 3008],
      ['an application that no device runs', ALICE, 'app-id="x-wap-application:dm.ua"', 3008],
      ['an application that is none', ALICE, 'app-id="a b"', 2000],
      ['an address that is none', NOBODY, undefined, 2002],
    ] as const) {
      it(`about ${what}: ${code}, and no capabilities`, async () => {
        bench.registrations.set(AOR, registration([device('phone', ['mms.ua'])]));
        const answer = await endpoint.pap(question(address, attributes), XML);
        assert.ok(answer.message === 'ccq-response');
        assert.deepEqual([answer.code, answer.address], [code, address]);
      });
    }

    it('of an account that may not push to the user: 2001; when the gateway cannot tell: 3000', async () => {
      for (const [error, code] of [
        [new PpgError('PPG_E_FORBIDDEN', 'no'), 2001],
        [new Error('surprise'), 3000],
      ] as const) {
        bench.engine.capabilities = () => Promise.reject(error);
        const answer = await endpoint.pap(question(ALICE), XML);
        assert.ok(answer.message === 'ccq-response');
        assert.deepEqual([answer.code, answer.queryId, answer.address], [code, 'q 1', ALICE]);
      }
    });

    it('that is not understood: 2000 with its address where it has one, else badmessage-response', async () => {
      const two = await ask(`<ccq-message query-id="q"><address address-value="a"/><pap/></ccq-message>`);
      assert.equal(two.message, 'badmessage-response');
      const wrong = await ask(`<ccq-message query-id="q"><address address-value="a"><pap/></address></ccq-message>`);
      assert.ok(wrong.message === 'ccq-response');
      assert.deepEqual([wrong.code, wrong.address, wrong.queryId], [2000, 'a', 'q']);
    });
  });

  describe('versions', () => {
    const versioned = (version: string, list?: string): string => {
      const subset = list === undefined ? '' : ` [<?wap-pap-ver supported-versions="${list}"?>]`;
      return `<?xml version="1.0"?><!DOCTYPE pap PUBLIC "-//WAPFORUM//DTD PAP ${version}//EN" "x"${subset}><pap><statusquery-message push-id="1"/></pap>`;
    };

    for (const [version, list, answered] of [
      ['3.0', undefined, '1.0'],
      ['3.0', '3.0', '1.0'],
      ['3.0', '3.0,2.0,1.*', '2.0'],
      ['3.0', '1.*,2.0', '1.0'],
      ['3.0', '4.*,2.*', '2.0'],
      ['9.9', '2.10,2.4', '2.10'],
      ['0.9', '', '1.0'],
    ] as const) {
      it(`${version} with ${list ?? 'no list'}: 3002 in ${answered}`, async () => {
        const answer = await endpoint.pap(versioned(version, list), XML);
        assert.ok(answer.message === 'badmessage-response');
        assert.deepEqual([answer.code, answer.papVersion], [3002, answered]);
        assert.match(answer.fragment ?? '', /^<\?xml/);
      });
    }

    for (const version of ['1.0', '2.0', '2.1', '2.3', '2.10']) {
      it(`${version} is answered in ${version}, with the version instruction from 2.0 on`, async () => {
        const { text } = await endpoint.post(versioned(version), XML);
        assert.equal(readPap(Buffer.from(text)).papVersion, version);
        assert.equal(text.includes('wap-pap-ver'), version !== '1.0');
      });
    }

    it('what 2.1 has added is ignored, in 2.0 an unknown element is refused', async () => {
      const children = `${to(ALICE)}<novelty/>`;
      assert.equal((await submit({ version: '2.1', attributes: 'novelty="1"', children })).code, 1001);
      assert.equal((await submit({ id: '2@pi', children })).code, 2000);
    });

    it('a 1.0 document that replaces is believed, but not by the letter of its DTD', async () => {
      away();
      await submit();
      const replacing = { id: '2@pi', attributes: 'replace-push-id="1@pi"', version: '1.0' };
      assert.equal((await submit(replacing)).code, 1001);
      assert.deepEqual(await query(), ['cancelled 1000: alice']);
      await endpoint.close();
      const strict = { engine: bench.engine, clock: bench.clock, auth: admitting({ ...ACCOUNT, strict: true }) };
      endpoint = await Endpoint.of(papHandler(dependencies(strict as never)));
      const refused = await submit({ ...replacing, id: '3@pi' });
      assert.equal(refused.code, 2000);
      assert.match(refused.desc ?? '', /replace-push-id/);
    });

    it('notifications are in the version of the submission', async () => {
      await submit({ version: '1.0', attributes: 'ppg-notify-requested-to="http://pi.test/n"' });
      await settle();
      assert.equal(bench.posted[0]?.papVersion, '1.0');
    });
  });

  for (const name of ['push-response', 'cancel-response', 'resultnotification-response', 'ccq-response']) {
    it(`a ${name} is nothing that a gateway takes: badmessage-response 2000`, async () => {
      const bodies: Record<string, string> = {
        'push-response': '<push-response push-id="1"><response-result code="1001"/></push-response>',
        'cancel-response': '<cancel-response push-id="1"><cancel-result code="1000"/></cancel-response>',
        'resultnotification-response': `<resultnotification-response push-id="1" code="1000">${to(ALICE)}</resultnotification-response>`,
        'ccq-response': `<ccq-response code="1000">${to(ALICE)}</ccq-response>`,
      };
      const answer = await ask(bodies[name] ?? '');
      assert.ok(answer.message === 'badmessage-response', JSON.stringify(answer));
      assert.equal(answer.code, 2000);
    });
  }

  it('a notification never holds a code that may not stand there', () => {
    for (const code of [1000, 2003, 2007, 2008, 3000, 3011, 4001, 5238]) {
      for (const papVersion of ['1.0', '2.0']) {
        const written = writeResultNotification({ papVersion, pushId: '1', address: ALICE, state: 'aborted', code });
        assertCodes(readPap(Buffer.from(written)));
      }
    }
  });
});
