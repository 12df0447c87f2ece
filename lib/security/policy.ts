import { PpgError } from '../base/errors.ts';
import type { RecipientAddress } from '../model/address.ts';
import { applicationIdOf, parseApplicationId } from '../model/application-id.ts';
import type { DeliveryMethod, Priority, Submission } from '../model/push.ts';
import { glob } from './glob.ts';
import type { Rate } from './rate-limit.ts';

/** Whom an account may push to: a recipient is allowed when one of the lists has it. */
export interface RecipientRules {
  /** Domains of addresses-of-record, telephone numbers included; `*.example.com` takes every domain below it. */
  readonly domains?: readonly string[] | undefined;
  /**
   * Beginnings of telephone numbers in international form, such as `+4930`. A number counts in the domain that the gateway
   * has for it: `sip:+4930111@elsewhere.test` is somebody else's user.
   */
  readonly numbers?: readonly string[] | undefined;
  /** Addresses-of-record in which `*` stands for anything, such as `sip:meter-*@ims.example.com`. */
  readonly patterns?: readonly string[] | undefined;
}

/** What an account may do; a list that is left out allows everything, an empty one nothing. */
export interface AllowRules {
  readonly recipients?: RecipientRules | undefined;
  /** As X-Wap-Application-Id names them; a push without one is for `wml.ua`. */
  readonly applications?: readonly string[] | undefined;
  /** MIME types without parameters; `text/*` takes every subtype. */
  readonly contentTypes?: readonly string[] | undefined;
  /** A push that names none is `notspecified`. */
  readonly deliveryMethods?: readonly DeliveryMethod[] | undefined;
  /** Bearers that a push may name; one that names none may go by any. */
  readonly bearers?: readonly string[] | undefined;
  /** A push that names none is `medium`. */
  readonly priorities?: readonly Priority[] | undefined;
  /** Octets of the content entity's body. */
  readonly maxContentBytes?: number | undefined;
  /** Recipients of one push. */
  readonly maxRecipients?: number | undefined;
  /** Hosts of notify URLs: `pi.example.com`, with a port only that one; `*.example.com` takes every host below it. */
  readonly notifyTargets?: readonly string[] | undefined;
  /** Recipients that have not come to their end, at a time. */
  readonly open?: number | undefined;
  /** Submissions in a second, and how many more within ten seconds. */
  readonly rate?: Rate | undefined;
  /** The same for cancels, status queries and capability queries together. */
  readonly queryRate?: Rate | undefined;
}

/** A rule that says no: its option name, as `allow.recipients`, and a sentence for the PI. */
export interface PolicyRefusal {
  readonly rule: string;
  readonly reason: string;
}

/** What the rules of one account say to a submission; undefined: nothing against it. Pure. */
export type Policy = (submission: Submission) => PolicyRefusal | undefined;

/** Domain of an international telephone number. */
export type NumberDomain = (number: string) => string;

/** `open`, `rate` and `queryRate` need memory and are the admission's. Throws PPG_E_OPTIONS for rules that cannot be read. */
export function compilePolicy(allow: AllowRules | undefined, domainOf: NumberDomain): Policy {
  if (allow === undefined) return () => undefined;
  const checks: Policy[] = [
    recipientCheck(allow.recipients, domainOf),
    countCheck(allow.maxRecipients),
    applicationCheck(allow.applications),
    contentTypeCheck(allow.contentTypes),
    sizeCheck(allow.maxContentBytes),
    oneOf(
      'deliveryMethods',
      'delivery-method',
      allow.deliveryMethods,
      ({ qos }) => qos?.deliveryMethod ?? 'notspecified',
    ),
    oneOf('priorities', 'priority', allow.priorities, ({ qos }) => qos?.priority ?? 'medium'),
    oneOf('bearers', 'bearer', allow.bearers?.map(lower), ({ qos }) => qos?.bearer?.toLowerCase()),
    notifyCheck(allow.notifyTargets),
  ].filter((check) => check !== undefined);
  return (submission) => {
    for (const check of checks) {
      const refusal = check(submission);
      if (refusal !== undefined) return refusal;
    }
    return undefined;
  };
}

const lower = (text: string): string => text.toLowerCase();

/** Longest piece of a PI's own text in a reason. */
const SHOWN = 100;
const shown = (text: string): string => (text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text);

