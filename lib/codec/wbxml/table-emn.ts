import { defineTable, type TokenTable } from './token-table.ts';

/** E-Mail Notification 1.0 (OMA-Push-EMN-V1_0). */
export const EMN: TokenTable = defineTable({
  kind: 'emn',
  publicNumber: 0x0d,
  publicId: '-//WAPFORUM//DTD EMN 1.0//EN',
  systemId: 'http://www.wapforum.org/DTD/emn.dtd',
  root: 'emn',
  version: 0x03,
  textElements: [],
  dates: ['timestamp'],
  tags: [[0, 0x05, 'emn']],
  starts: [
    [0, 0x05, 'timestamp'],
    [0, 0x06, 'mailbox'],
    [0, 0x07, 'mailbox', 'mailat:'],
    [0, 0x08, 'mailbox', 'pop://'],
    [0, 0x09, 'mailbox', 'imap://'],
    [0, 0x0a, 'mailbox', 'http://'],
    [0, 0x0b, 'mailbox', 'http://www.'],
    [0, 0x0c, 'mailbox', 'https://'],
    [0, 0x0d, 'mailbox', 'https://www.'],
  ],
  // without the slash that the values of SI, SL and CO have
  values: [
    [0, 0x85, '.com'],
    [0, 0x86, '.edu'],
    [0, 0x87, '.net'],
    [0, 0x88, '.org'],
  ],
});
