import { systemClock } from '../../../lib/base/clock.ts';
import { createDirectLeg } from '../../../lib/sip/direct/direct-leg.ts';
import { createDrachtioLeg } from '../../../lib/sip/drachtio/drachtio-leg.ts';
import { newStack, SipdNet } from '../../support/sipd-net.ts';
import { UacSrf } from '../../support/uac-srf.ts';
import { type DialogLegUnderTest, dialogContract } from './dialog-contract.ts';
import { notifierContract } from './notifier-contract.ts';

/** Both contracts of what makes dialogs. */
function contracts(name: string, make: () => Promise<DialogLegUnderTest>): void {
  dialogContract(name, make);
  notifierContract(name, make);
}

contracts("direct leg by the gateway's own stack", async () => {
  const leg = createDirectLeg({ stack: newStack(), clock: systemClock });
  return { leg, address: () => leg.address ?? '', close: () => Promise.resolve() };
});

contracts('drachtio leg by drachtio-srf and sipd', async () => {
  const net = await new SipdNet().start();
  const leg = createDrachtioLeg({
    srf: net.srf(),
    connect: net.connectOptions(),
    clock: systemClock,
    methods: ['subscribe'],
  });
  return { leg, address: () => `127.0.0.1:${net.sipPort('udp')}`, lastNotify: 500, close: () => net.stop() };
});

/** drachtio-srf's manners over our own stack, without a server in between: what differs here is the leg's. */
contracts('drachtio leg by a fake Srf', async () => {
  const srf = new UacSrf();
  const leg = createDrachtioLeg({ srf, outbound: srf, clock: systemClock, methods: ['subscribe'] });
  srf.takeSubscriptions();
  await srf.stack.start();
  const start = leg.start.bind(leg);
  leg.start = async () => {
    await start();
    srf.up();
  };
  return {
    leg,
    address: () => `127.0.0.1:${srf.stack.listening[0]?.port}`,
    close: async () => {
      srf.agent.stop();
      await srf.stack.stop();
    },
  };
});
