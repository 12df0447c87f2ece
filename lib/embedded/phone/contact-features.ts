import { PpgError } from '../../base/errors.ts';

/** What goes between quotes in a Contact; anything else could end the header. */
const PLAIN = /^[!#-[\]-~]+$/;
/** RFC 3840 section 9, token-nobang: what needs no angle brackets. */
const TOKEN = /^[A-Za-z0-9\-.%*_+`'~]+$/;

/** Contact parameters of a phone: its applications and its instance. Throws PPG_E_OPTIONS for what no header can hold. */
export function featuresOf(applications: readonly string[], instance: string | undefined): string {
  for (const text of [...applications, ...(instance === undefined ? [] : [instance])]) {
    if (!PLAIN.test(text) || /[<>,]/.test(text))
      throw new PpgError('PPG_E_OPTIONS', `"${text.replace(/[^ -~]/g, '?')}" cannot stand in a Contact`);
  }
  const values = applications.map((name) => (TOKEN.test(name) ? name : `<${name}>`)).join(',');
  const tag = values === '' ? '' : `;+g.oma.pusheventapp="${values}"`;
  return instance === undefined ? tag : `${tag};+sip.instance="<${instance}>"`;
}
