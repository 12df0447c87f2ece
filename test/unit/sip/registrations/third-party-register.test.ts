import assert from 'node:assert/strict';
import { readObservedRegister } from '../../../../lib/sip/registrations/observed-register.ts';
import { readThirdPartyRegister } from '../../../../lib/sip/registrations/third-party-register.ts';
import type { RegistrationUpdate } from '../../../../lib/sip/registrations/update.ts';
import { fakeRequest } from '../../../support/fake-sip.ts';

const NOW = 1_800_000_000_000;
const CONTEXT = { domain: 'ims.example.com', now: NOW };
const INSTANCE = 'urn:uuid:00000000-0000-1000-8000-aabbccddeeff';
const CONTACT =
  `<sip:alice@10.0.0.5:5066;transport=tcp>;+sip.instance="<${INSTANCE}>";reg-id=1;audio;` +
  `+g.3gpp.smsip;+g.oma.pusheventapp="mms.ua,ulp.ua";expires=600000`;

const REGISTER = [
  'REGISTER sip:ims.example.com SIP/2.0',
  'Via: SIP/2.0/UDP 10.0.0.5:5066;branch=z9hG4bK1',
  'From: <sip:alice@ims.example.com>;tag=1',
  'To: <sip:alice@ims.example.com>',
  'Call-ID: abc',
  'CSeq: 2 REGISTER',
  `Contact: ${CONTACT}`,
  'Content-Length: 0',
  '',
  '',
].join('\r\n');

const ANSWER = [
  'SIP/2.0 200 OK',
  'To: <sip:alice@ims.example.com>;tag=9',
  `Contact: <sip:alice@10.0.0.5:5066;transport=tcp>;expires=3600;+sip.instance="<${INSTANCE}>"` +
    `;pub-gruu="sip:alice@ims.example.com;gr=${INSTANCE}";temp-gruu="sip:tgruu.7@ims.example.com;gr"`,
  'P-Associated-URI: <sip:alice@ims.example.com>, <tel:+1-555-0100>, <sip:room!.*!@ims.example.com>',
  'Service-Route: <sip:orig@scscf.ims.example.com;lr>',
  'Content-Length: 0',
  '',
  '',
].join('\r\n');

const multipart = (...parts: [type: string, body: string][]): string =>
  `${parts.map(([type, body]) => `--b1\r\nContent-Type: ${type}\r\n\r\n${body}`).join('\r\n')}\r\n--b1--\r\n`;

const read = (body: string, contentType: string | undefined, headers: Record<string, string> = {}) =>
  readThirdPartyRegister(
    fakeRequest({
      method: 'REGISTER',
      headers: {
        To: '<sip:alice@ims.example.com>',
        Expires: '7200',
        ...(contentType !== undefined && { 'Content-Type': contentType }),
        ...headers,
      },
      body,
    }),
    CONTEXT,
  );

function readWell(...input: Parameters<typeof read>): RegistrationUpdate {
  const update = read(...input);
  assert.ok(update !== undefined);
  return update;
}

