import type { HeaderField } from '../../model/push.ts';

/** How a chunk ends (RFC 4975 section 7.1): `$` the message is complete, `+` more comes, `#` it is given up. */
export type EndFlag = '$' | '+' | '#';

/** Start line and headers of a request. */
export interface MsrpRequestHead {
  readonly kind: 'request';
  readonly transaction: string;
  /** SEND, REPORT, AUTH or whatever came. */
  readonly method: string;
  readonly headers: readonly HeaderField[];
  /** True when octets of content follow, perhaps none of them. */
  readonly hasBody: boolean;
  /** What is wrong with its headers: 400. Where it ends is known all the same, and so is what stands behind it. */
  readonly malformed?: string;
}

export interface MsrpResponse {
  readonly kind: 'response';
  readonly transaction: string;
  readonly status: number;
  readonly comment: string;
  readonly headers: readonly HeaderField[];
}

/** First value of a header, its name in any case. */
export function headerOf(headers: readonly HeaderField[], name: string): string | undefined {
  const lower = name.toLowerCase();
  return headers.find((field) => field.name.length === lower.length && field.name.toLowerCase() === lower)?.value;
}

/** The code and text of a Status header (`000 413 too large`, section 7.1.2); undefined for any other namespace or form. */
export function parseStatus(value: string | undefined): { status: number; comment: string } | undefined {
  const match = /^000 (\d{3})(?: (.*))?$/.exec(value?.trim() ?? '');
  return match === null ? undefined : { status: Number(match[1]), comment: match[2] ?? '' };
}
