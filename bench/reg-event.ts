import { silentLogger } from '../lib/base/log.ts';
import { RegEvents } from '../lib/sip/reg-event/reg-event.ts';
import { FakeClock } from '../test/support/fake-clock.ts';
import { FakeNotifier } from '../test/support/fake-notifier.ts';

/**
 * What the reg event costs besides the SIP requests themselves: `npm run bench:reg-event`, some seconds. A core in the
 * same process answers at once, so that only the subscriptions, the documents and the look of every push are counted.
 */
const USERS = 10_000;
const NOTIFIES = 50_000;
const LOOKS = 5_000_000;

const userOf = (n: number): string => `sip:user${n}@example.com`;

function report(what: string, count: number, since: NodeJS.CpuUsage): void {
  const { user, system } = process.cpuUsage(since);
  console.log(`${what.padEnd(58)} ${((user + system) / count).toFixed(2).padStart(8)} µs of CPU`);
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const DEVICE = [
  { name: '+sip.instance', value: '"<urn:uuid:00000000-0000-1000-8000-000000000001>"' },
  { name: '+g.oma.pusheventapp', value: '"wml.ua,mms.ua"' },
  { name: 'methods', value: '"MESSAGE,OPTIONS"' },
];

async function main(): Promise<void> {
  const [clock, core] = [new FakeClock(), new FakeNotifier()];
  let learned = 0;
  const events = new RegEvents({
    sender: core,
    identity: 'sip:push@example.com',
    domain: 'example.com',
    clock,
    log: silentLogger,
    perSecond: 1e9,
    subscriptions: USERS,
    learn: async () => void learned++,
  });

  const subscribe = async (from: number, to: number): Promise<void> => {
    for (let n = from; n < to; n++) {
      void events.ask(userOf(n));
      await turn();
      core.last.tell(userOf(n), [{ params: DEVICE }]);
      await turn();
    }
  };
  await subscribe(0, 2000); // while what is hot is compiled
  globalThis.gc?.();
  const heap = process.memoryUsage().heapUsed;
  let since = process.cpuUsage();
  await subscribe(2000, USERS);
  report('a subscription with its first NOTIFY', USERS - 2000, since);
  globalThis.gc?.();
  const each = (process.memoryUsage().heapUsed - heap) / (USERS - 2000);

  const { subscriptions } = core;
  since = process.cpuUsage();
  for (let n = 0; n < NOTIFIES; n++) {
    subscriptions[n % USERS]?.tell(userOf(n % USERS), [{ params: DEVICE }, { params: [] }]);
    if (n % 100 === 0) await turn();
  }
  report('a NOTIFY of two contacts, writing it included', NOTIFIES, since);

  const users = Array.from({ length: USERS }, (_, n) => userOf(n));
  since = process.cpuUsage();
  for (let n = 0; n < LOOKS; n++) events.ask(users[n % USERS] ?? '');
  report('the look of a push at the subscription of its user', LOOKS, since);
  console.log(`${'memory of a subscription, both sides of it'.padEnd(58)} ${each.toFixed(0).padStart(8)} octets`);
  if (learned !== USERS + NOTIFIES) throw new Error(`${learned} of ${USERS + NOTIFIES} were learned`);
  void events.stop();
  await clock.advance(5000);
}

void main();
