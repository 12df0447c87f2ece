import { createSubscribeHandler, createSubscribeMiddleware } from '../../handlers/subscribe.ts';
import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Subscribers } from '../engine/subscribers.ts';
import type { OmaPushOptions } from '../options/oma-push.ts';
import type { Told } from '../sip/capabilities/answer.ts';
import type { SipHandler, SipLeg } from '../sip/leg.ts';
import { type OmaPushCounts, OmaPushSubscriptions, type PushSubscription } from '../sip/oma-push/oma-push.ts';
import type { OwnAddress } from '../sip/own-address.ts';
import type { Registrations } from '../sip/registrations/registrations.ts';
import type { SipSender } from '../sip/sender.ts';
import type { TrustedPeers } from '../sip/trusted-peers.ts';
import type { Capabilities } from './capabilities.ts';
import { subscribeOn } from './legs.ts';

export interface OmaPushSetting {
  readonly clock: Clock;
  readonly log: Logger;
  readonly domain: string;
  readonly registrations: Registrations;
  readonly sender: Pick<SipSender, 'authorizeFor'>;
}

/** What is there once the gateway has been put together. */
export interface OmaPushReception {
  readonly legs: readonly SipLeg[];
  readonly own: OwnAddress;
  readonly trusts: TrustedPeers;
  /** No app lives on the drachtio leg. */
  readonly standalone: boolean;
  readonly allow: readonly string[];
  readonly capabilities: Pick<Capabilities, 'learnTold'>;
  readonly engine: { readonly running: boolean; wake(aor: string): void };
}

/** Subscriptions of devices to pushes (docs/oma-push.md). */
export interface OmaPush {
  readonly subscriptions: OmaPushSubscriptions;
  readonly counts: OmaPushCounts;
  readonly maxBytes: number;
  /** What is known of subscribers, with who subscribed. */
  over(subscribers: Subscribers): Subscribers;
  /** Takes SUBSCRIBEs on every leg; answers what is chained for SUBSCRIBE, undefined without a drachtio leg. */
  receive(reception: OmaPushReception): SipHandler | undefined;
  /** Tells subscribers to come again later. Never rejects. */
  stop(): Promise<void>;
}

/** Milliseconds that stopping waits for the answers of subscribers. */
const PATIENCE = 1_000;

/** Seconds after which who was sent away may come again. */
const COME_AGAIN = 30;

export function createOmaPush(options: OmaPushOptions, setting: OmaPushSetting): OmaPush {
  const { clock, log, domain, registrations, sender } = setting;
  const { maxBytes, ...policy } = options;
  let woken: (subscription: PushSubscription, told: Told) => void = () => undefined;
  const subscriptions = new OmaPushSubscriptions({
    ...{ policy, clock, log },
    onRenewed: (subscription) => woken(subscription, {}),
  });
  registrations.on('deregistered', ({ aor }) => subscriptions.leave(aor));

  return {
    subscriptions,
    maxBytes,
    get counts() {
      return subscriptions.counts;
    },
    over: (subscribers) => ({
      find(aor) {
        const found = subscribers.find(aor);
        return found instanceof Promise
          ? found.then((registration) => subscriptions.over(aor, registration))
          : subscriptions.over(aor, found);
      },
      get covers() {
        return subscribers.covers;
      },
      coversUser: (aor) => subscribers.coversUser?.(aor) ?? subscribers.covers,
    }),
    receive({ legs, own, trusts, standalone, allow, capabilities, engine }) {
      /** What the device told is known before its pushes leave. */
      async function subscribed(subscription: PushSubscription, told: Told): Promise<void> {
        for (const aor of subscription.aors) {
          const known = subscriptions.over(aor, await registrations.find(aor));
          const device = known?.devices.find(({ subscribed }) =>
            [...(subscribed?.values() ?? [])].includes(subscription.id),
          );
          if (device !== undefined) capabilities.learnTold(aor, device, told);
          engine.wake(aor);
        }
      }
      woken = (subscription, told) => {
        subscribed(subscription, told).catch((error: unknown) => {
          log.error({ aor: subscription.aors[0], cause: messageOf(error) }, 'a subscription could not be made use of');
        });
      };
      const handlerFor = createSubscribeHandler({
        ...{ subscriptions, own, trusts, domain, allow, log },
        running: () => engine.running,
        onTold: (subscription, told) => woken(subscription, told),
        authorizeFor: (place) => sender.authorizeFor(place),
      });
      const middleware = subscribeOn(legs, (leg) =>
        handlerFor({ name: leg.name, can: leg.can, last: leg.name === 'direct' || standalone }),
      );
      return middleware && createSubscribeMiddleware(middleware, { own, log });
    },
    stop: () => subscriptions.stop(PATIENCE, COME_AGAIN),
  };
}