describe('third-party REGISTER', () => {
  it('the REGISTER of the UE tells contact, instance, applications and features', () => {
    const update = readWell(REGISTER, 'message/sip');
    assert.deepEqual(update, {
      aors: ['sip:alice@ims.example.com'],
      isWholeSet: false,
      kind: 'registered',
      devices: [
        {
          id: INSTANCE,
          contact: 'sip:alice@10.0.0.5:5066;transport=tcp',
          instance: INSTANCE,
          applications: ['mms.ua', 'ulp.ua'],
          features: { audio: '', '+g.3gpp.smsip': '' },
          flows: [{ id: '1', contact: 'sip:alice@10.0.0.5:5066;transport=tcp', expiresAt: NOW + 7_200_000 }],
          // what the core granted bounds what the UE asked for
          expiresAt: NOW + 7_200_000,
        },
      ],
      removed: [],
      expiresAt: NOW + 7_200_000,
    });
  });

  it('its 200 adds the GRUU, the granted lifetime and the implicit set', () => {
    const body = multipart(['message/sip', REGISTER], ['message/sip', ANSWER]);
    const update = readWell(body, 'multipart/mixed;boundary=b1');
    assert.deepEqual(update.aors, ['sip:alice@ims.example.com', 'sip:+15550100@ims.example.com']);
    const [device] = update.devices;
    assert.equal(device?.gruu, `sip:alice@ims.example.com;gr=${INSTANCE}`);
    assert.equal(device?.expiresAt, NOW + 3_600_000);
    assert.deepEqual(device?.applications, ['mms.ua', 'ulp.ua']);
  });

  it('the Contact is the S-CSCF that serves the user, and one that is no SIP URI is nobody', () => {
    const of = (contact: string) => readWell(REGISTER, 'message/sip', { Contact: contact }).servedBy;
    assert.equal(
      of('<sip:scscf.ims.example.com:6060;transport=tcp>;expires=60'),
      'sip:scscf.ims.example.com:6060;transport=tcp',
    );
    for (const none of ['<tel:+1>', '*', '<sip:a@b', 'sip:x\ty']) assert.equal(of(none), undefined);
  });

  it('the implicit set beside the body is taken, and one that cannot be read is nobody', () => {
    const aors = (value: string) => readWell(REGISTER, 'message/sip', { 'P-Associated-URI': value }).aors;
    const alice = 'sip:alice@ims.example.com';
    assert.deepEqual(aors(`<${alice}>, <sip:work@ims.example.com>`), [alice, 'sip:work@ims.example.com']);
    assert.deepEqual(aors(`<${alice}, tel:+15550100>`), [alice]); // Kamailio 5.6 where there is a tel URI
    assert.deepEqual(aors('<sip:room!.*!@ims.example.com>, <'), [alice]);
  });

  it('says whether it told the implicit set', () => {
    assert.equal(readWell(ANSWER, 'message/sip').isWholeSet, true);
    assert.equal(readWell('', undefined, { 'P-Associated-URI': '<sip:alice@ims.example.com>' }).isWholeSet, true);
    assert.equal(readWell('', undefined, { Expires: '0' }).isWholeSet, false);
  });

  it('service information beside it does not matter', () => {
    const body = multipart(
      ['application/3gpp-ims+xml', '<ims-3gpp version="1"><service-info>x</service-info></ims-3gpp>'],
      ['message/sip', REGISTER],
    );
    assert.equal(readWell(body, 'multipart/mixed; boundary="b1"').devices.length, 1);
  });

  it('the 200 alone tells devices, but not that they have no features', () => {
    const update = readWell(ANSWER, 'message/sip');
    assert.equal(update.devices[0]?.instance, INSTANCE);
    assert.equal(update.withoutFeatures, true);
  });

  for (const [name, body, type] of [
    ['no body', '', undefined],
    ['service information only', '<ims-3gpp version="1"/>', 'application/3gpp-ims+xml'],
    ['a body that is no SIP', 'hello', 'message/sip'],
    ['an INVITE as body', REGISTER.replaceAll('REGISTER', 'INVITE'), 'message/sip'],
    ['a header line without colon', REGISTER.replace('Call-ID: abc', 'nonsense'), 'message/sip'],
    ['a multipart cut within a part', multipart(['message/sip', REGISTER]).slice(0, 60), 'multipart/mixed;boundary=b1'],
    ['a multipart without boundary', multipart(['message/sip', REGISTER]), 'multipart/mixed'],
    ['a body beyond every measure', REGISTER + 'x'.repeat(70_000), 'message/sip'],
    ['a contact that is no SIP URI', REGISTER.replace(/Contact: .*/, 'Contact: <mailto:a@b>'), 'message/sip'],
    ['a contact whose quote never closes', REGISTER.replace(/Contact: .*/, 'Contact: <sip:a@b>;x="'), 'message/sip'],
    ['binary octets', '\0\x01\x02'.repeat(100), 'message/sip'],
  ] as const) {
    it(`with ${name} the user is registered, the devices are not told`, () => {
      assert.deepEqual(readWell(body, type), {
        aors: ['sip:alice@ims.example.com'],
        isWholeSet: false,
        kind: 'registered',
        devices: [],
        removed: [],
        expiresAt: NOW + 7_200_000,
        withoutFeatures: true,
      });
    });
  }

  it('Expires 0 without a body says that the user left', () => {
    assert.equal(readWell('', undefined, { Expires: '0' }).kind, 'deregistered');
  });

  it('the lifetime may stand in the Contact (RFC 3261 section 10.2.1.1)', () => {
    const contact = (expires: string): string => `<sip:scscf.example.com:6060>;expires=${expires}`;
    assert.equal(readWell('', undefined, { Contact: contact('0') }).kind, 'deregistered');
    assert.equal(readWell('', undefined, { Contact: contact('60') }).expiresAt, NOW + 60_000);
    assert.equal(readWell('', undefined, { Contact: contact('x') }).expiresAt, NOW + 7_200_000);
  });

  it('Expires 0 with the REGISTER says which device left', () => {
    const update = readWell(REGISTER.replace('expires=600000', 'expires=0'), 'message/sip', { Expires: '0' });
    assert.equal(update.kind, 'registered');
    assert.deepEqual(update.devices, []);
    assert.deepEqual(update.removed, [
      { contact: 'sip:alice@10.0.0.5:5066;transport=tcp', instance: INSTANCE, flow: '1' },
    ]);
    assert.equal(update.expiresAt, 0);
  });

  it('Expires 0 with the 200 alone says which devices are left', () => {
    const left = ANSWER.replace(
      /Contact: .*/,
      'Contact: <sip:alice@10.0.0.6>;expires=99, <sip:alice@10.0.0.7>;expires=0',
    );
    const update = readWell(left, 'message/sip', { Expires: '0' });
    assert.deepEqual([update.kind, update.complete, update.withoutFeatures], ['registered', true, true]);
    assert.deepEqual(
      update.devices.map(({ id, expiresAt }) => [id, expiresAt]),
      [['sip:alice@10.0.0.6', NOW + 99_000]],
    );
    assert.equal(update.expiresAt, 0);
  });

  it('Expires 0 with a 200 that has no device left says that the user left', () => {
    for (const contact of [
      'Supported: path',
      'Contact: <sip:alice@10.0.0.6>;expires=0',
      'Contact: <sip:alice@10.0.0.6>',
    ]) {
      const update = readWell(ANSWER.replace(/Contact: .*/, contact), 'message/sip', { Expires: '0' });
      assert.equal(update.kind, 'deregistered', contact);
    }
  });

  it('a contact that expires at once leaves, the other stays', () => {
    const two = REGISTER.replace('expires=600000', 'expires=0, <sip:alice@10.0.0.6>;expires=60');
    const update = readWell(two, 'message/sip');
    assert.deepEqual(
      update.devices.map(({ id, expiresAt }) => [id, expiresAt]),
      [['sip:alice@10.0.0.6', NOW + 60_000]],
    );
    assert.deepEqual(
      update.removed.map(({ instance }) => instance),
      [INSTANCE],
    );
  });

  it('a UE that leaves has left, though its 200 names the lifetime of others', () => {
    const leaving = REGISTER.replace(';expires=600000', '').replace('Content-Length', 'Expires: 0\r\nContent-Length');
    const answer = ANSWER.replace(/Contact: .*/, 'Contact: <sip:alice@10.0.0.6>;expires=99\r\nExpires: 3600');
    const body = multipart(['message/sip', leaving], ['message/sip', answer]);
    const update = readWell(body, 'multipart/mixed;boundary=b1');
    assert.deepEqual(update.devices, []);
    assert.deepEqual(
      update.removed.map(({ instance }) => instance),
      [INSTANCE],
    );
  });

  it('several REGISTERs in one body have each their own lifetime', () => {
    const one = REGISTER.replace(';expires=600000', '').replace('Content-Length', 'Expires: 60\r\nContent-Length');
    const other = REGISTER.replace(/Contact: .*/, 'Contact: <sip:alice@10.0.0.6>\r\nExpires: 90');
    const body = multipart(['message/sip', one], ['message/sip', other]);
    assert.deepEqual(
      readWell(body, 'multipart/mixed;boundary=b1').devices.map(({ expiresAt }) => expiresAt - NOW),
      [60_000, 90_000],
    );
  });

  it('Contact: * says that every device left', () => {
    const body = REGISTER.replace(/Contact: .*/, 'Contact: *\r\nExpires: 0');
    assert.equal(readWell(body, 'message/sip', { Expires: '0' }).kind, 'deregistered');
  });

  it('several flows of one instance are one device', () => {
    const flows = `${CONTACT}, <sip:alice@10.0.0.7>;+sip.instance="<${INSTANCE}>";reg-id=2;expires=600`;
    const update = readWell(REGISTER.replace(/Contact: .*/, `Contact: ${flows}`), 'message/sip');
    assert.equal(update.devices.length, 1);
    assert.equal(update.devices[0]?.expiresAt, NOW + 7_200_000);
    assert.deepEqual(
      update.devices[0]?.flows?.map(({ id, expiresAt }) => [id, expiresAt - NOW]),
      [
        ['1', 7_200_000],
        ['2', 600_000],
      ],
    );
  });

  for (const [name, contact, applications] of [
    ['a semicolon at the end', `<sip:a@b>;+sip.instance="<${INSTANCE}>";+g.oma.pusheventapp="mms.ua";`, ['mms.ua']],
    ['a comma at the end', `<sip:a@b>;+sip.instance="<${INSTANCE}>", `, undefined],
    ['a parameter that has no value', `<sip:a@b>;x=;+sip.instance="<${INSTANCE}>";y=;`, undefined],
    ['an instance without quotes', `"Al, X" <sip:a@b>;+sip.instance=<${INSTANCE}>;audio`, undefined],
    ['a value with a bracket too many', `<sip:a@b>;x=a<b>c;+sip.instance="<${INSTANCE}>"`, undefined],
  ] as const) {
    it(`a contact with ${name} is one all the same`, () => {
      const { devices } = readWell(REGISTER.replace(/Contact: .*/, `Contact: ${contact}`), 'message/sip');
      assert.deepEqual(
        devices.map((device) => [device.contact, device.instance, device.applications]),
        [['sip:a@b', INSTANCE, applications]],
      );
    });
  }

  it('a contact without an end to its brackets or quotes is none', () => {
    for (const contact of [
      '<sip:a@b>;x=<urn:uuid:1',
      '<sip:a@b>;x="a',
      '<sip:a@b;x=1',
      `<sip:a@b>${';x="'.repeat(9000)}`,
    ]) {
      const { devices } = readWell(REGISTER.replace(/Contact: .*/, `Contact: ${contact}`), 'message/sip');
      assert.deepEqual(devices, [], contact.slice(0, 40));
    }
  });

  it('a reg-id without an instance, or that is no number, makes no flow', () => {
    for (const contact of ['<sip:a@b>;reg-id=1', `<sip:a@b>;+sip.instance="<${INSTANCE}>";reg-id=x`]) {
      const update = readWell(REGISTER.replace(/Contact: .*/, `Contact: ${contact}`), 'message/sip');
      assert.equal(update.devices[0]?.flows, undefined, contact);
    }
  });

  it('compact names, folded headers, bare LF and a lost empty line are read', () => {
    const folded = REGISTER.replace('Contact: ', 'm: ').replace(';reg-id=1', '\r\n ;reg-id=1');
    for (const body of [folded, folded.replaceAll('\r\n', '\n'), folded.trimEnd(), `\r\n${folded}`])
      assert.equal(readWell(body, 'message/sip').devices.length, 1, JSON.stringify(body.slice(0, 20)));
  });

  it('octets are read where the leg has them', () => {
    const request = fakeRequest({
      method: 'REGISTER',
      headers: { To: '<tel:+1-555-0100>', Expires: '60', 'Content-Type': 'message/sip' },
      rawBody: Buffer.from(REGISTER),
    });
    const update = readThirdPartyRegister(request, CONTEXT);
    assert.deepEqual(update?.aors, ['sip:+15550100@ims.example.com']);
    assert.equal(update?.devices.length, 1);
  });

  it('a lifetime that is no number does not last for ever', () => {
    const update = readWell(REGISTER.replace('expires=600000', 'expires=99999999999'), 'message/sip', {
      Expires: 'soon',
    });
    assert.equal(update.devices[0]?.expiresAt, NOW + 3_600_000);
    const long = readWell('', undefined, { Expires: '4294967295' });
    assert.ok(long.expiresAt <= NOW + 30 * 24 * 3_600_000);
  });

  it('a To that names no user is nothing to learn from', () => {
    for (const To of ['', '<sip:ims.example.com>', 'garbage', '<urn:service:sos>', '<sip:a@b'])
      assert.equal(read('', undefined, { To }), undefined, To);
  });
});

