import { PpgError } from '../base/errors.ts';
import type { PapTarget } from './pap-client.ts';

/** Options of every command that talks to a PAP endpoint. */
export interface TargetOptions {
  readonly url: string;
  readonly user?: string | undefined;
  readonly pass?: string | undefined;
}

export const DEFAULT_PAP_URL = 'http://127.0.0.1:8080/pap';

/** Puts together where to submit. Throws PPG_E_OPTIONS that says which option is missing. */
export function papTarget({ url, user, pass }: TargetOptions): PapTarget {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new PpgError('PPG_E_OPTIONS', `--url "${url}" is no HTTP URL; write it as ${DEFAULT_PAP_URL}`);
  }
  if (user === undefined || user === '') {
    throw new PpgError('PPG_E_OPTIONS', 'who submits? give --user NAME and --pass PASSWORD (or PPG_PASSWORD)');
  }
  if (pass === undefined) {
    throw new PpgError('PPG_E_OPTIONS', 'the password is missing: give --pass PASSWORD, or set PPG_PASSWORD');
  }
  return { url, user, password: pass };
}
