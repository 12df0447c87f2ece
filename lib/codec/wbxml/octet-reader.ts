import { charsetName, charsetOfMib, decodeCharset, isWide } from '../mime/charset.ts';
import { refused, tooLarge, WBXML_LIMITS } from './document.ts';

/** Reads the parts of a WBXML document in their order; every error tells the octet where it was found. */
export class OctetReader {
  readonly #octets: Buffer;
  #at = 0;
  #charset = 'utf-8';
  #strings: Buffer = Buffer.alloc(0);
  #characters = 0;

  constructor(octets: Buffer) {
    this.#octets = octets;
  }

  get atEnd(): boolean {
    return this.#at >= this.#octets.length;
  }

  fail(message: string, at: number = this.#at): never {
    throw refused(`octet ${at}: ${message}`);
  }

  octet(): number {
    const value = this.#octets[this.#at];
    if (value === undefined) return this.fail('the document ends too soon');
    this.#at++;
    return value;
  }

  peek(ahead = 0): number | undefined {
    return this.#octets[this.#at + ahead];
  }

  /** mb_u_int32 (WAP-192 section 5.1). */
  uintvar(): number {
    const begin = this.#at;
    let value = 0;
    for (let count = 0; count < 5; count++) {
      const octet = this.octet();
      value = value * 128 + (octet & 0x7f);
      if (octet < 0x80) return value <= 0xffff_ffff ? value : this.fail('a number of more than 32 bits', begin);
    }
    return this.fail('a number of more than 32 bits', begin);
  }

  bytes(count: number): Buffer {
    if (count > this.#octets.length - this.#at) return this.fail(`${count} octets are told, fewer are there`);
    const begin = this.#at;
    this.#at += count;
    return this.#octets.subarray(begin, this.#at);
  }

  /** The charset of the prologue; 0 leaves it to the transport, then to UTF-8 (WAP-192 section 5.6). */
  charset(transport = 'utf-8'): void {
    const begin = this.#at;
    const mib = this.uintvar();
    const name = mib === 0 ? charsetName(transport) : charsetOfMib(mib);
    this.#charset = name ?? this.fail(`the charset ${mib} (MIBenum) is not known`, begin);
  }

  stringTable(): void {
    this.#strings = this.bytes(this.uintvar());
  }

  /** STR_I: up to its NUL. */
  inline(): string {
    const begin = this.#at;
    const end = endOf(this.#octets, begin, this.#charset);
    if (end === undefined) return this.fail('a string without an end');
    this.#at = end + (isWide(this.#charset) ? 2 : 1);
    return this.text(this.#octets.subarray(begin, end));
  }

  /** STR_T: the string at an offset of the string table. The NUL of the last one may be missing. */
  reference(): string {
    const begin = this.#at;
    const offset = this.uintvar();
    return this.#stringAt(offset) ?? this.fail(`nothing stands at ${offset} in the string table`, begin);
  }

  /** As {@link reference}, from an offset that was read before. */
  stringAt(offset: number): string {
    return this.#stringAt(offset) ?? this.fail(`nothing stands at ${offset} in the string table`);
  }

  #stringAt(offset: number): string | undefined {
    if (offset >= this.#strings.length) return undefined;
    const end = endOf(this.#strings, offset, this.#charset) ?? this.#strings.length;
    return this.text(this.#strings.subarray(offset, end));
  }

  /** ENTITY: a character by its number. */
  entity(): string {
    const begin = this.#at;
    const code = this.uintvar();
    if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return this.fail(`${code} is no character`, begin);
    return this.#counted(String.fromCodePoint(code));
  }

  /** Octets of the document's charset as text. */
  text(octets: Buffer): string {
    return this.#counted(decodeCharset(octets, this.#charset));
  }

  #counted(text: string): string {
    this.#characters += text.length;
    if (this.#characters > WBXML_LIMITS.characters) throw tooLarge(`${WBXML_LIMITS.characters} characters`);
    return text;
  }
}

/** Where the NUL of a string is that begins at `begin`. */
function endOf(octets: Buffer, begin: number, charset: string): number | undefined {
  if (!isWide(charset)) {
    const end = octets.indexOf(0, begin);
    return end < 0 ? undefined : end;
  }
  for (let at = begin; at + 1 < octets.length; at += 2) {
    if (octets[at] === 0 && octets[at + 1] === 0) return at;
  }
  return undefined;
}
