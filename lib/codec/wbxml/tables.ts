import { CO } from './table-co.ts';
import { EMN } from './table-emn.ts';
import { PROV } from './table-prov.ts';
import { SI } from './table-si.ts';
import { SL } from './table-sl.ts';
import type { DocumentKind, TokenTable } from './token-table.ts';

/** Every document type that is known. */
export const TABLES: readonly TokenTable[] = [SI, SL, CO, EMN, PROV];

const by = <K>(key: (table: TokenTable) => K): ReadonlyMap<K, TokenTable> =>
  new Map(TABLES.map((table) => [key(table), table]));

const BY_KIND = by((table) => table.kind);
const BY_NUMBER = by((table) => table.publicNumber);
const BY_PUBLIC_ID = by((table) => table.publicId);
const BY_ROOT = by((table) => table.root);

export const tableOfKind = (kind: DocumentKind): TokenTable | undefined => BY_KIND.get(kind);
export const tableOfNumber = (number: number): TokenTable | undefined => BY_NUMBER.get(number);
export const tableOfPublicId = (publicId: string): TokenTable | undefined => BY_PUBLIC_ID.get(publicId);
/** By the document element; each type has its own. */
export const tableOfRoot = (root: string): TokenTable | undefined => BY_ROOT.get(root);

const BY_MEDIA_TYPE: Readonly<Record<string, DocumentKind>> = {
  'text/vnd.wap.si': 'si',
  'application/vnd.wap.sic': 'si',
  'text/vnd.wap.sl': 'sl',
  'application/vnd.wap.slc': 'sl',
  'text/vnd.wap.co': 'co',
  'application/vnd.wap.coc': 'co',
  'text/vnd.wap.emn+xml': 'emn',
  'application/vnd.wap.emn+wbxml': 'emn',
  'text/vnd.wap.connectivity-xml': 'prov',
  'application/vnd.wap.connectivity-wbxml': 'prov',
};

/** By the media type of either form, in lower case and without parameters. */
export const kindOfMediaType = (type: string): DocumentKind | undefined =>
  Object.hasOwn(BY_MEDIA_TYPE, type) ? BY_MEDIA_TYPE[type] : undefined;
