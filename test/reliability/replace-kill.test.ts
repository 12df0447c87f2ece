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
const KILLS = 6;
/** Half of them wait for a user who is away and are replaced `pending-only`, half for a time to come and are replaced by `all`. */
const LINES = 24;
const CLIENTS = 4;
/** Replacements that are answered between two kills, at the least. */
const BETWEEN = 20;
const CANCELLATION_NOT_POSSIBLE = 2008;

/** What replaces what: every push of a line replaces the one that was alive before it. */
class Line {
  readonly user: string;
  readonly method: 'pending-only' | 'all';
  readonly pushIds: string[] = [];
  /** Those that were accepted and replaced. */
  cancelled: readonly string[] = [];
  alive = '';
  /** Submitted, and the answer never came: it may have taken the place of `alive` or not. */
  unsure: string | undefined;
  busy = false;

  constructor(place: number) {
    this.user = `user${place}@${DOMAIN}`;
    this.method = place % 2 === 0 ? 'pending-only' : 'all';
  }

  next(): string {
    const pushId = `${this.pushIds.length}.${this.user}`;
    this.pushIds.push(pushId);
    return pushId;
  }
}

describe('a gateway that is killed while pushes are replaced', function () {
  this.timeout(300_000);
  const sink = new NotificationSink();
  const lines = Array.from({ length: LINES }, (_, place) => new Line(place));
  const phones: Phone[] = [];
  const later = Date.now() + 3_600_000;
  let directory = '';
  let notifyUrl = '';
  let ports: number[] = [];
  let gateway: Program | undefined;
  let replaced = 0;
  let lost = 0;

  const start = async (): Promise<void> => {
    const [http, sip, sipd, drachtio, direct] = ports.map(String) as [string, string, string, string, string];
    gateway = startCli(['serve'], {
      cwd: directory,
      env: {
        PPG_HTTP_PORT: http,
        PPG_SIP_PORT: sip,
        PPG_SIPD_PORT: sipd,
        PPG_DRACHTIO_PORT: drachtio,
        PPG_DIRECT_PORT: direct,
        PPG_DOMAIN: DOMAIN,
        PPG_STORE: `sqlite:${join(directory, 'ppg.db')}`,
        PPG_INITIATORS: 'mmsc:secret',
        PPG_NOTIFY_ALLOW_PRIVATE: '1',
        PPG_LOG_LEVEL: 'warn',
      },
    });
    await gateway.until(/\/pap/);
  };
  const client = (): PapClient =>
    new PapClient({ url: `http://127.0.0.1:${ports[0]}/pap`, user: 'mmsc', password: 'secret' });

  const submit = async (line: Line, by: PapClient): Promise<void> => {
    const pushId = line.next();
    const push = {
      pushId,
      addresses: [`sip:${line.user}`],
      qos: {
        priority: 'medium',
        deliveryMethod: 'confirmed',
        networkRequired: false,
        bearerRequired: false,
      } as const,
      replaceMethod: line.method,
      ...(line.alive !== '' && { replacePushId: line.alive }),
      ...(line.method === 'all' && { deliverAfter: later }),
      progressNotes: false,
      notifyUrl,
    };
    const content = { type: 'text/plain', headers: { 'X-Wap-Application-Id': 'mms.ua' }, body: Buffer.from(pushId) };
    line.unsure = pushId;
    let code: number;
    try {
      ({ code } = await by.submit(push, content));
    } catch {
      return; // it was killed under it
    }
    line.unsure = undefined;
    // Just being tried: then it cannot be replaced, and goes on.
    if (line.alive !== '' && line.method === 'pending-only' && code === CANCELLATION_NOT_POSSIBLE) return;
    assert.equal(code, 1001, pushId);
    if (line.alive !== '') replaced++;
    line.alive = pushId;
  };

  /** Replaces as fast as it can until the returned function is called, which resolves when every answer is in. */
  const load = (): (() => Promise<void>) => {
    const clients = Array.from({ length: CLIENTS }, client);
    let on = true;
    const working = clients.map(async (by) => {
      while (on) {
        const line = lines.find(({ busy, unsure }) => !busy && unsure === undefined);
        if (line === undefined) return;
        line.busy = true;
        // The one that was longest at rest comes next.
        lines.push(...lines.splice(lines.indexOf(line), 1));
        await submit(line, by);
        line.busy = false;
      }
    });
    return async () => {
      on = false;
      await Promise.all(working);
      await Promise.all(clients.map((one) => one.close()));
    };
  };

  const stateOf = async (pushId: string, by: PapClient): Promise<string> => {
    const { results, code } = await by.status(pushId);
    return code === 2004 ? 'not there' : (results[0]?.state ?? 'no result');
  };

  /** Finds out which of the two is alive where the answer was lost: one of them, and never both. */
  const settleUnsure = async (): Promise<void> => {
    const by = client();
    for (const line of lines) {
      const { unsure, alive } = line;
      if (unsure === undefined) continue;
      lost++;
      const states = [alive === '' ? 'none' : await stateOf(alive, by), await stateOf(unsure, by)];
      const before = alive === '' ? 'none' : 'pending';
      const both = [
        [before, 'not there'],
        [before === 'none' ? 'none' : 'cancelled', 'pending'],
      ];
      const one = both.findIndex((expected) => expected.join() === states.join());
      assert.notEqual(one, -1, `${alive} is ${states[0]}, ${unsure} is ${states[1]}`);
      if (one === 1) line.alive = unsure;
      line.unsure = undefined;
    }
    await by.close();
  };

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'ppg-replace-'));
    ports = await freePorts(5);
    notifyUrl = await sink.start();
    await start();
  });
  after(async () => {
    await Promise.all(phones.map((phone) => phone.vanish()));
    await gateway?.kill();
    await sink.stop();
    await rm(directory, { recursive: true, force: true });
  });

  it(`has one of two alive after each of ${KILLS} kills, never both and never none`, async function () {
    for (let kill = 0; kill < KILLS; kill++) {
      const ended = load();
      const wanted = replaced + BETWEEN;
      for (let tries = 0; tries < 2000 && replaced < wanted; tries++) await wait(systemClock, 5);
      assert.ok(replaced >= wanted, 'nothing is replaced');
      await wait(systemClock, Math.random() * 60);
      await gateway?.kill();
      await ended();
      await start();
      await settleUnsure();
    }
    const by = client();
    for (const line of lines) {
      const { pushIds, alive } = line;
      const states = await Promise.all(pushIds.map((pushId) => stateOf(pushId, by)));
      const wrong = pushIds.filter((pushId, place) =>
        pushId === alive ? states[place] !== 'pending' : !['cancelled', 'not there'].includes(states[place] ?? ''),
      );
      assert.deepEqual(wrong, []);
      line.cancelled = pushIds.filter((_, place) => states[place] === 'cancelled');
    }
    await by.close();
    if (this.test !== undefined) this.test.title += ` (${replaced} replaced, ${lost} answers lost)`;
  });

  it('delivers to each user the one that is alive, and reports every other one cancelled under its own push-id', async () => {
    const came = new Map<string, string[]>();
    const waiting = lines.filter(({ method }) => method === 'pending-only');
    for (const { user } of waiting) {
      const phone = createPhone({
        clock: systemClock,
        log: silentLogger,
        server: { host: '127.0.0.1', port: ports[1] as number },
        user,
        applications: ['mms.ua'],
      });
      phone.on('push', ({ body }) => came.set(user, [...(came.get(user) ?? []), body.toString()]));
      await phone.start();
      phones.push(phone);
    }
    const ends = [...waiting.map(({ alive }) => alive), ...lines.flatMap(({ cancelled }) => cancelled)];
    for (let tries = 0; tries < 600 && !ends.every((pushId) => sink.seen.has(pushId)); tries++) {
      await wait(systemClock, 50);
    }
    const told = (pushId: string): string => [...new Set(sink.seen.get(pushId)?.map(({ state }) => state))].join();
    for (const { user, alive } of waiting) {
      assert.deepEqual([...new Set(came.get(user))], [alive]);
      assert.equal(told(alive), 'delivered', alive);
    }
    for (const { cancelled } of lines) {
      for (const pushId of cancelled) assert.equal(told(pushId), 'cancelled', pushId);
    }
  });
});
