import { accessSync, constants, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** A program that tests talk to, and the Debian package that brings it. */
export interface DebianProgram {
  readonly program: string;
  readonly package: string;
  /** Files that must be there too, below the folder of libraries of this machine: `/usr/lib/x86_64-linux-gnu`. */
  readonly libraries?: readonly string[];
}

export const SIPP: DebianProgram = { program: 'sipp', package: 'sip-tester' };
export const BARESIP: DebianProgram = { program: 'baresip', package: 'baresip-core' };
export const LINPHONEC: DebianProgram = { program: 'linphonec', package: 'linphone-cli' };
export const XML2WBXML: DebianProgram = { program: 'xml2wbxml', package: 'libwbxml2-utils' };
export const KAMAILIO: DebianProgram = { program: 'kamailio', package: 'kamailio' };
/** As a registrar with the reg event package, over UDP, TCP and TLS. */
export const KAMAILIO_REGISTRAR: DebianProgram = {
  ...{ program: 'kamailio', package: 'kamailio kamailio-presence-modules kamailio-tls-modules' },
  libraries: ['kamailio/modules/presence.so', 'kamailio/modules/tls.so'],
};
/** As an S-CSCF. */
export const KAMAILIO_IMS: DebianProgram = {
  ...{ program: 'kamailio', package: 'kamailio-ims-modules kamailio-presence-modules' },
  libraries: ['kamailio/modules/ims_isc.so', 'kamailio/modules/presence.so'],
};
export const TSHARK: DebianProgram = { program: 'tshark', package: 'tshark' };
export const STRACE: DebianProgram = { program: 'strace', package: 'strace' };

/** Whether the program is in the PATH, and its libraries where the system has them. */
export const isInstalled = ({ program, libraries = [] }: DebianProgram): boolean =>
  (process.env['PATH'] ?? '').split(delimiter).some((folder) => may(join(folder, program), constants.X_OK)) &&
  libraries.every((file) => multiarch().some((folder) => may(join(folder, file), constants.R_OK)));

function may(file: string, mode: number): boolean {
  try {
    accessSync(file, mode);
    return true;
  } catch {
    return false; // not there
  }
}

const multiarch = (): string[] =>
  readdirSync('/usr/lib').flatMap((name) => (name.endsWith('-linux-gnu') ? `/usr/lib/${name}` : []));

/** A suite that needs the program, or several; without one it is skipped, and its title names the package to install. */
export function describeWith(
  needed: DebianProgram | readonly DebianProgram[],
  title: string,
  body: (this: Mocha.Suite) => void,
): Mocha.Suite {
  const missing = [needed].flat().find((one) => !isInstalled(one));
  if (missing === undefined) return describe(title, body);
  return describe(`${title} (skipped: needs ${missing.program}; apt-get install ${missing.package})`, function () {
    before(function () {
      this.skip();
    });
    body.call(this);
  });
}
