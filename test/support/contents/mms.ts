import { encodeMmsNotification, type MmsNotification } from '../../../lib/cli/demo/mms-notification.ts';
import { textString } from './content.ts';

export const MMS_TYPE = 'application/vnd.wap.mms-message';

export const mmsNotification = (more: Partial<MmsNotification> = {}): Buffer =>
  encodeMmsNotification({
    transactionId: 'T-8d21',
    from: '+358401234567/TYPE=PLMN',
    messageSize: 30_720,
    expiresIn: 172_800,
    contentLocation: 'http://mms.example.com/m/8d21',
    ...more,
  });

/** An m-delivery-ind (WAP-209 section 6.6): what became of the message that somebody sent. */
export function mmsDeliveryReport(of: { messageId: string; to: string; at: number; status: MmsStatus }): Buffer {
  const date = Buffer.alloc(4);
  date.writeUInt32BE(of.at);
  return Buffer.concat([
    Buffer.from([0x8c, 0x86, 0x8d, 0x90, 0x8b]),
    textString(of.messageId),
    Buffer.from([0x97]),
    textString(of.to),
    Buffer.from([0x85, date.length]),
    date,
    Buffer.from([0x95, STATUSES.indexOf(of.status) + 0x80]),
  ]);
}

export type MmsStatus = (typeof STATUSES)[number];

/** X-Mms-Status, WAP-209 section 7.2.23. */
const STATUSES = ['expired', 'retrieved', 'rejected', 'deferred', 'unrecognised'] as const;

/** What a client reads of a PDU. */
export interface MmsPdu {
  readonly type: 'm-notification-ind' | 'm-delivery-ind';
  readonly fields: Readonly<Record<string, string | number>>;
}

/** Reads the fields that these two PDUs have (WAP-209 section 7.3, table 12); throws for anything else. */
export function readMms(octets: Buffer): MmsPdu {
  const reader = new Reader(octets);
  const fields: Record<string, string | number> = {};
  let type: MmsPdu['type'] | undefined;
  while (!reader.done) {
    const code = reader.octet();
    switch (code) {
      case 0x8c:
        type = ({ 130: 'm-notification-ind', 134: 'm-delivery-ind' } as const)[reader.octet() as 0x82 | 0x86];
        break;
      case 0x8d:
        fields['version'] = (reader.octet() & 0x7f) / 16;
        break;
      case 0x98:
        fields['transactionId'] = reader.text();
        break;
      case 0x8b:
        fields['messageId'] = reader.text();
        break;
      case 0x97:
        fields['to'] = reader.text();
        break;
      case 0x83:
        fields['contentLocation'] = reader.text();
        break;
      case 0x8a:
        fields['class'] = ['personal', 'advertisement', 'informational', 'auto'][reader.octet() & 0x7f] ?? 'unknown';
        break;
      case 0x95:
        fields['status'] = STATUSES[reader.octet() & 0x7f] ?? 'unknown';
        break;
      case 0x8e:
        fields['messageSize'] = reader.longInteger();
        break;
      case 0x85:
        fields['date'] = reader.longInteger();
        break;
      case 0x89: {
        const value = reader.value();
        if (value.octet() === 0x80) fields['from'] = value.text();
        break;
      }
      case 0x88: {
        const value = reader.value();
        fields[value.octet() === 0x81 ? 'expiresIn' : 'expiresAt'] = value.longInteger();
        break;
      }
      default:
        throw new RangeError(`no field ${code.toString(16)} in an MMS PDU of these`);
    }
  }
  if (type === undefined) throw new RangeError('an MMS PDU of another type');
  return { type, fields };
}

class Reader {
  #at = 0;
  readonly #octets: Buffer;

  constructor(octets: Buffer) {
    this.#octets = octets;
  }

  get done(): boolean {
    return this.#at === this.#octets.length;
  }

  octet(): number {
    return this.#octets.readUInt8(this.#at++);
  }

  text(): string {
    const end = this.#octets.indexOf(0, this.#at);
    if (end < 0) throw new RangeError('a text without its NUL');
    const text = this.#octets.toString('latin1', this.#at, end);
    this.#at = end + 1;
    return text;
  }

  longInteger(): number {
    const length = this.octet();
    const value = this.#octets.readUIntBE(this.#at, length);
    this.#at += length;
    return value;
  }

  /** What stands behind a value-length of one octet. */
  value(): Reader {
    const length = this.octet();
    const value = new Reader(this.#octets.subarray(this.#at, this.#at + length));
    this.#at += length;
    return value;
  }
}
