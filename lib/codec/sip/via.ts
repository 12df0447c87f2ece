import { formatHostPort, parseHostPort } from './host.ts';
import { formatParams, type Param, paramOf, parseParams } from './params.ts';
import { excerpt, isToken, skipBlank, syntaxError } from './syntax.ts';

/** One element of a Via (RFC 3261 section 20.42). */
export interface Via {
  /** Protocol name and version, where it is not `SIP/2.0`: the grammar has tokens here, and a 505 must find its way back. */
  readonly protocol?: string;
  /** As written: `UDP`, `TCP`, `TLS` or another token. */
  readonly transport: string;
  /** sent-by. */
  readonly host: string;
  readonly port?: number;
  readonly params: readonly Param[];
}

/** RFC 3261 section 8.1.1.7: a branch that begins so is unique and identifies the transaction. */
export const MAGIC_COOKIE = 'z9hG4bK';

const SIP_2 = 'SIP/2.0';

/** sent-protocol up to the transport; each token ends where its class does, so that nothing is tried twice. */
const PROTOCOL = /^([!%'*+\-.0-9A-Z_`a-z~]+)[ \t]*\/[ \t]*([!%'*+\-.0-9A-Z_`a-z~]+)[ \t]*\/[ \t]*/;

/** Reads one Via element; throws PPG_E_SIP_SYNTAX. */
export function parseVia(text: string): Via {
  let at = 8;
  let protocol: string | undefined;
  if (!text.startsWith('SIP/2.0/') || text.charCodeAt(8) <= 0x20) {
    const match = PROTOCOL.exec(text);
    if (match === null) throw syntaxError(`not a Via: ${excerpt(text)}`);
    at = match[0].length;
    const written = `${match[1]}/${match[2]}`;
    if (written.toUpperCase() !== SIP_2) protocol = written;
  }
  let end = at;
  while (end < text.length && text.charCodeAt(end) > 0x20) end++;
  const transport = text.slice(at, end);
  at = skipBlank(text, end);
  if (!isToken(transport) || at === end) throw syntaxError(`not a Via: ${excerpt(text)}`);
  const semicolon = text.indexOf(';', at);
  end = semicolon < 0 ? text.length : semicolon;
  const sentBy = parseHostPort(squeezed(text.slice(at, end)));
  const params = semicolon < 0 ? [] : parseParams(text, semicolon);
  return protocol === undefined ? { transport, ...sentBy, params } : { protocol, transport, ...sentBy, params };
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
  `${via.protocol ?? SIP_2}/${via.transport} ${formatHostPort(via)}${formatParams(via.params)}`;

export const branchOf = (via: Via): string | undefined => paramOf(via.params, 'branch');
