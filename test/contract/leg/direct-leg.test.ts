import { systemClock } from '../../../lib/base/clock.ts';
import { createDirectLeg } from '../../../lib/sip/direct/direct-leg.ts';
import { newStack, Peer } from '../../support/sipd-net.ts';
import { legContract } from './leg-contract.ts';

legContract("direct leg by the gateway's own stack", async () => {
  const stack = newStack();
  const peer = await new Peer().start();
  return {
    leg: createDirectLeg({ stack, clock: systemClock }),
    peer,
    sipPort: (protocol) => stack.listening.find((point) => point.protocol === protocol)?.port ?? 0,
    close: () => peer.stack.stop(),
  };
});
