import { createHash, X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Fingerprint } from '../codec/sdp/message-media.ts';

/** A certificate with its chain and its key, as PEM texts. */
export interface MsrpCertificate {
  readonly cert: string;
  readonly key: string;
}

/** Hashes that prove something (RFC 8122 section 5); MD5 and SHA-1 do not any more. */
const HASHES: Readonly<Record<string, string>> = { 'sha-256': 'sha256', 'sha-384': 'sha384', 'sha-512': 'sha512' };

/** What an SDP says of a certificate (RFC 8122). Throws what node throws for a PEM that is no certificate. */
export const fingerprintOf = (pem: string): Fingerprint => ({
  hash: 'sha-256',
  value: hashOf('sha256', new X509Certificate(pem).raw),
});

/** Whether a fingerprint is of a hash that counts. */
export const isStrong = ({ hash }: Fingerprint): boolean => HASHES[hash] !== undefined;

/**
 * Whether the peer of a TLS connection has shown the certificate that its SDP names: one of the fingerprints with a hash
 * that counts has to fit, and there has to be one.
 */
export function hasShown(socket: Socket, fingerprints: readonly Fingerprint[]): boolean {
  if (!(socket instanceof TLSSocket)) return false;
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return false;
  return fingerprints.some(({ hash, value }) => {
    const algorithm = HASHES[hash];
    return algorithm !== undefined && hashOf(algorithm, certificate.raw) === value;
  });
}

const hashOf = (algorithm: string, der: Buffer): string =>
  (createHash(algorithm).update(der).digest('hex').toUpperCase().match(/../g) ?? []).join(':');
