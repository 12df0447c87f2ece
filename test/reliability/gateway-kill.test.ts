import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, wait } from '../../lib/base/clock.ts';
import { silentLogger } from '../../lib/base/log.ts';
import { PapClient } from '../../lib/cli/pap-client.ts';
import { createPhone, type Phone } from '../../lib/embedded/phone/phone.ts';
import { startCli } from '../support/cli.ts';
import { NotificationSink } from '../support/notification-sink.ts';
import { freePorts } from '../support/ports.ts';
import type { Program } from '../support/process.ts';

const DOMAIN = 'ims.test';
const KILLS = 10; // of each of the two set-ups
const PUSHES_PER_SECOND = 200;
const DEVICES = 20;
const CLIENTS = 4;

interface Arrival {
  readonly callId: string;
  readonly cseq: number;
}

/** A gateway that is killed and started again while everything around it goes on. */
class Site {
  readonly sink = new NotificationSink();
  readonly phones: Phone[] = [];
  readonly arrivals = new Map<string, Arrival[]>();
  readonly acknowledged: string[] = [];
  readonly #apart: boolean;
  #directory = '';
  #env: Record<string, string> = {};
  #ports: number[] = [];
  #gateway: Program | undefined;
  #around: Program[] = [];
  #notifyUrl = '';
  #count = 0;

  /** `apart`: sipd and core are processes of their own, and live on. */
  constructor(apart: boolean) {
    this.#apart = apart;
  }

  async open(): Promise<void> {
    this.#directory = await mkdtemp(join(tmpdir(), 'ppg-kill-'));
    this.#ports = await freePorts(5);
    const [http, sip, sipd, drachtio, direct] = this.#ports.map(String) as [string, string, string, string, string];
    this.#notifyUrl = await this.sink.start();
    this.#env = {
      PPG_HTTP_PORT: http,
      PPG_SIP_PORT: sip,
      PPG_SIPD_PORT: sipd,
      PPG_DRACHTIO_PORT: drachtio,
      PPG_DIRECT_PORT: direct,
      PPG_DOMAIN: DOMAIN,
      PPG_STORE: `sqlite:${join(this.#directory, 'ppg.db')}`,
      PPG_INITIATORS: 'mmsc:secret',
      PPG_NOTIFY_ALLOW_PRIVATE: '1',
      PPG_LOG_LEVEL: 'warn',
    };
    if (this.#apart) await this.#startAround(sip, sipd, drachtio);
    await this.startGateway();
    for (let i = 0; i < DEVICES; i++) await this.#addPhone(i);
  }

  async #startAround(sip: string, sipd: string, drachtio: string): Promise<void> {
    const secret = 'reliability';
    const bindings = join(this.#directory, 'core.db');
    const options = { cwd: this.#directory, env: { PPG_LOG_LEVEL: 'info' } };
    this.#around = [
      startCli(['sipd', '--port', sipd, '--drachtio-port', drachtio, '--secret', secret], options),
      startCli(
        ['core', '--port', sip, '--domain', DOMAIN, '--as', `sip:127.0.0.1:${sipd}`, '--bindings', bindings],
        options,
      ),
    ];
    await Promise.all(this.#around.map((one, i) => one.until(new RegExp(i === 0 ? drachtio : sip))));
    this.#env = {
      ...this.#env,
      DRACHTIO_HOST: '127.0.0.1',
      DRACHTIO_PORT: drachtio,
      DRACHTIO_SECRET: secret,
      PPG_NEXT_HOP: `sip:127.0.0.1:${sip}`,
    };
  }

  async startGateway(): Promise<void> {
    this.#gateway = startCli(['serve'], { cwd: this.#directory, env: this.#env });
    await this.#gateway.until(/\/pap/);
  }

  async kill(): Promise<void> {
    await this.#gateway?.kill();
  }

  async #addPhone(i: number): Promise<void> {
    const phone = createPhone({
      clock: systemClock,
      log: silentLogger,
      server: { host: '127.0.0.1', port: this.#ports[1] as number },
      user: `user${i}@${DOMAIN}`,
      applications: ['mms.ua'],
    });
    phone.on('push', ({ body, callId, cseq }) => {
      const pushId = body.toString().replace('\0', '');
      this.arrivals.set(pushId, [...(this.arrivals.get(pushId) ?? []), { callId, cseq }]);
    });
    await phone.start();
    this.phones.push(phone);
  }

  client(): PapClient {
    return new PapClient({ url: `http://127.0.0.1:${this.#ports[0]}/pap`, user: 'mmsc', password: 'secret' });
  }

