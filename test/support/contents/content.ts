/** A push content as a Push Initiator would send it. */
export interface SampleContent {
  /** Media type with its parameters. */
  readonly type: string;
  /** X-Wap-Application-Id as the initiator writes it; undefined: it names none. */
  readonly application?: string;
  /** What devices register in `+g.oma.pusheventapp` for it. */
  readonly tag: string;
  readonly body: Buffer;
}

/** Variable-length unsigned integer (WSP, WAP-230 section 8.1.2): seven bits an octet, the last without the top bit. */
export function uintvar(value: number): Buffer {
  const octets = [value & 0x7f];
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) octets.unshift(0x80 | (rest & 0x7f));
  return Buffer.from(octets);
}

/** Text and its NUL (WAP-230 section 8.4.2.1). */
export const textString = (text: string): Buffer => Buffer.from(`${text}\0`, 'latin1');

/** Bits behind one another, most significant first, filled up with zeros. */
export class Bits {
  #text = '';

  put(value: number, bits: number): this {
    this.#text += value.toString(2).padStart(bits, '0').slice(-bits);
    return this;
  }

  octets(octets: Buffer): this {
    for (const octet of octets) this.put(octet, 8);
    return this;
  }

  get buffer(): Buffer {
    const whole = this.#text.padEnd(Math.ceil(this.#text.length / 8) * 8, '0');
    return Buffer.from((whole.match(/.{8}/g) ?? []).map((octet) => Number.parseInt(octet, 2)));
  }
}
