/** Limits of a control document. */
export const PAP_LIMITS: {
  readonly bytes: number;
  readonly depth: number;
  readonly elements: number;
  readonly addresses: number;
  readonly attributesPerElement: number;
  readonly attributeLength: number;
} = {
  /** Octets of the document. */
  bytes: 256 * 1024,
  /** Elements within elements. */
  depth: 8,
  elements: 4000,
  /** Recipients of one message. */
  addresses: 1000,
  attributesPerElement: 32,
  /** Characters of one attribute value. */
  attributeLength: 4096,
};

/** An element as it stands in the document. */
export interface PapElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly PapElement[];
}
