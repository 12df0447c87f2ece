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
  const { path, fingerprints } = readSide(media, secure);
  // RFC 4145 section 4: no connection is made for the time being, and a push does not wait for it.
  if (media?.setup === 'holdconn') throw refused('the device holds the connection');
  const said = media?.setup === 'active' || media?.setup === 'passive' ? media.setup : undefined;
  const role =
    said === 'active' ? 'passive' : said === 'passive' ? 'active' : offered === 'passive' ? 'passive' : 'active';
  if (offered !== 'actpass' && role !== offered) throw refused('nobody would connect: both sides are the same');
  return { path, role, fingerprints };
}

/** As remoteOfAnswer, for an offer that we answer with `setup`. */
export function remoteOfOffer(media: MessageMedia | undefined, setup: 'active' | 'passive'): RemoteSide {
  const side = readSide(media, media?.secure === true);
  if (media?.setup === setup) throw refused('nobody would connect: both sides are the same');
  return { ...side, role: setup };
}

function readSide(media: MessageMedia | undefined, secure: boolean): Pick<RemoteSide, 'path' | 'fingerprints'> {
  if (media === undefined) throw refused('it describes no MSRP session');
  if (media.port === 0) throw refused('the session was refused');
  if (media.secure !== secure) throw refused('the answer is of another protocol than the offer');
  if (media.path === undefined) throw refused('it has no path');
  let path: readonly MsrpUri[];
  try {
    path = parsePath(media.path);
  } catch (cause) {
    throw new PpgError('PPG_E_SDP', 'the SDP cannot be used: its path cannot be read', { cause });
  }
  const [next] = path;
  if (next?.secure !== secure || next.transport !== 'tcp') throw refused('its path is of another protocol');
  const fingerprints = media.fingerprints.filter(isStrong);
  if (secure && fingerprints.length === 0) throw refused('it has no fingerprint of a certificate by SHA-256 or better');
  return { path, fingerprints };
}

const refused = (what: string): PpgError => new PpgError('PPG_E_SDP', `the SDP cannot be used: ${what}`);
