import { systemClock } from '../../../lib/base/clock.ts';
import { createDirectLeg } from '../../../lib/sip/direct-leg.ts';
import { createDrachtioLeg } from '../../../lib/sip/drachtio-leg.ts';
import { newStack } from '../../support/sipd-net.ts';
import { UacSrf } from '../../support/uac-srf.ts';
import { dialogContract } from './dialog-contract.ts';

dialogContract("direct leg by the gateway's own stack", async () => ({
  leg: createDirectLeg({ stack: newStack(), clock: systemClock }),
  close: () => Promise.resolve(),
}));

/** The embedded server takes no INVITE yet: createUAC is a fake that keeps drachtio-srf's manners over our own stack. */
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
