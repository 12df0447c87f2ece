import { systemClock } from '../../lib/base/clock.ts';
import { silentLogger } from '../../lib/base/log.ts';
import { createCore } from '../../lib/embedded/core/core.ts';
import { createPhone, type Phone } from '../../lib/embedded/phone/phone.ts';
import { createSipStack } from '../../lib/stack/stack.ts';
import { createMemoryBindings } from '../../lib/store/memory-bindings.ts';
import { DOMAIN, numberOf } from './pap-post.ts';
import { micros, runPart } from './part.ts';

export interface MsrpDevicesOptions {
  /** SIP port of the core, and of the gateway that it tells of registrations. */
  readonly core: number;
  readonly gateway: number;
  readonly phones: number;
}

export interface MsrpReceived {
  readonly count: number;
  /** Contents that were not what was sent. */
  readonly wrong: number;
  /** Monotonic, microseconds. */
  readonly lastAt: number;
}

export interface MsrpDevicesCommands {
  /** Forgets what came; SHA-256 of what is to come, in hex. */
  expect(sha256: string): void;
  received(): MsrpReceived;
  stop(): Promise<void>;
}

const HOST = '127.0.0.1';

/** The pocket core with phones that take MSRP. */
runPart(async ({ core: port, gateway, phones }: MsrpDevicesOptions): Promise<MsrpDevicesCommands> => {
  const [clock, log] = [systemClock, silentLogger];
  const core = createCore({
    clock,
    log,
    stack: createSipStack({ clock, log, listen: [{ protocol: 'udp', host: HOST, port }] }),
    domain: DOMAIN,
    applicationServers: [`sip:${HOST}:${gateway}`],
    bindings: createMemoryBindings(),
  });
  await core.start();
  let [expected, count, wrong, lastAt] = ['', 0, 0, 0];
  const started: Phone[] = [];
  for (let n = 0; n < phones; n++) {
    const server = { host: HOST, port };
    const user = `${numberOf(n)}@${DOMAIN}`;
    const phone = createPhone({ clock, log, server, user, applications: ['wml.ua'], msrp: {} });
    phone.on('push', ({ sha256 }) => {
      count++;
      if (sha256 !== expected) wrong++;
      lastAt = micros();
    });
    await phone.start();
    started.push(phone);
  }
  return {
    expect(sha256) {
      [expected, count, wrong, lastAt] = [sha256, 0, 0, 0];
    },
    received: () => ({ count, wrong, lastAt }),
    async stop() {
      await Promise.all(started.map((phone) => phone.vanish()));
      await core.stop();
    },
  };
});