/** What the rules say of recipients alone; undefined: nothing against anybody. Throws PPG_E_OPTIONS. */
export function recipientCheck(
  rules: RecipientRules | undefined,
  domainOf: NumberDomain,
): ((submission: Pick<Submission, 'recipients'>) => PolicyRefusal | undefined) | undefined {
  if (rules === undefined) return undefined;
  const isDomain = hostMatcher(rules.domains ?? []);
  const numbers = rules.numbers ?? [];
  const patterns = (rules.patterns ?? []).map((pattern) => glob(pattern));
  const allowed = ({ aor }: RecipientAddress): boolean => {
    const at = aor.lastIndexOf('@');
    const user = aor.slice(aor.indexOf(':') + 1, at);
    const host = aor.slice(at + 1);
    const isNumber = (): boolean => NUMBER.test(user) && domainOf(user).toLowerCase() === host.toLowerCase();
    return (
      isDomain(host) ||
      (numbers.some((prefix) => user.startsWith(prefix)) && isNumber()) ||
      patterns.some((matches) => matches(aor))
    );
  };
  return ({ recipients }) => {
    const stranger = recipients.find((recipient) => !allowed(recipient));
    return stranger && { rule: 'allow.recipients', reason: `this account may not push to ${shown(stranger.text)}` };
  };
}

const NUMBER = /^\+\d{3,15}$/; // E.164

function countCheck(most: number | undefined): Policy | undefined {
  if (most === undefined) return undefined;
  return ({ recipients }) =>
    recipients.length > most
      ? { rule: 'allow.maxRecipients', reason: `a push of this account may have ${most} recipients` }
      : undefined;
}

function applicationCheck(applications: readonly string[] | undefined): Policy | undefined {
  if (applications === undefined) return undefined;
  const tags = new Set(applications.map((application) => tagOf(application)));
  return ({ content }) => {
    const tag = applicationIdOf(content.headers);
    if (tags.has(tag.toLowerCase())) return undefined;
    return { rule: 'allow.applications', reason: `this account may not push to application ${shown(tag)}` };
  };
}

function tagOf(application: string): string {
  try {
    return parseApplicationId(application).tag.toLowerCase();
  } catch (error) {
    throw new PpgError('PPG_E_OPTIONS', `allow.applications: ${shown(application)} is no application`, {
      cause: error,
    });
  }
}

function contentTypeCheck(types: readonly string[] | undefined): Policy | undefined {
  if (types === undefined) return undefined;
  const exact = new Set(types.map(lower));
  return ({ content }) => {
    const type = (content.type.split(';', 1)[0] as string).trim().toLowerCase();
    if (exact.has(type) || exact.has(`${type.split('/', 1)[0]}/*`) || exact.has('*/*')) return undefined;
    return { rule: 'allow.contentTypes', reason: `this account may not push ${shown(type)}` };
  };
}

function sizeCheck(most: number | undefined): Policy | undefined {
  if (most === undefined) return undefined;
  return ({ content }) =>
    content.body.length > most
      ? { rule: 'allow.maxContentBytes', reason: `content of this account may have ${most} octets` }
      : undefined;
}

function oneOf(
  rule: string,
  what: string,
  allowed: readonly string[] | undefined,
  of: (submission: Submission) => string | undefined,
): Policy | undefined {
  if (allowed === undefined) return undefined;
  const set = new Set(allowed);
  return (submission) => {
    const value = of(submission);
    if (value === undefined || set.has(value)) return undefined;
    return { rule: `allow.${rule}`, reason: `this account may not use ${what} ${shown(value)}` };
  };
}

/** Whether a URL is one of the targets of `allow.notifyTargets`. */
export function targetMatcher(targets: readonly string[]): (url: URL) => boolean {
  const withPort = new Set(targets.filter((target) => PORT.test(target)).map(lower));
  const isHost = hostMatcher(targets.filter((target) => !PORT.test(target)));
  return ({ hostname, port, protocol }) => {
    const effective = port === '' ? (protocol === 'https:' ? '443' : '80') : port;
    return isHost(hostname) || withPort.has(`${hostname}:${effective}`);
  };
}

function notifyCheck(targets: readonly string[] | undefined): Policy | undefined {
  if (targets === undefined) return undefined;
  const isTarget = targetMatcher(targets);
  // An initiator gives the same URL with every push.
  let taken: string | undefined;
  return ({ notifyUrl }) => {
    if (notifyUrl === undefined || notifyUrl === taken) return undefined;
    if (URL.canParse(notifyUrl) && isTarget(new URL(notifyUrl))) {
      taken = notifyUrl;
      return undefined;
    }
    return { rule: 'allow.notifyTargets', reason: 'this account may not have results sent to that host' };
  };
}

/** `host:port`; a bare IPv6 address stands in brackets in a URL and so has its colons before the bracket. */
const PORT = /^(?:[^:]+|\[[^\]]+\]):\d{1,5}$/;

/** Names without regard to case; `*.x` takes what is below x, not x itself. */
function hostMatcher(hosts: readonly string[]): (host: string) => boolean {
  const names = new Set(hosts.filter((host) => !host.startsWith('*.')).map(lower));
  const suffixes = hosts.filter((host) => host.startsWith('*.')).map((host) => host.slice(1).toLowerCase());
  return (host) => {
    const name = host.toLowerCase();
    return names.has(name) || suffixes.some((suffix) => name.length > suffix.length && name.endsWith(suffix));
  };
}
