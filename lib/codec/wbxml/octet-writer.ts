/** Octets that grow. Text is handed over as latin1, a character an octet. */
export class OctetWriter {
  #octets = Buffer.allocUnsafe(512);
  #length = 0;

  octet(value: number): void {
    this.#reserve(1);
    this.#octets[this.#length++] = value;
  }

  /** Seven bits an octet, the highest first, the top bit on all but the last (mb_u_int32, WAP-192 section 5.1). */
  uintvar(value: number): void {
    for (let shift = 28; shift > 0; shift -= 7) {
      if (value >= 2 ** shift) this.octet(0x80 | ((value >>> shift) & 0x7f));
    }
    this.octet(value & 0x7f);
  }

  latin1(text: string): void {
    this.#reserve(text.length);
    this.#length += this.#octets.write(text, this.#length, 'latin1');
  }

  bytes(octets: Buffer): void {
    this.#reserve(octets.length);
    this.#length += octets.copy(this.#octets, this.#length);
  }

  /** A copy of what was written. */
  take(): Buffer {
    return Buffer.from(this.#octets.subarray(0, this.#length));
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#octets.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#octets.length * 2, this.#length + count));
    this.#octets.copy(larger, 0, 0, this.#length);
    this.#octets = larger;
  }
}
