import { defineTable, type TokenTable } from './token-table.ts';
import { URL_ENDS } from './url-ends.ts';

/** Service Loading 1.0: WAP-168 sections 7 (DTD) and 8 (tokens). */
export const SL: TokenTable = defineTable({
  kind: 'sl',
  publicNumber: 0x06,
  publicId: '-//WAPFORUM//DTD SL 1.0//EN',
  systemId: 'http://www.wapforum.org/DTD/sl.dtd',
  root: 'sl',
  version: 0x02,
  textElements: [],
  dates: [],
  tags: [[0, 0x05, 'sl']],
  starts: [
    [0, 0x05, 'action', 'execute-low'],
    [0, 0x06, 'action', 'execute-high'],
    [0, 0x07, 'action', 'cache'],
    [0, 0x08, 'href'],
    [0, 0x09, 'href', 'http://'],
    [0, 0x0a, 'href', 'http://www.'],
    [0, 0x0b, 'href', 'https://'],
    [0, 0x0c, 'href', 'https://www.'],
  ],
  values: URL_ENDS,
});
