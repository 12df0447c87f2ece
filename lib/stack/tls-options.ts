import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { messageOf, PpgError } from '../base/errors.ts';

/** A certificate (with its chain) and its private key; each PEM, or the name of a file that holds it. */
export interface TlsPair {
  readonly cert: string;
  readonly key: string;
}

/** TLS of a stack. Texts that hold PEM are taken as they are, others name files, which are read at start and reload. */
export interface TlsOptions {
  /** Shown to clients, and to servers that ask for one. Needed to listen by TLS. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** Authorities to believe in place of those that node has. With it clients are asked for a certificate. */
  readonly ca?: string | undefined;
  /** Other certificates, by the name that a client asks for (SNI). */
  readonly hosts?: Readonly<Record<string, TlsPair>> | undefined;
  /** Refuse clients without a certificate that `ca` vouches for. Default false. */
  readonly requireClientCertificate?: boolean | undefined;
  /** Refuse servers whose certificate is not vouched for or not theirs (RFC 5922). Default true. */
  readonly verifyServer?: boolean | undefined;
}

/** What TLS connections are made with; another one after every reload. */
export interface TlsCredentials {
  readonly context: SecureContext;
  /** For a server, which takes what a context is made of. */
  readonly contextOptions: SecureContextOptions;
  /** By SNI name, lower case. */
  readonly hosts: ReadonlyMap<string, SecureContext>;
  readonly hasCertificate: boolean;
  readonly asksClient: boolean;
  readonly requiresClient: boolean;
  readonly verifiesServer: boolean;
}

/** RFC 7525 and RFC 8996: nothing older than TLS 1.2. */
const MIN_VERSION = 'TLSv1.2';

const PEM = '-----BEGIN ';

/** Reads the files and makes the contexts. Throws PPG_E_OPTIONS that names the option. */
export function readCredentials(options: TlsOptions = {}): TlsCredentials {
  const { cert, key, ca, hosts = {}, requireClientCertificate = false, verifyServer = true } = options;
  if ((cert === undefined) !== (key === undefined))
    throw refused(cert === undefined ? 'cert' : 'key', 'is missing: certificate and key go together');
  if (requireClientCertificate && ca === undefined)
    throw refused('ca', 'is missing: client certificates are required, and nothing says who vouches for them');
  const authorities = ca === undefined ? {} : { ca: pem('ca', ca) };
  const own = cert === undefined || key === undefined ? {} : pairOf('', { cert, key });
  const contextOptions: SecureContextOptions = { minVersion: MIN_VERSION, ...authorities, ...own };
  const named = Object.entries(hosts).map(([name, pair]): [string, SecureContext] => {
    const at = `hosts.${name}.`;
    return [name.toLowerCase(), contextOf(at, { ...contextOptions, ...pairOf(at, pair) })];
  });
  return {
    context: contextOf('', contextOptions),
    contextOptions,
    hosts: new Map(named),
    hasCertificate: cert !== undefined,
    asksClient: ca !== undefined,
    requiresClient: requireClientCertificate,
    verifiesServer: verifyServer,
  };
}

const pairOf = (at: string, { cert, key }: TlsPair): { cert: string; key: string } => ({
  cert: pem(`${at}cert`, cert),
  key: pem(`${at}key`, key),
});

function pem(option: string, text: string): string {
  if (text.includes(PEM)) return text;
  let content: string;
  try {
    content = readFileSync(text, 'utf8');
  } catch (cause) {
    throw refused(option, `cannot be read: ${messageOf(cause)}`, cause);
  }
  if (!content.includes(PEM)) throw refused(option, `${text} holds no PEM`);
  return content;
}

function contextOf(at: string, options: SecureContextOptions): SecureContext {
  try {
    return createSecureContext(options);
  } catch (cause) {
    throw refused(`${at}cert`, `cannot be used: ${messageOf(cause)}`, cause);
  }
}

const refused = (option: string, what: string, cause?: unknown): PpgError =>
  new PpgError('PPG_E_OPTIONS', `tls.${option} ${what}`, { cause });
