import { randomToken } from '../base/ids.ts';
import { type CSeq, parseCSeq } from '../codec/sip/cseq.ts';
import {
  type DigestChallenge,
  digestResponse,
  formatCredentials,
  nextNonce,
  nonceCount,
  parseChallenges,
  strongest,
} from '../codec/sip/digest.ts';
import { canonicalName } from '../codec/sip/message.ts';
import type { HeaderField } from '../model/push.ts';
import type { Challenged, DialogAnswer, OutboundRequest } from './leg.ts';

/** Whom the gateway says it is when a proxy or server asks. */
export interface SipCredentials {
  /** The realm they are for; without one they answer every realm that has none of its own. */
  readonly realm?: string | undefined;
  readonly username: string;
  readonly password: string;
}

/**
 * CSeq numbers that one sending of a request may use up: itself, and what repeats it with credentials. Who numbers
 * attempts leaves that much room between them, so that no later attempt meets a number that was used (RFC 3261
 * section 22.2 has each repetition raise the CSeq).
 */
export const CSEQS_PER_ATTEMPT = 8;

/** Octets that credentials for one realm take, with names of usual length. */
export const CREDENTIALS_ROOM = 480;

/** What a sending came to; whoever sends may tell more than the answer. */
export interface Sent {
  readonly answer: DialogAnswer;
}

export interface DigestClient {
  /**
   * Sends, and repeats the request with credentials where it is challenged and there are some: once for each realm,
   * once more for one whose nonce was stale. What is known of earlier challenges goes along at once. Never rejects
   * unless `send` does.
   */
  exchange<S extends Sent>(request: OutboundRequest, send: (request: OutboundRequest) => Promise<S>): Promise<S>;
  /**
   * The same for a request within a dialog, whose CSeq is the dialog's own. `place` is where it goes: the request that
   * made the dialog. Never rejects unless `send` does.
   */
  within<S extends Sent>(
    place: Pick<OutboundRequest, 'uri' | 'nextHop'>,
    request: Challenged,
    send: (credentials: readonly HeaderField[]) => Promise<S>,
  ): Promise<S>;
}

/** 401 is asked by the one that the request is for, 407 by a proxy on the way (RFC 3261 sections 22.2 and 22.3). */
interface Asker {
  readonly challenge: string;
  readonly credentials: string;
  readonly info: string;
}

const SERVER: Asker = {
  challenge: 'WWW-Authenticate',
  credentials: 'Authorization',
  info: 'Authentication-Info',
};
const PROXY: Asker = {
  challenge: 'Proxy-Authenticate',
  credentials: 'Proxy-Authorization',
  info: 'Proxy-Authentication-Info', // RFC 7615
};

const askerOf = ({ answer }: Sent): Asker | undefined => {
  if (answer.kind !== 'response') return undefined;
  if (answer.status === 401) return SERVER;
  return answer.status === 407 ? PROXY : undefined;
};

/** A nonce in use. The cnonce stays with it, since the session algorithms make their key of both. */
interface Session {
  challenge: DigestChallenge;
  readonly credentials: SipCredentials;
  readonly cnonce: string;
  /** Requests sent with the nonce. */
  count: number;
}

/** Sessions of one asker, by realm. */
type Sessions = Map<string, Session>;

/** Next hops and hosts whose nonces are remembered; the one longest unused goes. */
const MAX_PLACES = 1_000;

/** Realms that one place may ask for; those of a fork's branches come together. */
const MAX_REALMS = 8;

/** RFC 7616 section 3.4: the count has eight hexadecimal digits. */
const LAST_COUNT = 0xff_ff_ff_ff;

/** Answers digest challenges (RFC 3261 section 22, RFC 8760) for requests that a leg sends. */
export function createDigestClient(credentials: readonly SipCredentials[]): DigestClient {
  const places = new Map<string, Sessions>();

  function sessionsAt(place: string): Sessions {
    const known = places.get(place) ?? new Map<string, Session>();
    places.delete(place);
    places.set(place, known);
    if (places.size > MAX_PLACES) for (const oldest of places.keys()) if (places.delete(oldest)) break;
    return known;
  }

  const credentialsFor = (realm: string): SipCredentials | undefined =>
    credentials.find((one) => one.realm === realm) ?? credentials.find((one) => one.realm === undefined);

  /** Takes up the challenges that there are credentials for, the strongest of each realm; answers their realms. */
  function takeUp({ answer }: Sent, asker: Asker, sessions: Sessions): Map<string, DigestChallenge> {
    const taken = new Map<string, DigestChallenge>();
    for (const [realm, offered] of byRealm(challengesOf(answer, asker))) {
      const mine = credentialsFor(realm);
      const challenge = strongest(offered);
      if (mine === undefined || challenge === undefined || taken.size === MAX_REALMS) continue;
      taken.set(realm, challenge);
      sessions.delete(realm);
      sessions.set(realm, { challenge, credentials: mine, cnonce: randomToken(12), count: 0 });
      if (sessions.size > MAX_REALMS) for (const oldest of sessions.keys()) if (sessions.delete(oldest)) break;
    }
    return taken;
  }

  async function negotiate<S extends Sent>(
    { uri, nextHop }: Pick<OutboundRequest, 'uri' | 'nextHop'>,
    request: Challenged,
    send: (credentials: readonly HeaderField[], more: number) => Promise<S>,
  ): Promise<S> {
    const places: readonly [Asker, string][] = [
      [SERVER, `server ${hostOf(uri)}`],
      [PROXY, `proxy ${nextHop ?? hostOf(uri)}`],
    ];
    /** Answers given to challenges of this very request, by asker and realm. */
    const given = new Map<string, number>();
    for (let sent = 0; ; sent++) {
      const used = places.map(([asker, place]) => ({ asker, sessions: sessionsAt(place) }));
      const outcome = await send(authorizations(request, used), sent);
      const asker = askerOf(outcome);
      const here = used.find((one) => one.asker === asker);
      if (asker === undefined || here === undefined) {
        for (const one of used) takeNextNonce(outcome, one.asker, one.sessions);
        return outcome;
      }
      const taken = takeUp(outcome, asker, here.sessions);
      let refused = false;
      for (const [realm, { stale }] of taken) {
        const key = `${asker.credentials} ${realm}`;
        const before = given.get(key) ?? 0;
        given.set(key, before + 1);
        // Asked again for what was just given: the password is wrong, unless only the nonce was old.
        if (before > 1 || (before === 1 && !stale)) refused = true;
      }
      if (refused) for (const realm of taken.keys()) here.sessions.delete(realm);
      if (refused || taken.size === 0 || sent + 1 === CSEQS_PER_ATTEMPT) return outcome;
    }
  }

  return {
    exchange(request, send) {
      const cseq = cseqOf(request);
      // A tel: URI is rewritten by the leg, and the digest is of what it becomes.
      if (cseq === undefined || /^tel:/i.test(request.uri)) return send(request);
      return negotiate(request, request, (fields, more) => send(numbered(request, cseq, more, fields)));
    },
    within: negotiate,
  };
}

