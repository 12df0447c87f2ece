import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomToken } from '../../lib/base/ids.ts';
import { SipHeaders, type SipRequest } from '../../lib/codec/sip/message.ts';
import { parseNameAddr } from '../../lib/codec/sip/name-addr.ts';
import { parseSip } from '../../lib/codec/sip/parse.ts';
import { respondTo } from '../../lib/codec/sip/respond-to.ts';
import { Learned } from '../support/learned.ts';
import { Peer } from '../support/sipd-net.ts';
import { DOMAIN, Scene, until } from './scene.ts';

const ALICE = `sip:alice@${DOMAIN}`;
const FIXTURES = join(import.meta.dirname, '../fixtures/isc');

/** An S-CSCF that registers users with the gateway, and takes what it sends to them. */
class ServingCore extends Peer {
  /** Statuses of the next MESSAGEs; then 200. */
  readonly statuses: number[] = [];

  constructor() {
    super();
    this.onRequest = (transaction) => {
      const { method } = transaction.request;
      const status = method === 'MESSAGE' ? (this.statuses.shift() ?? 200) : method === 'OPTIONS' ? 480 : 489;
      transaction.respond(respondTo(transaction.request, status));
    };
  }

  get messages(): SipRequest[] {
    return this.requests.filter(({ method }) => method === 'MESSAGE');
  }

  /** Sends the fixture to the application server at `host:port`; answers the final status. */
  async register(name: string, server: string): Promise<number> {
    const text = readFileSync(join(FIXTURES, `${name}.txt`), 'utf8')
      .replaceAll('{AS}', `sip:${server}`)
      .replaceAll('{CORE}', this.uri('udp', 'scscf'))
      .replaceAll('{DOMAIN}', DOMAIN)
      .replaceAll('\n', '\r\n');
    const read = parseSip(Buffer.from(text));
    assert.ok(read.kind === 'request');
    const headers = new SipHeaders(read.headers.fields.filter(({ name }) => name !== 'Via'));
    headers.set('Call-ID', `${randomToken()}@core`);
    const [host = '', port] = server.split(':');
    return new Promise((resolve) => {
      this.stack.request(
        { ...read, headers },
        { protocol: 'udp', host, port: Number(port) },
        {
          onResponse: ({ status }) => status >= 200 && resolve(status),
          onFailure: () => resolve(0),
        },
      );
    });
  }
}

