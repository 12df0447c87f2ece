import { type Effort, type Figures, throughput } from './measure.ts';
import type { Stage } from './stage.ts';

/** Each has one device: fewer than pushes, so that most of these find their device known. */
const USERS = 2000;
const REGISTERING = 1000;

const registered = new WeakSet<object>();

/**
 * Pushes to users whose devices are known by name: each is asked once by OPTIONS, before its first push, and every push
 * takes the answer into account. The note says how often it was known.
 */
export async function capabilitiesRound(stage: Stage, effort: Effort): Promise<Figures> {
  const [load, device, sink] = [await stage.load(), await stage.device(), await stage.sink()];
  const gateway = await stage.gateway('asked', 'direct');
  if (!registered.has(gateway)) {
    registered.add(gateway);
    const port = await gateway.call('directPort');
    const job = { gateway: port, firstUser: 0, users: USERS, expires: 36_000, rate: REGISTERING, named: true };
    await device.call('register', job);
  }
  const [before, askedBefore] = [await gateway.call('capabilities'), await device.call('asked')];
  const notifyUrl = `http://127.0.0.1:${await sink.call('port')}/result`;
  const way = { load, measured: gateway, path: '/pap', end: sink, notifyUrl };
  const figures = await throughput(way, { ...effort, users: USERS });
  const after = await gateway.call('capabilities');
  const [hits, misses] = [after.hits - before.hits, after.misses - before.misses];
  const share = ((100 * hits) / Math.max(1, hits + misses)).toFixed(2);
  const asked = (await device.call('asked')) - askedBefore;
  return { ...figures, note: `${share} % of ${hits + misses} devices were known, ${asked} OPTIONS were sent` };
}