/** Challenges that cannot be read are none: the answer they came with then stands as it is. */
function challengesOf(answer: DialogAnswer, { challenge }: Asker): DigestChallenge[] {
  if (answer.kind !== 'response') return [];
  const first = answer.get(challenge);
  try {
    return parseChallenges(answer.all?.(challenge) ?? (first === undefined ? [] : [first]));
  } catch {
    return [];
  }
}

function byRealm(challenges: readonly DigestChallenge[]): Map<string, DigestChallenge[]> {
  const realms = new Map<string, DigestChallenge[]>();
  for (const challenge of challenges) {
    const others = realms.get(challenge.realm);
    if (others === undefined) realms.set(challenge.realm, [challenge]);
    else others.push(challenge);
  }
  return realms;
}

/** Credentials for every nonce that is in use where the request goes. */
function authorizations(
  request: Challenged,
  used: readonly { readonly asker: Asker; readonly sessions: Sessions }[],
): HeaderField[] {
  return used.flatMap(({ asker, sessions }) =>
    [...sessions].flatMap(([realm, session]) => {
      if (session.count === LAST_COUNT) {
        sessions.delete(realm);
        return [];
      }
      session.count++;
      return [{ name: asker.credentials, value: authorization(request, session) }];
    }),
  );
}

function authorization({ method, uri, body }: Challenged, session: Session): string {
  const { challenge, credentials, cnonce, count } = session;
  const { realm, nonce, algorithm, qop, opaque } = challenge;
  const { username, password } = credentials;
  const protection = qop === undefined ? undefined : { qop, nc: nonceCount(count), cnonce };
  const input = { username, realm, password, method, uri, nonce, algorithm, protection };
  const response = digestResponse(body === undefined ? input : { ...input, body });
  return formatCredentials({ username, realm, nonce, uri, response, algorithm, protection, opaque });
}

/** Where the CSeq stands and what it says; undefined without one that can be read. */
function cseqOf({ headers }: OutboundRequest): (CSeq & { readonly at: number }) | undefined {
  const at = headers.findIndex(({ name }) => canonicalName(name) === 'cseq');
  try {
    return { at, ...parseCSeq(headers[at]?.value ?? '') };
  } catch {
    return undefined;
  }
}

/** The request with a CSeq that is `more` higher, and with credentials. */
function numbered(
  request: OutboundRequest,
  { at, number, method }: CSeq & { readonly at: number },
  more: number,
  credentials: readonly HeaderField[],
): OutboundRequest {
  if (more === 0 && credentials.length === 0) return request;
  const headers = [...request.headers, ...credentials];
  headers[at] = { name: 'CSeq', value: `${number + more} ${method}` };
  return { ...request, headers };
}

/** A server that names the next nonce spares us its challenge. With several realms nobody says whose it is. */
function takeNextNonce({ answer }: Sent, { info }: Asker, sessions: Sessions): void {
  if (answer.kind !== 'response' || sessions.size !== 1) return;
  const value = answer.get(info);
  if (value === undefined) return;
  for (const session of sessions.values()) {
    try {
      const nonce = nextNonce(value);
      if (nonce === undefined || nonce === session.challenge.nonce) continue;
      session.challenge = { ...session.challenge, nonce };
      session.count = 0;
    } catch {
      // A hint that cannot be read is none; the next challenge brings a nonce.
    }
  }
}

/** Host and port of a SIP URI, as written. */
function hostOf(uri: string): string {
  const start = Math.max(uri.lastIndexOf('@'), uri.indexOf(':')) + 1;
  const end = uri.slice(start).search(/[;?]/);
  return (end < 0 ? uri.slice(start) : uri.slice(start, start + end)).toLowerCase();
}
