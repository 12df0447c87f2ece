import { headOf, type SipTrace } from './trace.ts';

/** What a body shows of itself: `none` its size; `all` its octets, unreadable ones escaped. */
export type BodyShown = 'none' | 'all';

const MAX_LINE = 200;
const MAX_BODY = 8192;

/** Credentials do not belong in a log. */
const SECRET = /^((?:proxy-)?authorization|authentication-info)([ \t]*:[ \t]*)(\S*).*$/i;

/** `out udp 127.0.0.1:5080 > 127.0.0.1:5060 MESSAGE sip:b@example.com SIP/2.0, 812 octets, Call-ID 1@a`; one line, whatever came. */
export function traceLine(trace: SipTrace): string {
  const { direction, protocol, local, remote, octets, callId } = trace;
  const start = visible(headOf(octets.subarray(0, MAX_LINE)).split('\r\n', 1)[0] ?? '');
  const arrow = direction === 'out' ? '>' : '<';
  const call = callId === undefined ? '' : `, Call-ID ${visible(callId.slice(0, MAX_LINE))}`;
  return `${direction} ${protocol} ${local} ${arrow} ${remote} ${start}, ${octets.length} octets${call}`;
}

/** The line of addresses and below it the message; credentials are left out, and by default the body. */
export function traceText(trace: SipTrace, body: BodyShown = 'none'): string {
  const { direction, protocol, local, remote, octets } = trace;
  const head = headOf(octets);
  const lines = head.split('\r\n').map((line) => visible(line.replace(SECRET, '$1$2$3 (left out)')));
  const content = octets.subarray(Math.min(octets.length, head.length + 4));
  const arrow = direction === 'out' ? '>' : '<';
  return [`${direction} ${protocol} ${local} ${arrow} ${remote}`, ...lines, ...bodyLines(content, body)].join('\n');
}

function bodyLines(content: Buffer, body: BodyShown): string[] {
  if (content.length === 0) return [];
  if (body === 'none') return ['', `(body of ${content.length} octets)`];
  const shown = content.toString('latin1', 0, MAX_BODY).split('\r\n').map(visible);
  return ['', ...shown, ...(content.length > MAX_BODY ? [`(${content.length - MAX_BODY} octets more)`] : [])];
}

/** What a terminal or a log reader could take for something else is escaped. */
const visible = (text: string): string =>
  text.replace(/[^\x20-\x7e]/g, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`);
