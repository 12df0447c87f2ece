import assert from 'node:assert/strict';
import { systemClock } from '../../lib/base/clock.ts';
import { silentLogger } from '../../lib/base/log.ts';
import { type RunningCore, startCore } from '../../lib/cli/embedded.ts';
import { parseSip } from '../../lib/codec/sip/parse.ts';
import { createPhone, type Phone } from '../../lib/embedded/phone/phone.ts';
import { createPpg, type Ppg } from '../../lib/ppg.ts';
import { createMemoryBindings } from '../../lib/store/memory-bindings.ts';
import { freePorts } from '../support/ports.ts';
import { until } from './scene.ts';

const HOST = '127.0.0.1';
const DOMAIN = 'example.com';

/** Methods of the IANA registry "SIP Methods" that the gateway has a use for, each with its RFC. */
const METHODS = new Map([
  ['INVITE', 'RFC 3261'],
  ['ACK', 'RFC 3261'],
  ['BYE', 'RFC 3261'],
  ['CANCEL', 'RFC 3261'],
  ['OPTIONS', 'RFC 3261'],
  ['MESSAGE', 'RFC 3428'],
  ['SUBSCRIBE', 'RFC 6665'],
  ['NOTIFY', 'RFC 6665'],
]);

/** Header fields of the IANA registry "SIP Header Fields" that the gateway may write, each with its RFC. */
const REGISTERED = new Map([
  ...(
    'accept accept-encoding allow call-id contact content-disposition content-encoding content-language content-length ' +
    'content-type cseq date expires from max-forwards mime-version record-route require retry-after route server supported ' +
    'to unsupported user-agent via'
  )
    .split(' ')
    .map((name) => [name, 'RFC 3261'] as const),
  ['accept-contact', 'RFC 3841'],
  ['reject-contact', 'RFC 3841'],
  ['request-disposition', 'RFC 3841'],
  ['event', 'RFC 6665'],
  ['allow-events', 'RFC 6665'],
  ['subscription-state', 'RFC 6665'],
  ['session-expires', 'RFC 4028'],
  ['min-se', 'RFC 4028'],
  ['privacy', 'RFC 3323'],
  ['p-asserted-identity', 'RFC 3325'],
  ['p-asserted-service', 'RFC 6050'],
  ['p-charging-vector', 'RFC 7315'],
]);

/** The others, named in docs/bearers.md: push headers under their own names, and what is the gateway's own. */
const OF_PUSH = new Set([
  'x-wap-application-id', // WAP-251
  'x-wap-content-uri', // WAP-251
  'x-wap-initiator-uri', // WAP-251
  'x-wap-push-info', // WAP-235
  'x-wap-push-id',
  'x-push-profile',
]);
const ENTITY = /^x-push-entity-/;

describe('REQ4: what the gateway writes into SIP is registered, or of the push', function () {
  this.timeout(60_000);
  const phones: Phone[] = [];
  const written = { methods: new Set<string>(), headers: new Set<string>() };
  let core: RunningCore;
  let ppg: Ppg;

  before(async () => {
    const [corePort = 0, direct = 0, content = 0] = await freePorts(3);
    core = await startCore({
      clock: systemClock,
      log: silentLogger,
      host: HOST,
      port: corePort,
      domain: DOMAIN,
      applicationServers: [`sip:${HOST}:${direct}`],
      services: { push: `sip:${HOST}:${direct}` },
      bindings: createMemoryBindings(),
    });
    ppg = createPpg({
      domain: DOMAIN,
      store: 'memory',
      msrp: {},
      content: { url: `http://${HOST}:${content}`, allowHttp: true },
      sip: {
        nextHop: `sip:${HOST}:${corePort}`,
        registrations: 'both',
        imdn: 'auto',
        omaPush: true,
        assertedService: 'urn:urn-7:3gpp-service.ims.icsi.oma.cpm.msg',
        direct: {
          listen: [
            { protocol: 'udp', host: HOST, port: direct },
            { protocol: 'tcp', host: HOST, port: direct },
          ],
        },
      },
      trace: ({ direction, octets }) => {
        if (direction === 'in' || !octets.includes('SIP/2.0')) return;
        const message = parseSip(octets);
        if (message.kind === 'request') written.methods.add(message.method);
        for (const { name } of message.headers.fields) written.headers.add(name.toLowerCase());
      },
    });
    await ppg.start();
    for (const [user, more] of [
      ['plain', {}],
      ['sessions', { msrp: {} }],
      ['reports', { imdn: 'delivered' }],
      ['subscribes', { subscribe: {} }],
    ] as const) {
      const phone = createPhone({
        clock: systemClock,
        log: silentLogger,
        user: `${user}@${DOMAIN}`,
        applications: ['mms.ua'],
        server: { host: HOST, port: corePort },
        fetches: false,
        ...more,
      });
      phones.push(phone);
      await phone.start();
    }
  });

  after(async () => {
    for (const phone of phones) await phone.stop();
    await ppg.stop();
    await core.stop();
  });

  async function push(user: string, body: Buffer, to = 'delivered'): Promise<void> {
    let seen = '';
    const { pushId } = await ppg.submit({
      to: `sip:${user}@${DOMAIN}`,
      type: 'application/octet-stream',
      body,
      application: 'mms.ua',
      deliveryMethod: 'confirmed',
      headers: {
        'X-Wap-Content-URI': 'http://pi.example.com/1',
        'X-Wap-Initiator-URI': 'http://pi.example.com/',
        Expires: 'Sun, 06 Nov 2095 08:49:37 GMT',
        Route: '<sip:elsewhere.example.com;lr>',
        'P-Asserted-Identity': '<sip:somebody.else@example.com>',
        'Content-Language': 'de',
      },
    });
    await until(async () => {
      const recipient = (await ppg.status(pushId))?.recipients[0];
      seen = `${recipient?.state} ${recipient?.desc}`;
      return recipient?.state === to || undefined;
    }).catch((error: unknown) => assert.fail(`${user}: ${seen} (${error})`));
  }

  it('in pushes by MESSAGE, by MSRP, as NOTIFY, and where a notification is asked for', async () => {
    const small = Buffer.from('hello\0world');
    for (const user of ['plain', 'sessions', 'reports', 'subscribes']) await push(user, small);
    await push('sessions', Buffer.alloc(50_000, 7));
    await push('nobody', small, 'pending');
    assert.ok(written.methods.size >= 4, `${[...written.methods]}`);
    assert.deepEqual(
      [...written.methods].filter((method) => !METHODS.has(method)),
      [],
    );
    const strange = [...written.headers].filter(
      (name) => !REGISTERED.has(name) && !OF_PUSH.has(name) && !ENTITY.test(name),
    );
    assert.deepEqual(strange, []);
  });

  it('and was written of each kind', () => {
    for (const method of ['MESSAGE', 'INVITE', 'ACK', 'OPTIONS', 'SUBSCRIBE', 'NOTIFY'])
      assert.ok(written.methods.has(method), `${method} is not among ${[...written.methods]}`);
    for (const name of ['p-charging-vector', 'accept-contact', 'x-wap-push-id', 'x-push-entity-expires'])
      assert.ok(written.headers.has(name), `${name} is not among ${[...written.headers]}`);
  });
});
