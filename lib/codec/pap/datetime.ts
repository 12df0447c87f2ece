const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const FORM = 'dddd-dd-ddTdd:dd:ddZ';
const ZERO = 0x30;

/**
 * Reads `YYYY-MM-DDThh:mm:ssZ`, the one form of time that PAP has (WAP-247, entity Datetime): always UTC, no
 * fractions. Answers milliseconds since the epoch, or undefined for anything else, days that no calendar has included.
 */
export function parseDatetime(text: string): number | undefined {
  if (text.length !== FORM.length) return undefined;
  for (let i = 0; i < FORM.length; i++) {
    const octet = text.charCodeAt(i) - ZERO;
    if (FORM[i] === 'd' ? octet < 0 || octet > 9 : text[i] !== FORM[i]) return undefined;
  }
  const year = Number(text.slice(0, 4));
  const month = Number(text.slice(5, 7));
  const day = Number(text.slice(8, 10));
  const hour = Number(text.slice(11, 13));
  const minute = Number(text.slice(14, 16));
  const second = Number(text.slice(17, 19));
  if (month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59) return undefined;
  if (day < 1 || day > daysIn(year, month)) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  return date.getTime() + ((hour * 60 + minute) * 60 + second) * 1000;
}

const daysIn = (year: number, month: number): number =>
  month === 2 && isLeap(year) ? 29 : (DAYS[month - 1] as number);

const isLeap = (year: number): boolean => (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;

/** Writes milliseconds since the epoch (years 0 to 9999) in PAP's form; the fraction of the second is cut off. */
export function formatDatetime(time: number): string {
  const second = Math.floor(time / 1000);
  if (second !== lastSecond) {
    lastText = `${new Date(time).toISOString().slice(0, 19)}Z`;
    lastSecond = second;
  }
  return lastText;
}

/** Nearly every time that is written is within the same second as the one before. */
let [lastSecond, lastText]: [number, string] = [Number.NaN, ''];
