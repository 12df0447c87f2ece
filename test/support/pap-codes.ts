import assert from 'node:assert/strict';
import type { PapMessage } from '../../lib/codec/pap/messages.ts';
import type { CodeCarrier } from '../../lib/model/result-codes.ts';

/** Columns of {@link PAP_CODES}. */
export const CARRIERS: readonly CodeCarrier[] = [
  'response-result',
  'cancel-result',
  'resultnotification-message',
  'resultnotification-response',
  'statusquery-result',
  'ccq-response',
  'badmessage-response',
];

/** The table of WAP-247 section 9.14, written down apart from the code: which status code may stand where. */
export const PAP_CODES = `
  code  rr cr rn rnr sq ccq bad
  1000  -  x  x  x   x  x   -
  1001  x  -  -  -   -  -   -
  2000  x  x  -  x   x  x   x
  2001  x  x  x  x   x  x   -
  2002  x  x  x  x   x  x   -
  2003  -  x  -  -   x  -   -
  2004  x  x  -  -   x  -   -
  2005  x  -  x  -   -  -   -
  2006  x  -  x  -   -  -   -
  2007  x  -  -  -   -  -   -
  2008  x  x  x  -   -  -   -
  3000  x  x  -  -   x  x   -
  3001  -  x  -  -   x  x   -
  3002  -  -  -  -   -  -   x
  3003  -  x  -  -   x  -   -
  3004  x  -  -  -   -  -   -
  3005  x  x  -  -   x  -   -
  3006  x  -  x  -   x  -   -
  3007  x  -  x  -   x  -   -
  3008  -  -  -  -   -  x   -
  3009  x  -  x  -   x  -   -
  3010  x  -  x  -   x  -   -
  3011  x  -  -  -   -  -   -
  4000  -  -  x  -   x  -   -
  4001  -  -  x  -   x  -   -
  5235  -  -  x  -   x  -   -
  5256  -  -  x  -   x  -   -
`;

const ALLOWED: ReadonlyMap<number, ReadonlySet<CodeCarrier>> = new Map(
  PAP_CODES.trim()
    .split('\n')
    .slice(1)
    .map((line) => {
      const [code, ...marks] = line.trim().split(/\s+/);
      return [Number(code), new Set(CARRIERS.filter((_, i) => marks[i] === 'x'))];
    }),
);

/** Rows of the table. */
export const TABLED_CODES: readonly number[] = [...ALLOWED.keys()];

/** Whether the table has a mark there; codes that devices abort with are all alike. */
export const isTabled = (code: number, carrier: CodeCarrier): boolean =>
  ALLOWED.get(code >= 5000 ? 5235 : code)?.has(carrier) === true;

/** Fails when a message holds a code where it may not stand, or one that its version does not have. */
export function assertCodes(message: PapMessage): void {
  const allow = (carrier: CodeCarrier, code: number): void => {
    assert.ok(isTabled(code, carrier), `${code} may not stand in ${carrier}`);
    if (message.papVersion.startsWith('1.')) assert.ok(![2008, 3011].includes(code), `PAP 1.0 has no ${code}`);
  };
  switch (message.message) {
    case 'push-response':
      allow('response-result', message.code);
      break;
    case 'cancel-response':
      for (const { code } of message.results) allow('cancel-result', code);
      break;
    case 'statusquery-response':
      for (const { code } of message.results) allow('statusquery-result', code);
      break;
    case 'resultnotification-message':
    case 'resultnotification-response':
    case 'ccq-response':
    case 'badmessage-response':
      allow(message.message, message.code);
      break;
    default: // questions hold no code
  }
}
