import { promises } from 'node:dns';
import type { Clock } from '../base/clock.ts';
import { PpgError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { AddressRules } from '../codec/pap/address.ts';
import { type DnsLike, systemDns } from '../stack/dns.ts';
import { type AddressLookup, Directory } from './directory.ts';
import { type AddressRuleOptions, compileRules } from './rules.ts';

export interface AddressingSettings extends AddressRuleOptions {
  readonly lookup?: AddressLookup | undefined;
  readonly enum?: { readonly suffix: string; readonly servers?: readonly string[] | undefined } | undefined;
  readonly timeout: number;
  readonly keep: number;
}

export interface Addressing {
  readonly rules: AddressRules | undefined;
  /** Undefined when nobody is to be asked. */
  readonly directory: Directory | undefined;
}

/** Puts together how addresses are read and looked up. Throws PPG_E_OPTIONS. */
export function createAddressing(
  settings: AddressingSettings,
  { domain, clock, log }: { readonly domain: string; readonly clock: Clock; readonly log: Logger },
): Addressing {
  const { rules, groups } = compileRules(settings, domain);
  const { lookup, timeout, keep } = settings;
  if (lookup === undefined && settings.enum === undefined && groups === undefined) {
    return { rules, directory: undefined };
  }
  const dns = dnsOf(settings.enum?.servers, timeout);
  const enumSuffix = settings.enum?.suffix;
  return {
    rules,
    directory: new Directory({ lookup, groups, enumSuffix, dns, rules, domain, timeout, keep, clock, log }),
  };
}

function dnsOf(servers: readonly string[] | undefined, timeout: number): Pick<DnsLike, 'resolveNaptr'> {
  if (servers === undefined) return systemDns;
  const resolver = new promises.Resolver({ timeout: Math.max(1, Math.ceil(timeout / 3)), tries: 2 });
  try {
    resolver.setServers(servers);
  } catch (error) {
    throw new PpgError('PPG_E_OPTIONS', 'addresses.enum.servers: must be addresses, as 10.0.0.53 or 10.0.0.53:5353', {
      cause: error,
    });
  }
  return { resolveNaptr: (name) => resolver.resolveNaptr(name) };
}
