import { PpgError } from '../../base/errors.ts';
import { randomToken } from '../../base/ids.ts';
import type { HeaderField } from '../../model/push.ts';
import { type ByteRange, formatByteRange } from './byte-range.ts';
import type { EndFlag } from './message.ts';

/** A SEND without its content. */
export interface SendHead {
  readonly transaction: string;
  readonly toPath: string;
  readonly fromPath: string;
  readonly messageId: string;
  readonly range: ByteRange;
  /** Ask for a REPORT once the message has come; default no. */
  readonly successReport?: boolean;
  /** Default yes: every chunk is answered. */
  readonly failureReport?: 'yes' | 'no' | 'partial';
  /** Further headers, before Content-Type. */
  readonly headers?: readonly HeaderField[];
  /** Undefined: a SEND without content, as binds a session to its connection. */
  readonly contentType: string | undefined;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not pass
const FORBIDDEN = /[\u0000-\u0008\u000a-\u001f\u007f]/;
const NAME = /^[A-Za-z][A-Za-z0-9\-!%'*+.^_`{|}~#$&]{0,127}$/;

/** True when it can stand in an MSRP message as it is (RFC 4975 section 9: hname and utf8text). */
export const isMsrpHeader = ({ name, value }: HeaderField): boolean => NAME.test(name) && !FORBIDDEN.test(value);

/**
 * Start line and headers of a SEND; with content, the octets follow and then `endLine`. Throws PPG_E_MSRP_SYNTAX for a
 * header that would not stay one.
 */
export function writeSendHead(head: SendHead): string {
  const { transaction, toPath, fromPath, messageId, range, contentType, failureReport = 'yes' } = head;
  let text = `MSRP ${transaction} SEND\r\nTo-Path: ${toPath}\r\nFrom-Path: ${fromPath}\r\nMessage-ID: ${messageId}\r\n`;
  if (head.successReport === true) text += 'Success-Report: yes\r\n';
  if (failureReport !== 'yes') text += `Failure-Report: ${failureReport}\r\n`;
  text += `Byte-Range: ${formatByteRange(range)}\r\n`;
  for (const field of head.headers ?? []) text += line(field);
  // Content-Type is the last header there is (section 9: content-stuff).
  return contentType === undefined ? text : `${text}${line({ name: 'Content-Type', value: contentType })}\r\n`;
}

/** A whole request without content, as AUTH is (RFC 4976 section 5.1). Throws as writeSendHead. */
export function writeRequest(head: {
  readonly transaction: string;
  readonly method: string;
  readonly toPath: string;
  readonly fromPath: string;
  readonly headers: readonly HeaderField[];
}): string {
  const { transaction, method, toPath, fromPath, headers } = head;
  const fields = headers.map(line).join('');
  return `MSRP ${transaction} ${method}\r\nTo-Path: ${toPath}\r\nFrom-Path: ${fromPath}\r\n${fields}${endLine(transaction, '$', false)}`;
}

/** What ends a chunk: behind its content, or behind its headers when it has none. */
export const endLine = (transaction: string, flag: EndFlag, hasContent: boolean): string =>
  `${hasContent ? '\r\n' : ''}-------${transaction}${flag}\r\n`;

/** An answer (section 7.2); To-Path is the first URI of the request's From-Path, From-Path that of its To-Path. */
export const writeResponse = (
  transaction: string,
  status: number,
  comment: string,
  toPath: string,
  fromPath: string,
): string =>
  `MSRP ${transaction} ${status}${comment === '' ? '' : ` ${comment}`}\r\nTo-Path: ${toPath}\r\nFrom-Path: ${fromPath}\r\n-------${transaction}$\r\n`;

export interface Report {
  readonly transaction: string;
  readonly toPath: string;
  readonly fromPath: string;
  readonly messageId: string;
  readonly range: ByteRange;
  readonly status: number;
  readonly comment: string;
}

/** A REPORT (section 7.1.2). */
export const writeReport = ({ transaction, toPath, fromPath, messageId, range, status, comment }: Report): string =>
  `MSRP ${transaction} REPORT\r\nTo-Path: ${toPath}\r\nFrom-Path: ${fromPath}\r\nMessage-ID: ${messageId}\r\n` +
  `Byte-Range: ${formatByteRange(range)}\r\nStatus: 000 ${status}${comment === '' ? '' : ` ${comment}`}\r\n-------${transaction}$\r\n`;

function line(field: HeaderField): string {
  if (!isMsrpHeader(field)) throw new PpgError('PPG_E_MSRP_SYNTAX', 'a header cannot stand in an MSRP message');
  return `${field.name}: ${field.value}\r\n`;
}

/**
 * Makes transaction ids (ident of 4 to 32 characters): unpredictable, different from each other, and none that occurs in
 * the content it is to frame (section 7.1: the end-line must not).
 */
export function transactionIds(random: () => string = () => randomToken(8)): (content?: Buffer) => string {
  let prefix = random();
  let count = 0;
  return (content) => {
    for (;;) {
      const id = `${prefix}${(count++).toString(36)}`;
      if (content === undefined || !content.includes(id, 0, 'latin1')) return id;
      prefix = random();
    }
  };
}
