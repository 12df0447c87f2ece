import { PpgError } from '../base/errors.ts';
import { type MsrpUri, parsePath } from '../codec/msrp/uri.ts';
import type { Fingerprint, MessageMedia } from '../codec/sdp/message-media.ts';
import { isStrong } from './certificate.ts';

/** The peer of a session, as its SDP says. */
export interface RemoteSide {
  /** First the URI to connect to; several where relays are between (RFC 4976). Never empty. */
  readonly path: readonly MsrpUri[];
  /** Ours: whether this side connects. */
  readonly role: 'active' | 'passive';
  /** Of the peer's certificate; one has to fit when the session is over TLS. */
  readonly fingerprints: readonly Fingerprint[];
  /** A relay comes next (RFC 4976): its certificate may be signed for its host instead. `ca`: by whom; default whom the system trusts. */
  readonly authority?: { readonly ca?: string };
  /** Named by the gateway's own configuration, not by a peer. */
  readonly configured?: true;
}

/**
 * Reads the peer's side of an answer. `offered` is what we said of who connects; an answer that says nothing leaves it to us
 * (RFC 4975 section 5.4). Throws PPG_E_SDP for a refused session, one without path, with a path that does not fit its
 * protocol, with TLS and no fingerprint that counts (RFC 8122), or where nobody would connect, now or at all.
 */
export function remoteOfAnswer(
  media: MessageMedia | undefined,
  offered: 'active' | 'passive' | 'actpass',
  secure: boolean,
): RemoteSide {
  const side = readSide(media, secure);
  // RFC 4145 section 4: no connection is made for the time being, and a push does not wait for it.
  if (media?.setup === 'holdconn') throw refused('the device holds the connection');
  const said = media?.setup === 'active' || media?.setup === 'passive' ? media.setup : undefined;
  const role =
    said === 'active' ? 'passive' : said === 'passive' ? 'active' : offered === 'passive' ? 'passive' : 'active';
  if (offered !== 'actpass' && role !== offered) throw refused('nobody would connect: both sides are the same');
  return { ...side, role };
}

/** As remoteOfAnswer, for an offer that we answer with `setup`. */
export function remoteOfOffer(media: MessageMedia | undefined, setup: 'active' | 'passive'): RemoteSide {
  const side = readSide(media, media?.secure === true);
  if (media?.setup === setup) throw refused('nobody would connect: both sides are the same');
  return { ...side, role: setup };
}

/** As remoteOfAnswer, for an offer through a relay of ours: that one connects to whatever hop the answer names, and TLS is its matter. */
export function remoteBehindRelay(media: MessageMedia | undefined): RemoteSide {
  const { path } = readPath(media, undefined);
  return { path, role: 'active', fingerprints: [] };
}

function readSide(media: MessageMedia | undefined, secure: boolean): Omit<RemoteSide, 'role'> {
  const { path, fingerprints: told } = readPath(media, secure);
  const fingerprints = told.filter(isStrong);
  // The fingerprint of an SDP is that of the far end, which is not whom we meet.
  if (secure && path.length > 1) return { path, fingerprints, authority: {} };
  if (secure && fingerprints.length === 0) throw refused('it has no fingerprint of a certificate by SHA-256 or better');
  return { path, fingerprints };
}

/** `secure` undefined: either will do. */
function readPath(
  media: MessageMedia | undefined,
  secure: boolean | undefined,
): { path: readonly MsrpUri[]; fingerprints: readonly Fingerprint[] } {
  if (media === undefined) throw refused('it describes no MSRP session');
  if (media.port === 0) throw refused('the session was refused');
  if (secure !== undefined && media.secure !== secure)
    throw refused('the answer is of another protocol than the offer');
  if (media.path === undefined) throw refused('it has no path');
  let path: readonly MsrpUri[];
  try {
    path = parsePath(media.path);
  } catch (cause) {
    throw new PpgError('PPG_E_SDP', 'the SDP cannot be used: its path cannot be read', { cause });
  }
  const [next] = path;
  if (next?.secure !== media.secure || next.transport !== 'tcp') throw refused('its path is of another protocol');
  return { path, fingerprints: media.fingerprints };
}

const refused = (what: string): PpgError => new PpgError('PPG_E_SDP', `the SDP cannot be used: ${what}`);
