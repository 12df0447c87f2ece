import type { PeerCertificate, TLSSocket } from 'node:tls';
import { PpgError } from '../base/errors.ts';

/** The certificate of an account; everything that is given must fit. */
export interface CertificateRule {
  /** SHA-256 of the certificate, hex with or without colons. It alone is enough: no authority need have signed it. */
  readonly fingerprint?: string | undefined;
  /** Common name of the subject; counts when the client CA has signed. */
  readonly subject?: string | undefined;
  /** A subject alternative name as `DNS:pi.example.com` or `URI:urn:pi:one`; counts when the client CA has signed. */
  readonly san?: string | undefined;
}

export interface CertificateAccount {
  readonly name: string;
  readonly certificate?: CertificateRule | undefined;
}

type Rule = (certificate: PeerCertificate, authorized: boolean) => boolean;

/** Finds the account of a connection by its client certificate. */
export type CertificateFinder = (connection: object) => string | undefined;

/** Throws PPG_E_OPTIONS for a rule that names nothing. The TLS handshake has proven that the client has the key. */
export function certificateFinder(accounts: readonly CertificateAccount[]): CertificateFinder | undefined {
  const rules = accounts.flatMap(({ name, certificate }) =>
    certificate === undefined ? [] : [{ name, fits: ruleOf(name, certificate) }],
  );
  if (rules.length === 0) return undefined;
  return (connection) => {
    if (!isTls(connection)) return undefined;
    const certificate = connection.getPeerCertificate();
    // An empty object stands for none.
    if (certificate?.raw === undefined) return undefined;
    return rules.find(({ fits }) => fits(certificate, connection.authorized))?.name;
  };
}

function ruleOf(name: string, { fingerprint, subject, san }: CertificateRule): Rule {
  const checks: Rule[] = [];
  if (fingerprint !== undefined) {
    const wanted = hex(fingerprint);
    if (wanted.length !== 64) throw new PpgError('PPG_E_OPTIONS', `certificate.fingerprint of ${name} is no SHA-256`);
    checks.push(({ fingerprint256 }) => hex(fingerprint256) === wanted);
  }
  if (subject !== undefined) checks.push((certificate, signed) => signed && certificate.subject?.CN === subject);
  if (san !== undefined) {
    checks.push((certificate, signed) => signed && alternativeNames(certificate.subjectaltname).includes(san));
  }
  if (checks.length === 0) throw new PpgError('PPG_E_OPTIONS', `certificate of ${name} names nothing`);
  return (certificate, signed) => checks.every((check) => check(certificate, signed));
}

const hex = (fingerprint: string): string => fingerprint.replaceAll(':', '').toLowerCase();

/** Node quotes a name that holds what separates them; such a one fits nothing. */
const alternativeNames = (text: string | undefined): string[] =>
  text === undefined || text.includes('"') ? [] : text.split(', ');

const isTls = (connection: object): connection is TLSSocket =>
  'encrypted' in connection && connection.encrypted === true && 'getPeerCertificate' in connection;
