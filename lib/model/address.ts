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
