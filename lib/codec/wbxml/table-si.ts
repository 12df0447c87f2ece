import { defineTable, type TokenTable } from './token-table.ts';
import { URL_ENDS } from './url-ends.ts';

/** Service Indication 1.0: WAP-167 sections 7 (DTD) and 8 (tokens). */
export const SI: TokenTable = defineTable({
  kind: 'si',
  publicNumber: 0x05,
  publicId: '-//WAPFORUM//DTD SI 1.0//EN',
  systemId: 'http://www.wapforum.org/DTD/si.dtd',
  root: 'si',
  version: 0x02,
  textElements: ['indication', 'item'],
  dates: ['created', 'si-expires'],
  tags: [
    [0, 0x05, 'si'],
    [0, 0x06, 'indication'],
    [0, 0x07, 'info'],
    [0, 0x08, 'item'],
  ],
  starts: [
    [0, 0x05, 'action', 'signal-none'],
    [0, 0x06, 'action', 'signal-low'],
    [0, 0x07, 'action', 'signal-medium'],
    [0, 0x08, 'action', 'signal-high'],
    [0, 0x09, 'action', 'delete'],
    [0, 0x0a, 'created'],
    [0, 0x0b, 'href'],
    [0, 0x0c, 'href', 'http://'],
    [0, 0x0d, 'href', 'http://www.'],
    [0, 0x0e, 'href', 'https://'],
    [0, 0x0f, 'href', 'https://www.'],
    [0, 0x10, 'si-expires'],
    [0, 0x11, 'si-id'],
    [0, 0x12, 'class'],
  ],
  values: URL_ENDS,
});
