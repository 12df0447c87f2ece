import { defineTable, type TokenTable } from './token-table.ts';
import { URL_ENDS } from './url-ends.ts';

/** Cache Operation 1.0: WAP-175 sections 7 (DTD) and 8 (tokens). */
export const CO: TokenTable = defineTable({
  kind: 'co',
  publicNumber: 0x07,
  publicId: '-//WAPFORUM//DTD CO 1.0//EN',
  systemId: 'http://www.wapforum.org/DTD/co_1.0.dtd',
  root: 'co',
  version: 0x02,
  textElements: [],
  dates: [],
  tags: [
    [0, 0x05, 'co'],
    [0, 0x06, 'invalidate-object'],
    [0, 0x07, 'invalidate-service'],
  ],
  starts: [
    [0, 0x05, 'uri'],
    [0, 0x06, 'uri', 'http://'],
    [0, 0x07, 'uri', 'http://www.'],
    [0, 0x08, 'uri', 'https://'],
    [0, 0x09, 'uri', 'https://www.'],
  ],
  values: URL_ENDS,
});
