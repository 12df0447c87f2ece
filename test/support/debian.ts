import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** A program that tests talk to, and the Debian package that brings it. */
export interface DebianProgram {
  readonly program: string;
  readonly package: string;
}

export const SIPP: DebianProgram = { program: 'sipp', package: 'sip-tester' };
export const BARESIP: DebianProgram = { program: 'baresip', package: 'baresip-core' };
export const XML2WBXML: DebianProgram = { program: 'xml2wbxml', package: 'libwbxml2-utils' };
export const STRACE: DebianProgram = { program: 'strace', package: 'strace' };

/** Whether the program is in the PATH. */
export const isInstalled = ({ program }: DebianProgram): boolean =>
  (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false; // not in this folder
    }
  });

/** A suite that needs the program; without it the suite is skipped, and its title names the package to install. */
export function describeWith(needed: DebianProgram, title: string, body: (this: Mocha.Suite) => void): Mocha.Suite {
  if (isInstalled(needed)) return describe(title, body);
  return describe(`${title} (skipped: needs ${needed.program}; apt-get install ${needed.package})`, function () {
    before(function () {
      this.skip();
    });
    body.call(this);
  });
}
