/**
 * Media types of the documents that WAP defines in two forms: as XML text, and in the tokens of WBXML (WAP-192).
 * Either form can be made of the other without loss (docs/transformations.md).
 */
export interface MediaForms {
  readonly text: string;
  readonly binary: string;
}

export const MEDIA_FORMS: readonly MediaForms[] = [
  { text: 'text/vnd.wap.si', binary: 'application/vnd.wap.sic' }, // WAP-167 section 8
  { text: 'text/vnd.wap.sl', binary: 'application/vnd.wap.slc' }, // WAP-168 section 8
  { text: 'text/vnd.wap.co', binary: 'application/vnd.wap.coc' }, // WAP-175 section 8
  { text: 'text/vnd.wap.emn+xml', binary: 'application/vnd.wap.emn+wbxml' },
  { text: 'text/vnd.wap.connectivity-xml', binary: 'application/vnd.wap.connectivity-wbxml' }, // WAP-183 section 8
];

const OTHER_FORM: ReadonlyMap<string, string> = new Map(
  MEDIA_FORMS.flatMap(({ text, binary }) => [
    [text, binary],
    [binary, text],
  ]),
);

/** The type of the other form of content; `type` in lower case, without parameters. */
export const otherForm = (type: string): string | undefined => OTHER_FORM.get(type);

/** Whether `type` is in a list of types a device told, `text/*` and `*\/*` among them. All in lower case, without parameters. */
export const isTold = (type: string, told: readonly string[]): boolean =>
  told.some((each) => each === type || each === '*/*' || (each.endsWith('/*') && type.startsWith(each.slice(0, -1))));

/**
 * The type under which content of `type` may go to a device that told `told`: its own, else that of its other form;
 * undefined when neither was told. It says what could be done: content that must not be changed
 * (`Cache-Control: no-transform`, a MAC over the octets) is found out by who would change it, and is PAP 3006.
 */
export function canBecome(type: string, told: readonly string[]): string | undefined {
  if (isTold(type, told)) return type;
  const other = otherForm(type);
  return other !== undefined && isTold(other, told) ? other : undefined;
}
