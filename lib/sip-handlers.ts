import { createImdnReader } from '../handlers/imdn.ts';
import { createMessageHandler } from '../handlers/message.ts';
import { createOptionsHandler } from '../handlers/options.ts';
import { createRegisterHandler } from '../handlers/register.ts';
import type { Clock } from './base/clock.ts';
import type { Logger } from './base/log.ts';
import type { ImdnAsker } from './bearer/imdn.ts';
import type { Proof } from './model/delivery.ts';
import type { RecipientRef } from './model/push.ts';
import type { HandlersByMethod } from './mount.ts';
import { assertedIdentity } from './sip/asserted-identity.ts';
import type { OwnAddress } from './sip/own-address.ts';
import type { RegisterNews } from './sip/registration-sources.ts';
import type { Registrations } from './sip/registrations.ts';
import type { TrustedPeers } from './sip/trusted-peers.ts';

export interface SipHandlersOptions {
  readonly registrations: Registrations & RegisterNews;
  readonly trusts: TrustedPeers;
  readonly own: OwnAddress;
  readonly imdn: Pick<ImdnAsker, 'refOf'>;
  /** The engine takes part: registrations are taken, proofs given. */
  readonly engine: { readonly running: boolean; prove(ref: RecipientRef, proof: Proof): Promise<boolean> };
  readonly domain: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What the gateway makes of requests that come to it, by method. */
export function createSipHandlers(options: SipHandlersOptions): HandlersByMethod {
  const { registrations, trusts, own, imdn, engine, domain, clock, log } = options;
  const imdnReader = createImdnReader({
    asker: imdn,
    prove: (ref, proof) => engine.prove(ref, proof),
    find: (aor) => registrations.find(aor),
    trusts,
    domain,
    log,
  });
  return new Map([
    [
      'REGISTER',
      createRegisterHandler({
        registrations,
        news: registrations,
        trusts,
        own,
        running: () => engine.running,
        domain,
        clock,
        log,
      }),
    ],
    ['OPTIONS', createOptionsHandler({ own, log })],
    [
      'MESSAGE',
      createMessageHandler({
        own,
        readers: [imdnReader],
        identityOf: (req) => assertedIdentity(req, trusts, domain),
        log,
      }),
    ],
  ]);
}
