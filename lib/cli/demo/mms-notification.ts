/** What an m-notification-ind tells a phone: a picture message lies at the MMSC. */
export interface MmsNotification {
  readonly transactionId: string;
  /** Sender, as `+358401234567/TYPE=PLMN` or an e-mail address. */
  readonly from: string;
  /** Octets of the message that waits. */
  readonly messageSize: number;
  /** Seconds until the MMSC throws it away. */
  readonly expiresIn: number;
  /** Where the phone fetches it. */
  readonly contentLocation: string;
}

// Field codes and values of WAP-209 (MMS Encapsulation 1.0/1.1) section 7.3, table 12
const MESSAGE_TYPE = [0x8c, 0x82]; // m-notification-ind
const TRANSACTION_ID = 0x98;
const VERSION_1_0 = [0x8d, 0x90];
const FROM = 0x89;
const ADDRESS_PRESENT = 0x80;
const MESSAGE_CLASS_PERSONAL = [0x8a, 0x80];
const MESSAGE_SIZE = 0x8e;
const EXPIRY = 0x88;
const RELATIVE = 0x81;
const CONTENT_LOCATION = 0x83;

/** Value-length of one octet (WAP-230 section 8.4.2.2). */
const LONGEST_SHORT_VALUE = 30;

/**
 * Encodes an m-notification-ind (WAP-209 section 6.2): type, transaction id and version come first, in this order.
 * Full of NULs, since every text in it ends with one. Throws RangeError for texts that are too long or not ASCII.
 */
export function encodeMmsNotification(notification: MmsNotification): Buffer {
  const { transactionId, from, messageSize, expiresIn, contentLocation } = notification;
  return Buffer.concat([
    Buffer.from(MESSAGE_TYPE),
    Buffer.from([TRANSACTION_ID]),
    textString(transactionId),
    Buffer.from(VERSION_1_0),
    Buffer.from([FROM]),
    shortValue(Buffer.from([ADDRESS_PRESENT]), textString(from)),
    Buffer.from(MESSAGE_CLASS_PERSONAL),
    Buffer.from([MESSAGE_SIZE]),
    longInteger(messageSize),
    Buffer.from([EXPIRY]),
    shortValue(Buffer.from([RELATIVE]), longInteger(expiresIn)),
    Buffer.from([CONTENT_LOCATION]),
    textString(contentLocation),
  ]);
}

/** Text and its NUL (WAP-230 section 8.4.2.1); a quote would be needed before octets above 127. */
function textString(text: string): Buffer {
  if (!/^[\x20-\x7e]{1,255}$/.test(text)) throw new RangeError('a text is 1 to 255 printable ASCII characters');
  return Buffer.from(`${text}\0`, 'latin1');
}

/** Number of octets, then the number, most significant octet first. */
function longInteger(value: number): Buffer {
  if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff) throw new RangeError('a number of 32 bits');
  const octets = [];
  for (let rest = value; rest > 0 || octets.length === 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  return Buffer.from([octets.length, ...octets]);
}

function shortValue(...parts: Buffer[]): Buffer {
  const value = Buffer.concat(parts);
  if (value.length > LONGEST_SHORT_VALUE) throw new RangeError(`a value is at most ${LONGEST_SHORT_VALUE} octets`);
  return Buffer.concat([Buffer.from([value.length]), value]);
}
