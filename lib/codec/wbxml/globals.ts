/** Global tokens, the same in every code page and document type (WAP-192 section 7.1). */
export const GLOBAL = {
  SWITCH_PAGE: 0x00,
  END: 0x01,
  ENTITY: 0x02,
  STR_I: 0x03,
  LITERAL: 0x04,
  PI: 0x43,
  STR_T: 0x83,
  OPAQUE: 0xc3,
} as const;

/** EXT_I_0 to 2, EXT_T_0 to 2, EXT_0 to 2: none of the document types here gives them a meaning. */
export const isExtension = (token: number): boolean => {
  const group = token & 0xc0;
  return group !== 0 && (token & 0x3f) <= 2;
};

/** Bits of a tag token (WAP-192 section 5.8.2). */
export const TAG = { ATTRIBUTES: 0x80, CONTENT: 0x40, CODE: 0x3f } as const;

/** UTF-8 as IANA MIBenum: the charset of every document that is written here. */
export const UTF_8 = 106;