for (const leg of ['direct', 'drachtio'] as const) {
  describe(`REQ18: an application server on the ISC interface, over the ${leg} leg`, function () {
    this.timeout(60_000);
    let core: ServingCore;
    let scene: Scene;
    let learned: Learned;

    async function begin(sip: Parameters<typeof Scene.of>[0] = {}): Promise<void> {
      core = new ServingCore();
      await core.start();
      learned = new Learned();
      scene = await Scene.of({
        log: learned.log,
        ...sip,
        sip: { leg, nextHop: core.uri('udp', 'core'), trustedPeers: ['127.0.0.1'], ...sip.sip },
      });
    }

    afterEach(async () => {
      await scene.close();
      await core.stack.stop();
    });

    async function registered(name: string, devices: number): Promise<void> {
      assert.equal(await core.register(name, scene.node.announced), 200);
      await until(() => learned.devices('alice') === devices);
    }
    const push = async (pushId: string, more: { to?: string; application?: string } = {}): Promise<void> => {
      const code = await scene.code('shop', {
        pushId,
        to: [more.to ?? ALICE],
        attributes: scene.notify,
        qos: 'delivery-method="confirmed"',
        headers: [`X-Wap-Application-Id: ${more.application ?? 'x-wap-application:mms.ua'}`],
      });
      assert.equal(code, 1001);
    };
    const delivered = async (pushId: string): Promise<SipRequest> => {
      const { state } = await until(() => scene.notified(pushId)[0]);
      assert.equal(state, 'delivered');
      const message = core.messages.at(-1);
      assert.ok(message !== undefined);
      return message;
    };

    it("the UE's REGISTER in the body names device and applications", async () => {
      await begin();
      await registered('register-in-body', 1);
      await push('p');
      const { uri, headers } = await delivered('p');
      assert.equal(uri, ALICE);
      const wanted = headers.all('Accept-Contact').join(', ');
      assert.match(wanted, /\+sip\.instance="<urn:gsma:imei:35622410-483840-0>";require;explicit/);
      assert.match(wanted, /\+g\.oma\.pusheventapp="mms\.ua";require;explicit/);
      assert.equal(headers.get('Request-Disposition'), 'no-fork');
      await push('wrong', { application: 'x-wap-application:wml.ua' });
      const { state, code } = await until(() => scene.notified('wrong')[0]);
      assert.deepEqual([state, code, core.messages.length], ['undeliverable', 2006, 1]);
    });

    it('its 200 beside it brings the GRUU, and the number of the implicit set', async () => {
      await begin();
      await registered('register-and-answer', 1);
      await push('p');
      assert.equal((await delivered('p')).uri, `${ALICE};gr=urn:gsma:imei:35622410-483840-0`);
      await until(() => learned.devices('+358401234567') === 1);
      // That GRUU is Alice's (RFC 5627 section 3.1): for her number the instance names the device.
      await push('number', { to: '+358401234567' });
      const { uri, headers } = await delivered('number');
      assert.equal(uri, 'sip:+358401234567@ims.test;user=phone');
      assert.match(headers.all('Accept-Contact').join(), /\+sip\.instance="<urn:gsma:imei:35622410-483840-0>";require/);
      assert.equal(headers.get('Request-Disposition'), 'no-fork');
    });

    for (const name of ['service-information', 'no-body']) {
      it(`a REGISTER with ${name.replace('-', ' ')} says that the user is there: the core finds the device`, async () => {
        await begin();
        await registered(name, 0);
        await push('p');
        const { uri, headers } = await delivered('p');
        assert.equal(uri, ALICE);
        assert.match(headers.get('Request-Disposition') ?? '', /fork/);
        assert.match(headers.get('Accept-Contact') ?? '', /mms\.ua/);
      });
    }

    it('de-registration stops delivery, re-registration releases what waits', async () => {
      await begin();
      await registered('register-in-body', 1);
      await registered('deregistered', 0);
      await push('waits');
      const status = async () => {
        const answer = await scene.pap('shop', '<statusquery-message push-id="waits"/>');
        return answer.message === 'statusquery-response' ? answer.results[0]?.state : undefined;
      };
      await until(() => scene.node.ppg.inFlight === 0);
      assert.equal(await status(), 'pending');
      assert.equal(core.messages.length, 0);
      await registered('register-in-body', 1);
      await delivered('waits');
      assert.equal(core.messages.length, 1);
    });

    it('a push that found nobody leaves at the next registration, and can be recognised', async () => {
      await begin();
      core.statuses.push(480);
      await push('p');
      await until(() => core.messages.length === 1 && scene.node.ppg.inFlight === 0);
      await registered('register-in-body', 1);
      await delivered('p');
      const [first, second] = core.messages;
      assert.equal(second?.headers.get('X-Wap-Push-Id'), first?.headers.get('X-Wap-Push-Id'));
    });

    it('every request shows the gateway to the core, and has an ICID of its own', async () => {
      await begin();
      await registered('register-in-body', 1);
      for (const id of ['a', 'b', 'c']) {
        await push(id);
        await delivered(id);
      }
      const icids = core.messages.map(({ headers }) => {
        assert.equal(parseNameAddr(headers.get('P-Asserted-Identity') ?? '').uri, `sip:push@${DOMAIN}`);
        assert.match(
          headers.get('P-Charging-Vector') ?? '',
          new RegExp(`;icid-generated-at=${DOMAIN};orig-ioi=${DOMAIN}$`),
        );
        assert.equal(headers.has('P-Served-User'), false);
        return /icid-value=([^;]+)/.exec(headers.get('P-Charging-Vector') ?? '')?.[1];
      });
      assert.equal(new Set(icids).size, 3);
    });

    it('where it is told to, requests go by the S-CSCF that told of the user, others by the next hop', async () => {
      const entry = new ServingCore();
      await entry.start();
      try {
        await begin({ sip: { nextHop: entry.uri('udp', 'icscf'), route: 'learned' } });
        await registered('register-in-body', 1);
        await push('alice');
        const { headers } = await delivered('alice');
        assert.equal(headers.get('Route'), leg === 'direct' ? `<${core.uri('udp', 'scscf')};lr>` : undefined);
        await push('bob', { to: `sip:bob@${DOMAIN}` });
        await until(() => scene.notified('bob')[0]);
        assert.deepEqual([core.messages.length, entry.messages.length], [1, 1]);
        assert.equal(entry.messages[0]?.headers.get('Route'), undefined);
      } finally {
        await entry.stack.stop();
      }
    });

    it('nobody else than the core registers users with the gateway', async () => {
      await begin({ sip: { trustedPeers: ['192.0.2.1'] } });
      assert.equal(await core.register('register-in-body', scene.node.announced), 403);
      assert.equal(learned.devices('alice'), undefined);
    });
  });
}
