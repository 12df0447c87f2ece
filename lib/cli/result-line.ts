import { formatDatetime } from '../codec/pap/datetime.ts';
import type { StatusQueryResult } from '../codec/pap/messages.ts';
import { describeCode } from '../model/result-codes.ts';

/** One statusquery-result for people. */
export function resultLine({ state, code, desc, addresses, eventTime, qos }: StatusQueryResult): string {
  const who = addresses.length === 0 ? 'all recipients' : addresses.map(readable).join(', ');
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
const printable = (text: string): string => text.replace(/[^\x20-\x7e\xa0-\uffff]/g, '?');
