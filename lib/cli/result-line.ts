import { formatDatetime } from '../codec/pap/datetime.ts';
import type { CancelResponse, StatusQueryResult } from '../codec/pap/messages.ts';
import { describeCode, PAP } from '../model/result-codes.ts';

const whoOf = (addresses: readonly string[]): string =>
  addresses.length === 0 ? 'all recipients' : addresses.map(readable).join(', ');

/** One cancel-result for people. */
export const cancelLine = ({ code, desc, addresses }: CancelResponse['results'][number]): string =>
  `${whoOf(addresses)}: ${code === PAP.OK ? 'cancelled' : 'not cancelled'}, ${code} ${desc ?? describeCode(code)}`;

/** One statusquery-result for people. */
export function resultLine({ state, code, desc, addresses, eventTime, qos }: StatusQueryResult): string {
  const who = whoOf(addresses);
  const when = eventTime === undefined ? '' : `  since ${formatDatetime(eventTime)}`;
  const how = state === 'delivered' && qos !== undefined ? ` (${qos.deliveryMethod})` : '';
  return `${who}: ${state}${how}, ${code} ${desc ?? describeCode(code)}${when}`;
}

/** Nothing more happens to a recipient in this state. */
export const isFinal = ({ state }: Pick<StatusQueryResult, 'state'>): boolean => state !== 'pending';

/** `WAPPUSH=sip%3Aalice%40example.com/TYPE=USER@ppg` as `sip:alice@example.com`. */
function readable(address: string): string {
  const value = /^\/?wappush=(.+?)\/type=/i.exec(address)?.[1];
  if (value === undefined) return printable(address);
  try {
    return printable(decodeURIComponent(value));
  } catch {
    return printable(address); // not escaped as URIs are: as it stands
  }
}

/** What comes from elsewhere must not steer a terminal. */
export const printable = (text: string): string => text.replace(/[^\x20-\x7e\xa0-\uffff]/g, '?');
