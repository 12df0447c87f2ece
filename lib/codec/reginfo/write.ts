import { escapeXml } from '../pap/template.ts';
import type { RegInfo, RegInfoContact, RegInfoRegistration } from './reginfo.ts';

const HEAD =
  '<?xml version="1.0" encoding="UTF-8"?>\n' +
  '<reginfo xmlns="urn:ietf:params:xml:ns:reginfo" xmlns:gr="urn:ietf:params:xml:ns:gruuinfo"';

/** Writes a registration information document (RFC 3680 section 5, GRUUs of RFC 5628), without white space. */
export const writeRegInfo = ({ version, state, registrations }: RegInfo): string =>
  `${HEAD}${attributes({ version, state })}>${registrations.map(writeRegistration).join('')}</reginfo>\n`;

const writeRegistration = ({ aor, id, state, contacts }: RegInfoRegistration): string =>
  `<registration${attributes({ aor, id, state })}>${contacts.map(writeContact).join('')}</registration>`;

function writeContact(contact: RegInfoContact): string {
  const { id, uri, state, event, expires, retryAfter, q, callId, cseq, params, pubGruu, tempGruu } = contact;
  const values = { id, state, event, expires, 'retry-after': retryAfter, q, callid: callId, cseq };
  const unknown = params.map(
    ({ name, value = '' }) => `<unknown-param${attributes({ name })}>${escapeXml(value)}</unknown-param>`,
  );
  return (
    `<contact${attributes(values)}><uri>${escapeXml(uri)}</uri>${unknown.join('')}` +
    `${gruu('pub-gruu', pubGruu)}${gruu('temp-gruu', tempGruu)}</contact>`
  );
}

const gruu = (name: string, uri: string | undefined): string =>
  uri === undefined ? '' : `<gr:${name}${attributes({ uri })}/>`;

function attributes(values: Readonly<Record<string, string | number | undefined>>): string {
  let text = '';
  for (const [name, value] of Object.entries(values))
    if (value !== undefined) text += ` ${name}="${escapeXml(String(value))}"`;
  return text;
}
