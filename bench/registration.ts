import { drained, type Effort, type Figures, inMilliseconds, nextRun } from './measure.ts';
import type { GatewayCommands } from './parts/gateway.ts';
import type { Part } from './process.ts';
import type { Stage } from './stage.ts';

/** Users that register in one round at the most, and how many a second. */
const USERS = 300;
const RATE = 100;
/** Users who stay away, and for whom the other pushes wait. */
const AWAY = 1000;
/** Numbers far from those of other rows. */
const FIRST_AWAY = 40_000_000;
const FIRST_USER = 50_000_000;
/** Deregistrations a second: fewer than overflow a receive buffer. */
const LEAVING = 2000;

const filled = new WeakSet<object>();

/**
 * Users leave, a push is submitted for each and waits, and then they register one after another: the time from a
 * REGISTER to the MESSAGE that it wakes. Other pushes wait for users who never come.
 */
export async function registrationRound(stage: Stage, effort: Effort): Promise<Figures> {
  const [device, gateway] = [await stage.device(), await stage.gateway('registration', 'direct')];
  await fill(stage, gateway, effort.waiting);
  await device.call('reset');
  const run = nextRun();
  const users = Math.max(10, Math.min(USERS, Math.round((effort.time / 1000) * RATE)));
  const firstUser = FIRST_USER + run * USERS;
  const port = await gateway.call('directPort');
  await device.call('register', { gateway: port, firstUser, users, expires: 0, rate: LEAVING });
  const { accepted, refused } = await submit(stage, gateway, { run, users, firstUser, most: users });
  await device.call('register', { gateway: port, firstUser, users, expires: 3600, rate: RATE });
  await drained(device, accepted);
  const woken = await device.call('sinceRegistered');
  return { pushes: accepted, ...inMilliseconds(woken), lost: accepted - woken.length, refused };
}

/** Pushes that wait for others: once for each gateway. */
async function fill(stage: Stage, gateway: Part<GatewayCommands>, waiting: number): Promise<void> {
  if (filled.has(gateway)) return;
  filled.add(gateway);
  const device = await stage.device();
  const away = { firstUser: FIRST_AWAY, users: AWAY };
  await device.call('register', { gateway: await gateway.call('directPort'), ...away, expires: 0, rate: LEAVING });
  for (let left = waiting; left > 0; ) {
    const { accepted } = await submit(stage, gateway, { run: nextRun(), ...away, most: Math.min(left, 50_000) });
    if (accepted === 0) throw new Error('no push that is to wait was accepted');
    left -= accepted;
  }
}

async function submit(
  stage: Stage,
  gateway: Part<GatewayCommands>,
  job: { run: number; users: number; firstUser: number; most: number },
): Promise<{ accepted: number; refused: number }> {
  const load = await stage.load();
  const port = await gateway.call('port');
  return load.call('run', { host: '127.0.0.1', port, path: '/pap', connections: 16, time: 30_000, ...job });
}