describe('a REGISTER seen to be answered', () => {
  const observe = (headers: Record<string, string>, answer?: Record<string, string>) =>
    readObservedRegister(
      fakeRequest({ method: 'REGISTER', headers: { To: 'Alice <sip:alice@IMS.example.com:5060;x=y>', ...headers } }),
      answer && { get: (name) => answer[name] },
      CONTEXT,
    );

  it('tells the devices that it registers', () => {
    const update = observe({ Contact: CONTACT, Expires: '60' });
    assert.deepEqual(update?.aors, ['sip:alice@ims.example.com']);
    assert.equal(update?.devices[0]?.expiresAt, NOW + 600_000_000);
    assert.deepEqual(update?.devices[0]?.applications, ['mms.ua', 'ulp.ua']);
  });

  it('the registrar has the last word where it can be heard', () => {
    const update = observe({ Contact: CONTACT }, { Contact: `<sip:x@y>;+sip.instance="<${INSTANCE}>";expires=30` });
    assert.equal(update?.devices[0]?.expiresAt, NOW + 30_000);
    assert.equal(observe({ Contact: CONTACT }, { Expires: '45' })?.devices[0]?.expiresAt, NOW + 45_000);
  });

  it('an instance is one URN, with or without its brackets, and nothing that would open others', () => {
    const idOf = (instance: string): string | undefined =>
      observe({ Contact: `<sip:a@b>;+sip.instance="${instance}";expires=9` })?.devices[0]?.id;
    assert.deepEqual(['<urn:x>', 'urn:x'].map(idOf), ['urn:x', 'urn:x']);
    assert.deepEqual(
      ['<urn:x>y', '<urn:x><urn:y>', '<urn:\\\0>', '<urn:\\">', '<>', ''].map(idOf),
      Array(6).fill('sip:a@b'),
    );
  });

  it('a contact that goes away is removed', () => {
    assert.deepEqual(observe({ Contact: '<sip:a@b>', Expires: '0' })?.removed, [{ contact: 'sip:a@b' }]);
    assert.equal(observe({ Contact: '*', Expires: '0' })?.kind, 'deregistered');
  });

  it('a REGISTER that only asks tells nothing', () => {
    assert.equal(observe({ Expires: '60' }), undefined);
    assert.equal(observe({ Contact: 'garbage' }), undefined);
  });
});
