/** Attribute values of SI, SL and CO: how the host of a URL ends (WAP-167 section 8.3.2). */
export const URL_ENDS: readonly (readonly [page: number, code: number, text: string])[] = [
  [0, 0x85, '.com/'],
  [0, 0x86, '.edu/'],
  [0, 0x87, '.net/'],
  [0, 0x88, '.org/'],
];
