import { parseMediaType } from '../codec/mime/content-type.ts';
import type { RecipientAddress } from '../model/address.ts';
import { canonicalApplication } from '../model/application-id.ts';
import type { DeviceCapabilities } from '../model/device-capabilities.ts';
import type { Content, Push } from '../model/push.ts';
import { glob } from '../security/glob.ts';
import type { DeliveryTarget } from './bearer.ts';
import type { FormName } from './envelope.ts';
import { entityHeadersOf, needsPrefix } from './push-headers.ts';

/**
 * How the metadata of a push travels; see docs/bearers.md. `auto`: an inner MIME level for devices that told that they
 * take multipart/mixed, where a header needs it, else `headers`.
 */
export type ProfileName = 'headers' | 'mime' | 'oma-push' | 'bare' | 'auto';

export const PROFILE_NAMES: readonly ['headers', 'mime', 'oma-push', 'bare', 'auto'] = [
  'headers',
  'mime',
  'oma-push',
  'bare',
  'auto',
];

/** A rule that gives a profile to devices and pushes. Every condition must hold; `*` stands for any characters. */
export interface ProfileRule {
  readonly match: {
    /** Of what the device said it is; never holds for a device that said nothing. */
    readonly userAgent?: string | undefined;
    /** X-Wap-Application-Id of the push, in any of its forms. */
    readonly application?: string | undefined;
    /** Media type of the content, without parameters. */
    readonly type?: string | undefined;
    /** `+sip.instance` of the device, without brackets. */
    readonly instance?: string | undefined;
  };
  readonly profile: ProfileName;
}

/** Form in which a push goes to a target. */
export type FormChoice = (push: Push, target: DeliveryTarget, address?: RecipientAddress) => FormName;

/** Chooses by the first rule that matches, else `headers`. */
export function createFormChoice(rules: readonly ProfileRule[] = []): FormChoice {
  if (rules.length === 0) return () => 'headers';
  const matchers = rules.map(matcherOf);
  return (push, target, address) => {
    const device = target.kind === 'device' ? target.device : undefined;
    const facts: Facts = {
      userAgent: device?.capabilities?.userAgent,
      application: push.applicationId,
      type: push.content === undefined ? undefined : parseMediaType(push.content.type)?.type,
      instance: device === undefined ? address?.instance : device.instance,
    };
    const found = matchers.find(({ holds }) => holds(facts))?.profile ?? 'headers';
    if (found !== 'auto') return found;
    return takesMultipart(device?.capabilities) && push.content !== undefined && needsInnerLevel(push.content)
      ? 'mime'
      : 'headers';
  };
}

type Facts = Readonly<Record<keyof ProfileRule['match'], string | undefined>>;

function matcherOf({ match, profile }: ProfileRule): { holds: (facts: Facts) => boolean; profile: ProfileName } {
  const conditions: ((facts: Facts) => boolean)[] = [];
  const add = (key: keyof Facts, pattern: string | undefined): void => {
    if (pattern === undefined) return;
    const matches = glob(pattern);
    conditions.push((facts) => {
      const fact = facts[key];
      return fact !== undefined && matches(fact);
    });
  };
  add('userAgent', match.userAgent);
  add('application', match.application === undefined ? undefined : canonicalApplication(match.application));
  add('type', match.type);
  add('instance', match.instance);
  return { holds: (facts) => conditions.every((holds) => holds(facts)), profile };
}

/** True where a header would go under the prefix, that is where an inner level keeps its name. */
const needsInnerLevel = (content: Content): boolean =>
  (entityHeadersOf(content) ?? []).some(({ name }) => needsPrefix(name));

/** True when a device told by name that it takes a multipart/mixed; the range of all types promises nothing of the kind. */
export const takesMultipart = (capabilities: DeviceCapabilities | undefined): boolean =>
  capabilities?.types?.some((type) => type === 'multipart/mixed' || type === 'multipart/*') ?? false;
