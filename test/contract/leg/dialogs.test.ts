import { systemClock } from '../../../lib/base/clock.ts';
import { createDirectLeg } from '../../../lib/sip/direct-leg.ts';
import { createDrachtioLeg } from '../../../lib/sip/drachtio-leg.ts';
import { newStack, SipdNet } from '../../support/sipd-net.ts';
import { UacSrf } from '../../support/uac-srf.ts';
import { dialogContract } from './dialog-contract.ts';

dialogContract("direct leg by the gateway's own stack", async () => ({
  leg: createDirectLeg({ stack: newStack(), clock: systemClock }),
  close: () => Promise.resolve(),
}));

dialogContract('drachtio leg by drachtio-srf and sipd', async () => {
  const net = await new SipdNet().start();
  const leg = createDrachtioLeg({ srf: net.srf(), connect: net.connectOptions(), clock: systemClock });
  return { leg, close: () => net.stop() };
});

/** drachtio-srf's manners over our own stack, without a server in between: what differs here is the leg's. */
dialogContract('drachtio leg by a fake Srf', async () => {
  const srf = new UacSrf();
  const leg = createDrachtioLeg({ srf, outbound: srf, clock: systemClock });
  await srf.stack.start();
  const start = leg.start.bind(leg);
  leg.start = async () => {
    await start();
    srf.up();
  };
  return {
    leg,
    close: async () => {
      srf.agent.stop();
      await srf.stack.stop();
    },
  };
});
