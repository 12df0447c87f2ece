import { formatHostPort, parseHostPort } from './host.ts';
import { formatParams, type Param, paramOf, parseParams } from './params.ts';
import { excerpt, isToken, skipBlank, syntaxError } from './syntax.ts';

/** One element of a Via (RFC 3261 section 20.42). */
export interface Via {
  /** As written: `UDP`, `TCP`, `TLS` or another token. */
  readonly transport: string;
  /** sent-by. */
  readonly host: string;
  readonly port?: number;
  readonly params: readonly Param[];
}

/** RFC 3261 section 8.1.1.7: a branch that begins so is unique and identifies the transaction. */
export const MAGIC_COOKIE = 'z9hG4bK';

const PROTOCOL = /^SIP[ \t]*\/[ \t]*2\.0[ \t]*\/[ \t]*/i;

/** Reads one Via element; throws PPG_E_SIP_SYNTAX. */
export function parseVia(text: string): Via {
  let at = 8;
  if (!text.startsWith('SIP/2.0/') || text.charCodeAt(8) <= 0x20) {
    const match = PROTOCOL.exec(text);
    if (match === null) throw syntaxError(`not a Via: ${excerpt(text)}`);
    at = match[0].length;
  }
  let end = at;
  while (end < text.length && text.charCodeAt(end) > 0x20) end++;
  const transport = text.slice(at, end);
  at = skipBlank(text, end);
  if (!isToken(transport) || at === end) throw syntaxError(`not a Via: ${excerpt(text)}`);
  const semicolon = text.indexOf(';', at);
  end = semicolon < 0 ? text.length : semicolon;
  const sentBy = parseHostPort(squeezed(text.slice(at, end)));
  return { transport, ...sentBy, params: semicolon < 0 ? [] : parseParams(text, semicolon) };
}

/** LWS is allowed around the colon of sent-by (RFC 3261 section 25.1, COLON). */
function squeezed(sentBy: string): string {
  const trimmed = sentBy.trim();
  if (!trimmed.includes(' ') && !trimmed.includes('\t')) return trimmed;
  return trimmed
    .split(':')
    .map((part) => part.trim())
    .join(':');
}

export const formatVia = (via: Via): string =>
  `SIP/2.0/${via.transport} ${formatHostPort(via)}${formatParams(via.params)}`;

export const branchOf = (via: Via): string | undefined => paramOf(via.params, 'branch');
