const ZERO = 0x30;

/** Octets with places for numbers of a fixed width, so that a message costs a few stores and no building. */
export class Slots {
  readonly octets: Buffer;
  readonly #at: ReadonlyMap<string, { readonly offset: number; readonly width: number }[]>;

  /** In `text` a slot is `{name:width}`; the same name may stand in several places. */
  constructor(text: string) {
    const at = new Map<string, { offset: number; width: number }[]>();
    let plain = '';
    let last = 0;
    for (const found of text.matchAll(/\{(\w+):(\d+)\}/g)) {
      const [whole, name = '', digits] = found;
      plain += text.slice(last, found.index);
      const width = Number(digits);
      at.set(name, [...(at.get(name) ?? []), { offset: plain.length, width }]);
      plain += '0'.repeat(width);
      last = found.index + whole.length;
    }
    this.octets = Buffer.from(plain + text.slice(last), 'latin1');
    this.#at = at;
  }

  /** Writes `value` right-aligned, with zeros before it. */
  set(name: string, value: number): void {
    for (const { offset, width } of this.#at.get(name) ?? []) {
      let rest = value;
      for (let i = offset + width - 1; i >= offset; i--) {
        this.octets[i] = ZERO + (rest % 10);
        rest = Math.floor(rest / 10);
      }
    }
  }
}
