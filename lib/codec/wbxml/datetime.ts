import { refused } from './document.ts';

const WRITTEN = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z$/;
const DIGITS = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/;

/**
 * A date of SI or EMN (`1999-06-30T00:00:00Z`, always UTC) as binary coded decimals, octets of zero at the end left out
 * (WAP-167 section 8.2.2).
 *
 * @throws PPG_E_WBXML another form: the digits alone would be another time.
 */
export function encodeDatetime(value: string): Buffer {
  const parts = WRITTEN.exec(value);
  if (parts === null || !isDate(parts)) {
    throw refused(`${JSON.stringify(value.slice(0, 40))} is no date as 1999-06-30T00:00:00Z`);
  }
  const octets = Buffer.from(parts.slice(1).join(''), 'hex');
  let length = octets.length;
  while (length > 0 && octets[length - 1] === 0) length--;
  return octets.subarray(0, length);
}

/**
 * The date as it is written in text.
 *
 * @throws PPG_E_WBXML octets that are no date.
 */
export function decodeDatetime(octets: Buffer): string {
  const parts = octets.length <= 7 ? DIGITS.exec(octets.toString('hex').padEnd(14, '0')) : null;
  if (parts === null || !isDate(parts)) throw refused(`${octets.subarray(0, 8).toString('hex')} is no date`);
  const [, year, month, day, hour, minute, second] = parts;
  return `${year}-${month}-${day}T${hour}:${minute}:${second}Z`;
}

/** Whether the calendar has it: the 30th of February would be another day to whoever reads it. A leap second may be. */
function isDate(parts: RegExpExecArray): boolean {
  const [year, month, day, hour, minute, second] = parts.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (month < 1 || month > 12 || hour > 23 || minute > 59 || second > 60) return false;
  return day >= 1 && day <= daysOf(year, month);
}

const daysOf = (year: number, month: number): number =>
  month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
    ? 29
    : ([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0);
