import { randomToken } from '../base/ids.ts';

/**
 * P-Charging-Vector values, a new icid for every request that we originate (RFC 7315 section 5.6). `domain` makes them
 * (icid-generated-at) and names our operator (orig-ioi).
 */
export function chargingVectors(domain: string): () => string {
  const process = randomToken(8);
  const rest = `;icid-generated-at=${domain};orig-ioi=${domain}`;
  let count = 0;
  return () => `icid-value=${process}${(count++).toString(36)}${rest}`;
}
