import { excerpt, isToken, syntaxError } from './syntax.ts';

export interface CSeq {
  readonly number: number;
  readonly method: string;
}

/** RFC 3261 section 8.1.1.5: the sequence number is less than 2^31; 20.16 lets peers go to 2^32 - 1. */
const LIMIT = 2 ** 32;

/** Reads `4711 MESSAGE`; throws PPG_E_SIP_SYNTAX. */
export function parseCSeq(value: string): CSeq {
  let i = 0;
  let number = 0;
  for (; i < value.length; i++) {
    const digit = value.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) break;
    number = number * 10 + digit;
    if (number >= LIMIT) throw syntaxError(`CSeq number out of range: ${excerpt(value)}`);
  }
  const method = value.slice(i).trim();
  const blank = value.charCodeAt(i);
  if (i === 0 || (blank !== 0x20 && blank !== 0x09) || !isToken(method))
    throw syntaxError(`not a CSeq: ${excerpt(value)}`);
  return { number, method };
}

export const formatCSeq = (cseq: CSeq): string => `${cseq.number} ${cseq.method}`;
