import { groupTexts } from './group.ts';

/** A recipient as the gateway understands it; the PI's text goes back to the PI unchanged (WAP-247). */
export interface RecipientAddress {
  /** address-value as the PI wrote it. */
  readonly text: string;
  /**
   * Canonical address-of-record: `sip:user@domain`, domain in lower case, no port, no parameters.
   * A telephone number is `sip:+digits@domain` (tel: request URIs crash drachtio-server).
   */
  readonly aor: string;
  /** Names one device by its `+sip.instance`, as `urn:uuid:…` without angle brackets (RFC 5626). */
  readonly instance?: string;
  /** Names one device by its public GRUU, a SIP URI with a `gr` parameter (RFC 5627). */
  readonly gruu?: string;
}

const identityOf = ({ aor, instance = '', gruu = '' }: RecipientAddress): string => `${aor} ${instance} ${gruu}`;

/** What of a push's recipients a PI has named. */
export interface Named<T> {
  /** In the order of the recipients, each once. */
  readonly found: readonly T[];
  /** Addresses that name none of them. */
  readonly strangers: readonly RecipientAddress[];
}

/**
 * Picks the recipients that `wanted` names: by the PI's own text, else by the identity that the text stands for
 * (`sip:alice@example.com` names whom `WAPPUSH=alice%40example.com/TYPE=USER@ppg` names). No address names all. A group is
 * named by its text alone, and as a whole: an initiator shall not find out who is in it.
 */
export function namedRecipients<T extends { readonly address: RecipientAddress }>(
  recipients: readonly T[],
  wanted: readonly RecipientAddress[],
): Named<T> {
  if (wanted.length === 0) return { found: recipients, strangers: [] };
  const groups = groupTexts(recipients);
  const wantedGroups = groupTexts(wanted.map((address) => ({ address })));
  const texts = new Set(recipients.map(({ address }) => address.text));
  const alone = recipients.filter(({ address }) => !groups.has(address.text));
  const identities = new Set(alone.map(({ address }) => identityOf(address)));
  const byText = new Set<string>();
  const byIdentity = new Set<string>();
  const strangers: RecipientAddress[] = [];
  for (const address of wanted) {
    const identity = identityOf(address);
    if (texts.has(address.text)) byText.add(address.text);
    else if (!wantedGroups.has(address.text) && identities.has(identity)) byIdentity.add(identity);
    else strangers.push(address);
  }
  const found = recipients.filter(
    ({ address }) => byText.has(address.text) || (!groups.has(address.text) && byIdentity.has(identityOf(address))),
  );
  return { found, strangers };
}

/**
 * The places of `addresses` that take over from `former` addresses: as namedRecipients says, but for a member of a group
 * who is a member then and now; when no member is, the whole group takes over.
 */
export function successors(
  addresses: readonly RecipientAddress[],
  former: readonly RecipientAddress[],
): ReadonlySet<number> {
  if (former.length === 0) return new Set();
  const places = addresses.map((address, index) => ({ address, index }));
  const groups = groupTexts(places);
  const { found } = namedRecipients(places, former);
  if (groups.size === 0) return new Set(found.map(({ index }) => index));
  const member = (address: RecipientAddress): string => `${address.text} ${identityOf(address)}`;
  const members = new Set(former.map(member));
  const stay = new Set(addresses.filter((address) => members.has(member(address))).map(({ text }) => text));
  const takesOver = ({ address }: { readonly address: RecipientAddress }): boolean =>
    !groups.has(address.text) || !stay.has(address.text) || members.has(member(address));
  return new Set(found.filter(takesOver).map(({ index }) => index));
}
