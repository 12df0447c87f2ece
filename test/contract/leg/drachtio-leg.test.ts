import { systemClock } from '../../../lib/base/clock.ts';
import { createDrachtioLeg } from '../../../lib/sip/drachtio/drachtio-leg.ts';
import { SipdNet } from '../../support/sipd-net.ts';
import { legContract } from './leg-contract.ts';

legContract('drachtio leg by drachtio-srf and sipd', async () => {
  const net = await new SipdNet().start();
  const leg = createDrachtioLeg({
    srf: net.srf(),
    connect: net.connectOptions(),
    clock: systemClock,
    methods: ['message', 'options'],
  });
  return { leg, peer: net.peer, sipPort: (protocol) => net.sipPort(protocol), close: () => net.stop() };
});