  /** Submits one push; every second one is binary and so leaves by the other leg. */
  async submit(client: PapClient, user = this.#count % DEVICES): Promise<string | undefined> {
    const pushId = `${this.#count++}@pi.test`;
    const body = Buffer.from(this.#count % 2 === 0 ? pushId : `${pushId}\0`);
    const push = {
      pushId,
      addresses: [`WAPPUSH=user${user}%40${DOMAIN}/TYPE=USER@ppg.test`],
      qos: { priority: 'medium', deliveryMethod: 'confirmed', networkRequired: false, bearerRequired: false } as const,
      replaceMethod: 'all' as const,
      progressNotes: false,
      notifyUrl: this.#notifyUrl,
    };
    const content = { type: 'application/x-test', headers: { 'X-Wap-Application-Id': 'mms.ua' }, body };
    try {
      const { code } = await client.submit(push, content);
      if (code !== 1001) return undefined;
      this.acknowledged.push(pushId);
      return pushId;
    } catch {
      return undefined; // the gateway was killed under it: not acknowledged
    }
  }

  /** Submits at a steady rate until the returned function is called, which resolves when every answer is in. */
  load(): () => Promise<void> {
    const clients = Array.from({ length: CLIENTS }, () => this.client());
    const under: Promise<unknown>[] = [];
    let on = true;
    const begun = Date.now();
    const submitting = (async () => {
      for (let i = 0; on; i++) {
        under.push(this.submit(clients[i % CLIENTS] as PapClient));
        // the rate is kept over the whole load: a late timer is made up for
        const ahead = begun + (i * 1000) / PUSHES_PER_SECOND - Date.now();
        if (ahead > 0) await wait(systemClock, ahead);
      }
    })();
    return async () => {
      on = false;
      await submitting;
      await Promise.all(under);
      await Promise.all(clients.map((client) => client.close()));
    };
  }

  /** Waits until so many more pushes are acknowledged. */
  async untilAcknowledged(more: number): Promise<void> {
    const wanted = this.acknowledged.length + more;
    for (let i = 0; i < 3000 && this.acknowledged.length < wanted; i++) await wait(systemClock, 10);
    assert.ok(this.acknowledged.length >= wanted, 'the gateway acknowledges nothing');
  }

  /** Asks until everything acknowledged is final, and answers the states. */
  async finalStates(within: number): Promise<Map<string, string>> {
    const client = this.client();
    const states = new Map<string, string>();
    const end = Date.now() + within;
    let open = [...this.acknowledged];
    while (open.length > 0 && Date.now() < end) {
      const still: string[] = [];
      for (const pushId of open) {
        const { results, code } = await client.status(pushId);
        const state = results[0]?.state ?? `no result ${code}`;
        states.set(pushId, state);
        if (state === 'pending') still.push(pushId);
      }
      open = still;
      if (open.length > 0) await wait(systemClock, 100);
    }
    await client.close();
    return states;
  }

  async close(): Promise<void> {
    await Promise.all(this.phones.map((phone) => phone.vanish()));
    await this.#gateway?.kill();
    await Promise.all(this.#around.map((one) => one.kill()));
    await this.sink.stop();
    await rm(this.#directory, { recursive: true, force: true });
  }
}

for (const apart of [false, true]) {
  const where = apart ? 'with sipd and core as processes of their own' : 'with everything in one process';

  describe(`a gateway that is killed under load, ${where}`, function () {
    this.timeout(300_000);
    const site = new Site(apart);

    before(() => site.open());
    after(() => site.close());

    it(`loses nothing of what was answered 1001 in ${KILLS} kills at random moments`, async () => {
      for (let kill = 0; kill < KILLS; kill++) {
        const ended = site.load();
        await site.untilAcknowledged(10);
        await wait(systemClock, Math.random() * 400);
        await site.kill();
        await ended();
        await site.startGateway();
      }
      const states = await site.finalStates(60_000);

      const lost = site.acknowledged.filter((pushId) => states.get(pushId) !== 'delivered');
      assert.deepEqual(
        lost.map((pushId) => `${pushId} ${states.get(pushId)}`),
        [],
      );
      const missing = site.acknowledged.filter((pushId) => !site.arrivals.has(pushId));
      assert.deepEqual(missing, [], 'delivered, but never seen at the device');
      assert.ok(site.acknowledged.length >= KILLS * 10, `only ${site.acknowledged.length} pushes`);
    });

    it('sends doubles only under the same Call-ID, with a CSeq that tells them apart', function () {
      const doubles = [...site.arrivals.values()].filter((arrivals) => arrivals.length > 1);
      for (const arrivals of doubles) {
        assert.equal(new Set(arrivals.map(({ callId }) => callId)).size, 1);
        assert.equal(new Set(arrivals.map(({ cseq }) => cseq)).size, arrivals.length);
      }
      const title = `${site.acknowledged.length} acknowledged, 0 lost, ${doubles.length} seen twice or more by the device`;
      if (this.test !== undefined) this.test.title += ` (${title})`;
    });

    it('reports one final state for each, at least once', async () => {
      for (let i = 0; i < 300 && site.acknowledged.some((id) => !site.sink.seen.has(id)); i++)
        await wait(systemClock, 100);
      const unreported = site.acknowledged.filter((pushId) => !site.sink.seen.has(pushId));
      assert.deepEqual(unreported, []);
      for (const seen of site.sink.seen.values())
        assert.deepEqual([...new Set(seen.map(({ state }) => state))], ['delivered']);
    });

    it('a registration missed while it was down strands nothing', async () => {
      const phone = site.phones[0] as Phone;
      await phone.deregister();
      const client = site.client();
      const pushId = await site.submit(client, 0);
      assert.ok(pushId !== undefined);
      await wait(systemClock, 300);
      await client.close();
      assert.equal(site.arrivals.has(pushId), false);
      await site.kill();
      if (apart) await phone.register();
      await site.startGateway();
      if (!apart) await phone.register();
      const states = await site.finalStates(60_000);
      assert.equal(states.get(pushId), 'delivered');
    });
  });
}
