import { PpgError } from '../base/errors.ts';
import type { SrfLike } from '../sip/drachtio/srf-like.ts';

/**
 * Loads drachtio-srf, which the gateway itself never imports: it is the app's, or here the operator's, choice.
 * Rejects with PPG_E_CONFIG when it is not installed.
 */
export async function loadSrf(): Promise<() => SrfLike> {
  let Srf: new () => SrfLike;
  try {
    // CommonJS: the class is the default export
    ({ default: Srf } = (await import('drachtio-srf')) as unknown as { default: new () => SrfLike });
  } catch (error) {
    throw new PpgError(
      'PPG_E_CONFIG',
      'drachtio-srf is not installed; run "npm install drachtio-srf@5", or set PPG_SIP_LEG=direct to do without it',
      { cause: error },
    );
  }
  return () => new Srf();
}
