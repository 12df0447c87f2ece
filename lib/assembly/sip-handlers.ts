import { createImdnReader } from '../../handlers/imdn.ts';
import { createMessageHandler } from '../../handlers/message.ts';
import { createOptionsHandler, ownAbilities } from '../../handlers/options.ts';
import { createRegisterHandler } from '../../handlers/register.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { ImdnAsker } from '../bearer/imdn.ts';
import type { Proof } from '../model/delivery.ts';
import type { RecipientRef } from '../model/push.ts';
import { assertedIdentity } from '../sip/asserted-identity.ts';
import type { RequestLike, SipHandler, SipLeg } from '../sip/leg.ts';
import type { OwnAddress } from '../sip/own-address.ts';
import type { RegistrationSource, Registrations } from '../sip/registrations/registrations.ts';
import type { RegisterNews } from '../sip/registrations/sources.ts';
import type { TrustedPeers } from '../sip/trusted-peers.ts';
import type { Capabilities } from './capabilities.ts';
import type { HandlersByMethod } from './mount.ts';
import type { OmaPush } from './oma-push.ts';

export interface SipHandlersOptions {
  readonly registrations: Registrations & RegisterNews;
  readonly trusts: TrustedPeers;
  readonly own: OwnAddress;
  readonly imdn: Pick<ImdnAsker, 'refOf'>;
  /** The engine takes part: registrations are taken, proofs given. */
  readonly engine: {
    readonly running: boolean;
    wake(aor: string): void;
    prove(ref: RecipientRef, proof: Proof): Promise<boolean>;
  };
  readonly legs: readonly SipLeg[];
  /** The gateway's identity at a leg; undefined while the leg does not know its address. */
  readonly contactAt: (leg: SipLeg | undefined) => string | undefined;
  readonly capabilities: Pick<Capabilities, 'learnTold'>;
  /** Undefined: nobody may subscribe. */
  readonly omaPush?: Pick<OmaPush, 'receive'> | undefined;
  /** No app lives on the drachtio leg. */
  readonly standalone: boolean;
  /** Devices are asked for disposition notifications. */
  readonly asksImdn: boolean;
  readonly registrationSource: RegistrationSource;
  readonly domain: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What the gateway makes of requests that come to it, by method. */
export function createSipHandlers(options: SipHandlersOptions): HandlersByMethod {
  const { registrations, trusts, own, imdn, engine, domain, clock, log } = options;
  const { legs, capabilities, omaPush, standalone } = options;
  const abilities = ownAbilities({
    imdn: options.asksImdn,
    regEvent: options.registrationSource === 'reg-event' || options.registrationSource === 'both',
    omaPush: omaPush !== undefined,
  });
  const { allow } = abilities;
  const subscribe = omaPush?.receive({ legs, own, trusts, standalone, allow, capabilities, engine });
  const imdnReader = createImdnReader({
    asker: imdn,
    prove: (ref, proof) => engine.prove(ref, proof),
    find: (aor) => registrations.find(aor),
    trusts,
    domain,
    clock,
    log,
  });
  return new Map<string, SipHandler>([
    ...(subscribe === undefined ? [] : [['SUBSCRIBE', subscribe] as const]),
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
    [
      'OPTIONS',
      createOptionsHandler({
        own,
        log,
        ...abilities,
        isLast: (req) => standalone || legOf(legs, req)?.name === 'direct',
        contactFor: (req) => options.contactAt(legOf(legs, req)),
      }),
    ],
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

/** The direct leg's requests have their octets. */
const legOf = (legs: readonly SipLeg[], req: RequestLike): SipLeg | undefined =>
  legs.find(({ name }) => name === (req.rawBody === undefined ? 'drachtio' : 'direct'));
