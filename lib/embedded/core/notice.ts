import { randomToken } from '../../base/ids.ts';
import { splitList } from '../../codec/sip/list.ts';
import type { SipRequest, SipResponse } from '../../codec/sip/message.ts';
import { parseSip } from '../../codec/sip/parse.ts';
import { writeSip } from '../../codec/sip/write.ts';
import type { Binding } from './binding.ts';
import type { Notice } from './third-party-register.ts';

const NOTHING = Buffer.alloc(0);

/**
 * What an application server is told of a REGISTER that changed a user's contacts: the REGISTER as it came, and its 200
 * when that has a GRUU in it, which is nowhere else to be learned.
 * @param left the user's contacts after it
 */
export function noticeOf(
  register: Buffer,
  response: SipResponse,
  left: readonly Binding[],
  now: number,
  farewell: boolean,
): Notice {
  const expires = secondsLeft(left, now);
  const hasGruu = response.headers.all('Contact').some((contact) => contact.includes(';pub-gruu='));
  if (!hasGruu) return { expires, contentType: 'message/sip', body: register, farewell };
  const boundary = `part-${randomToken(12)}`;
  const contentType = `multipart/mixed;boundary="${boundary}"`;
  return { expires, contentType, body: multipart(boundary, [register, writeSip(response)]), farewell };
}

/** The state of a user, for an application server that may have missed something. */
export function stateNotices(
  contacts: readonly Binding[],
  answer: (request: SipRequest) => SipResponse,
  now: number,
): Notice[] {
  if (contacts.length === 0) return [{ expires: 0, body: NOTHING, farewell: true }];
  // One REGISTER may have brought several contacts.
  const registers = new Map<string, Binding[]>();
  for (const contact of contacts) {
    const octets = contact.register.toString('latin1');
    registers.set(octets, [...(registers.get(octets) ?? []), contact]);
  }
  return [...registers.values()].map((brought) => {
    const request = registerIn(brought);
    if (request === undefined) return { expires: secondsLeft(contacts, now), body: NOTHING, farewell: false };
    return noticeOf(registerOctets(request, brought), answer(request), contacts, now, false);
  });
}

/** The REGISTER as it came, unless it names contacts that have gone since: then those that it brought and that are left. */
function registerOctets(request: SipRequest, [first, ...others]: readonly Binding[]): Buffer {
  const named = request.headers.all('Contact').flatMap((value) => splitList(value)).length;
  if (first === undefined) return NOTHING;
  if (named === others.length + 1) return first.register;
  const headers = request.headers.clone().remove('Contact');
  for (const { contact, parameters } of [first, ...others]) headers.add('Contact', `<${contact}>${parameters}`);
  return writeSip({ ...request, headers });
}

function registerIn([binding]: readonly Binding[]): SipRequest | undefined {
  try {
    const message = parseSip(binding?.register ?? NOTHING);
    return message.kind === 'request' ? message : undefined;
  } catch {
    // It was read once, when it came; a damaged store may bring it back otherwise. The user is told of without it.
    return undefined;
  }
}

/** Seconds until the last contact is gone; the user is registered as long as one is there. */
function secondsLeft(contacts: readonly Binding[], now: number): number {
  let last = now;
  for (const { expiresAt } of contacts) last = Math.max(last, expiresAt);
  return Math.ceil((last - now) / 1000);
}

/** RFC 2046 section 5.1.1; the parts go in as they are. */
function multipart(boundary: string, messages: readonly Buffer[]): Buffer {
  const head = Buffer.from(`--${boundary}\r\nContent-Type: message/sip\r\n\r\n`);
  const between = Buffer.from('\r\n');
  return Buffer.concat([
    ...messages.flatMap((message) => [head, message, between]),
    Buffer.from(`--${boundary}--\r\n`),
  ]);
}
