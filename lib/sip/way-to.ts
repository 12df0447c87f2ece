import type { HeaderField } from '../model/push.ts';
import { acceptContactForInstance } from './feature-tags.ts';

/** Where a request goes, and what it asks of the core about who may get it. */
export interface Way {
  readonly uri: string;
  readonly headers: readonly HeaderField[];
}

/** What names one device of a user. */
export interface DeviceName {
  readonly instance?: string | undefined;
  /** Public GRUU. */
  readonly gruu?: string | undefined;
}

const FORK: HeaderField = { name: 'Request-Disposition', value: 'fork, parallel' };
const NO_FORK: HeaderField = { name: 'Request-Disposition', value: 'no-fork' };

/**
 * Request URI and caller preferences (RFC 3841) that bring a request to a device and to nobody else: the GRUU where there
 * is one, else the instance. Without either it goes to the address-of-record, to all its devices when `fork` is true.
 * `wanted` are further preferences, as the application.
 */
export function wayTo(aor: string, { gruu, instance }: DeviceName, fork: boolean, wanted: readonly HeaderField[]): Way {
  if (gruu !== undefined) return { uri: gruu, headers: wanted };
  const uri = requestUri(aor);
  if (instance === undefined) return { uri, headers: [...wanted, fork ? FORK : NO_FORK] };
  const only = acceptContactForInstance(instance);
  const preferences = only === undefined ? [] : [{ name: 'Accept-Contact', value: only }];
  return { uri, headers: [...preferences, ...wanted, NO_FORK] };
}

/** A telephone number says that it is one, so that the core may look it up (RFC 3261 section 19.1.1). */
const requestUri = (aor: string): string => (aor.startsWith('sip:+') ? `${aor};user=phone` : aor);

/** What ends a URI in a header or a start line; addresses are checked where they come in, and once more when they leave. */
const NOT_IN_URI = /[\s<>"]/;

/** Whether an address can stand in a start line and between the angle brackets of a header. */
export const isSafeUri = (uri: string): boolean => !NOT_IN_URI.test(uri);
