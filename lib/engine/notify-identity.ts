import { isDeepStrictEqual } from 'node:util';
import { targetMatcher } from '../security/policy.ts';
import { readCredentials, type TlsOptions } from '../stack/tls-options.ts';

/** How the gateway says who it is when it sends results to an initiator. */
export interface NotifyIdentityOptions {
  /** HTTP Basic (RFC 7617). */
  readonly basic?: { readonly user: string; readonly password: string } | undefined;
  /** A bearer token (RFC 6750), in place of `basic`. */
  readonly bearer?: string | undefined;
  /** TLS: client certificate and key, and the authorities to believe in place of those of node; PEM or names of files. */
  readonly tls?: Pick<TlsOptions, 'cert' | 'key' | 'ca'> | undefined;
}

export interface NotifyAccount {
  readonly name: string;
  readonly notify?: NotifyIdentityOptions | undefined;
  /** `notifyTargets`: hosts that may see the identity. */
  readonly allow?: { readonly notifyTargets?: readonly string[] | undefined } | undefined;
}

/** What a POST to one initiator is made with. */
export interface NotifyIdentity {
  readonly authorization?: string;
  readonly tls?: { readonly cert?: string; readonly key?: string; readonly ca?: string };
}

/** The identities by account. An identity that stays the same is the same object, so that its connections are kept. */
export class NotifyIdentities {
  #byName: ReadonlyMap<string, NotifyIdentity>;
  #targets: ReadonlyMap<string, (url: URL) => boolean> = new Map();

  /** Throws PPG_E_OPTIONS for certificates that cannot be used. */
  constructor(accounts: readonly NotifyAccount[]) {
    this.#byName = new Map();
    this.prepare(accounts)();
  }

  /** Reads others; the function puts them in place. Throws PPG_E_OPTIONS. */
  prepare(accounts: readonly NotifyAccount[]): () => void {
    const byName = new Map<string, NotifyIdentity>();
    const targets = new Map<string, (url: URL) => boolean>();
    for (const { name, notify, allow } of accounts) {
      if (notify === undefined) continue;
      if (allow?.notifyTargets !== undefined) targets.set(name, targetMatcher(allow.notifyTargets));
      const before = this.#byName.get(name);
      const now = identityOf(notify);
      byName.set(name, before !== undefined && isDeepStrictEqual(before, now) ? before : now);
    }
    return () => {
      this.#byName = byName;
      this.#targets = targets;
    };
  }

  of(initiator: string): NotifyIdentity | undefined {
    return this.#byName.get(initiator);
  }

  /** Whether the identity may be shown there: a URL may have been given before the account had an identity, or fewer targets. */
  mayGo(initiator: string, url: URL): boolean {
    return this.#targets.get(initiator)?.(url) ?? true;
  }
}

function identityOf({ basic, bearer, tls }: NotifyIdentityOptions): NotifyIdentity {
  const authorization =
    basic === undefined
      ? bearer && `Bearer ${bearer}`
      : `Basic ${Buffer.from(`${basic.user}:${basic.password}`).toString('base64')}`;
  return {
    ...(authorization !== undefined && { authorization }),
    ...(tls !== undefined && { tls: readCredentials(tls).contextOptions as NonNullable<NotifyIdentity['tls']> }),
  };
}
