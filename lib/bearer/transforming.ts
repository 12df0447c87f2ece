import type { Device } from '../model/device.ts';
import type { Content, Push } from '../model/push.ts';
import { PAP } from '../model/result-codes.ts';
import type { Bearer, DeliveryTarget, Offer } from './bearer.ts';
import { takesInside } from './msrp-form.ts';
import { carryOut, planFor, type Transformed, transformFor } from './transform.ts';

export interface TransformingOptions {
  /** Told of every attempt that carried content in another form. */
  readonly onTransformed?: (push: Push, bearer: string, made: Made) => void;
}

/** `seen`: a device as far as this bearer goes; undefined where it told nothing of that. Default: the device. */
export type Transforming = (
  bearer: Bearer,
  carriage?: Carriage,
  seen?: (device: Device) => Device | undefined,
) => Bearer;

export type LateTransforming = (
  push: Push & { readonly content: Content },
  types: readonly string[],
) => Content | undefined;

/** How a bearer brings content: in its own messages, or by telling where it can be fetched as it was sent. */
export type Carriage = 'carries' | 'refers';

/** A transformation that was carried out. */
export type Made = Extract<Transformed, { readonly content: Content }>;

/**
 * Puts transformations before bearers: each sees a push as the device takes it, and offers `transform` where that is not
 * as it was sent; content that may or can not be changed is no offer (3006). A push is transformed once for all devices and
 * bearers that need the same.
 */
export function createTransforming(options: TransformingOptions = {}): Transforming {
  const known = new WeakMap<Content, Map<string, Transformed>>();

  function transformed(content: Content, device: Device): Transformed | undefined {
    const plan = planFor(content, device);
    if (plan === undefined) return undefined;
    let results = known.get(content);
    if (results === undefined) {
      results = new Map();
      known.set(content, results);
    }
    let result = results.get(plan.key);
    if (result === undefined) {
      result = carryOut(content, plan);
      results.set(plan.key, result);
    }
    return result;
  }

  function carrying(bearer: Bearer, seen: (device: Device) => Device | undefined): Pick<Bearer, 'offers' | 'deliver'> {
    const forTarget = ({ content }: Push, target: DeliveryTarget): Transformed | undefined => {
      const device = target.kind === 'device' && content !== undefined ? seen(target.device) : undefined;
      return device === undefined || content === undefined ? undefined : transformed(content, device);
    };
    return {
      offers(push, target) {
        const made = forTarget(push, target);
        if (made === undefined) return bearer.offers(push, target);
        if (made.content === undefined) return no(made.refused);
        const offer = bearer.offers({ ...push, content: made.content }, target);
        if (offer.offer === 'no') return offer;
        return { offer: 'transform', how: offer.offer === 'yes' ? made.how : `${made.how}, ${offer.how}` };
      },
      async deliver(attempt) {
        const made = forTarget(attempt.push, attempt.target);
        if (made === undefined) return bearer.deliver(attempt);
        if (made.content === undefined) {
          return { kind: 'failed', state: 'undeliverable', code: PAP.TRANSFORMATION_FAILURE, cause: made.refused };
        }
        const result = await bearer.deliver({ ...attempt, push: { ...attempt.push, content: made.content } });
        options.onTransformed?.(attempt.push, bearer.name, made);
        return result;
      },
    };
  }

  const referring = (bearer: Bearer): Pick<Bearer, 'offers' | 'deliver'> => ({
    offers(push, target) {
      const plan =
        target.kind === 'device' && push.content !== undefined ? planFor(push.content, target.device) : undefined;
      return plan === undefined
        ? bearer.offers(push, target)
        : no('the content is fetched as it was sent, and the device takes it in another form only');
    },
    deliver: (attempt) => bearer.deliver(attempt),
  });

  return (bearer, carriage = 'carries', seen = (device) => device) => ({
    name: bearer.name,
    ...(bearer.confirms !== undefined && { confirms: bearer.confirms }),
    ...(carriage === 'carries' ? carrying(bearer, seen) : referring(bearer)),
  });
}

/**
 * A device as far as MSRP goes: it takes the types of its session description, whatever it told of its MESSAGEs. Undefined
 * where it named none, or takes any.
 */
export function seenByMsrp(device: Device): Device | undefined {
  const { msrp, until = 0 } = device.capabilities ?? {};
  if (msrp === undefined || msrp === false || msrp.types === undefined) return undefined;
  const types = [...msrp.types, ...(takesInside(msrp) ?? [])];
  return types.includes('*') ? undefined : { ...device, features: {}, capabilities: { types, until } };
}

/**
 * The content in another form for who takes those types only; undefined where it may go as it is, or cannot be changed. For
 * a bearer that hears of them when it delivers.
 */
export const createLateTransforming =
  ({ onTransformed }: TransformingOptions, bearer: string): LateTransforming =>
  (push, types) => {
    const capabilities = { types, until: 0 };
    const made = transformFor(push.content, { id: '', contact: '', features: {}, expiresAt: 0, capabilities });
    if (made?.content === undefined) return undefined;
    onTransformed?.(push, bearer, made);
    return made.content;
  };

const no = (cause: string): Offer => ({ offer: 'no', code: PAP.TRANSFORMATION_FAILURE, cause });
