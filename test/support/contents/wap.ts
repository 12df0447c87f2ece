import { compile } from '../../../lib/codec/wbxml/convert.ts';
import { textString, uintvar } from './content.ts';

const document = (root: string, dtd: string, file: string, xml: string): string =>
  `<?xml version="1.0"?>\n<!DOCTYPE ${root} PUBLIC "-//WAPFORUM//DTD ${dtd}//EN" "http://www.wapforum.org/DTD/${file}">\n${xml}\n`;

export const SI: string = document(
  'si',
  'SI 1.0',
  'si.dtd',
  '<si><indication href="http://www.xyz.com/email/123/abc.wml" si-id="mail-4" action="signal-high" created="1999-06-25T15:23:15Z" si-expires="1999-06-30T00:00:00Z">You have 4 new e-mails — grüße</indication></si>',
);
export const SL: string = document(
  'sl',
  'SL 1.0',
  'sl.dtd',
  '<sl href="http://www.xyz.com/ppaid/123/abc.wml" action="execute-high"/>',
);
export const CO: string = document(
  'co',
  'CO 1.0',
  'co_1.0.dtd',
  '<co><invalidate-object uri="http://www.xyz.com/x/"/><invalidate-service uri="https://abc.net/"/></co>',
);
export const EMN: string = document(
  'emn',
  'EMN 1.0',
  'emn.dtd',
  '<emn mailbox="mailat:joe@wapforum.org" timestamp="2002-04-16T06:40:00Z"/>',
);

export const compiled = (xml: string): Buffer => compile(Buffer.from(xml));

export const WML: string = document(
  'wml',
  'WML 1.3',
  'wml13.dtd',
  '<wml><card id="news" title="News"><p align="center">3 new <a href="http://www.example.com/news.wml">articles</a></p></card></wml>',
);

/** The same in WBXML 1.3. */
export const WMLC: Buffer = Buffer.from(
  '030a6a007fe755036e6577730036034e6577730001e007010333206e65772000dc4ba1036578616d706c650085036e6577732e776d6c00010361727469636c65730001010101',
  'hex',
);

/**
 * A session initiation request (WAP-235 section 8.4): version, the applications that want a session, and where: an address
 * of IPv4 with bearer and port (WAP-230 section 8.2.2.3).
 */
export function sessionInitiation(): Buffer {
  const applications = Buffer.from([0x82, 0x84]); // wml.ua, mms.ua
  const contact = Buffer.from([0xc4, 0x0b, 0x23, 0xf1, 192, 0, 2, 1]);
  return Buffer.concat([
    Buffer.from([0x00]),
    uintvar(applications.length),
    applications,
    uintvar(contact.length),
    contact,
  ]);
}

/** A location document: no public tables exist for its binary form, so its names are literals. */
export const LOCATION: string =
  '<?xml version="1.0"?>\n<loc ver="1.0.0"><query><qid>1</qid><requestor><id>pizza@example.com</id></requestor></query></loc>\n';

export const locationWbxml = (): Buffer =>
  Buffer.concat([
    Buffer.from([0x03, 0x01, 0x6a]),
    uintvar(8),
    textString('loc'),
    textString('qid'),
    Buffer.from([0x44, 0x00, 0x44, 0x04, 0x03]),
    textString('1'),
    Buffer.from([0x01, 0x01]),
  ]);

export interface Part {
  /** A well-known type's number, or its name. */
  readonly type: number | string;
  readonly data: Buffer;
}

/** MIME multipart in its binary form (WAP-230 section 8.5): count, then for each part the lengths, the type, the data. */
export const multipart = (parts: readonly Part[]): Buffer =>
  Buffer.concat([
    uintvar(parts.length),
    ...parts.flatMap(({ type, data }) => {
      const head = typeof type === 'number' ? Buffer.from([0x80 | type]) : textString(type);
      return [uintvar(head.length), uintvar(data.length), head, data];
    }),
  ]);
