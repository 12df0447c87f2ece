import type { SampleContent } from './content.ts';
import { DM_TREE, DM_TREE_WBXML, dmNotification, suplInit } from './management.ts';
import { MMS_TYPE, mmsDeliveryReport, mmsNotification } from './mms.ts';
import { PROVISIONING, provisioningDocument, provisioningType } from './provisioning.ts';
import { DESCRIPTOR, DRM_MESSAGE, drmContent, RIGHTS, RIGHTS_WBXML, roapTrigger } from './rights.ts';
import { CO, compiled, EMN, LOCATION, locationWbxml, multipart, SI, SL, sessionInitiation, WML, WMLC } from './wap.ts';

const server = { server: 'dm.example.com', password: 'secret', nonce: 'nonce' };
const bootstrap = provisioningDocument();

const of = (tag: string, type: string, body: Buffer | string, application?: string): SampleContent => ({
  tag,
  type,
  body: Buffer.from(body),
  ...(application !== undefined && { application }),
});

const WML_UA = 'wml.ua';

/** One content, or more, of each type that WAP Push and its successors define, and of some that are anybody's. */
export const CATALOGUE: Readonly<Record<string, SampleContent>> = {
  'service indication': of(WML_UA, 'text/vnd.wap.si; charset=utf-8', SI),
  'service indication, compiled': of(WML_UA, 'application/vnd.wap.sic', compiled(SI), '2'),
  'service loading': of(WML_UA, 'text/vnd.wap.sl', SL),
  'service loading, compiled': of(WML_UA, 'application/vnd.wap.slc', compiled(SL), '0x2'),
  'cache operation': of(WML_UA, 'text/vnd.wap.co', CO),
  'cache operation, compiled': of(WML_UA, 'application/vnd.wap.coc', compiled(CO), 'wml.ua'),
  'session initiation': of('push.sia', 'application/vnd.wap.sia', sessionInitiation(), '1'),
  provisioning: of(WML_UA, 'text/vnd.wap.connectivity-xml', PROVISIONING),
  'provisioning, compiled, with USERPIN': of(
    WML_UA,
    provisioningType(bootstrap, { sec: 'USERPIN', pin: '1234' }),
    bootstrap,
  ),
  'provisioning, compiled, with NETWPIN': of(
    WML_UA,
    provisioningType(bootstrap, { sec: 'NETWPIN', imsi: '244051234567890' }),
    bootstrap,
  ),
  'MMS notification': of('mms.ua', MMS_TYPE, mmsNotification(), '4'),
  'MMS delivery report': of(
    'mms.ua',
    MMS_TYPE,
    mmsDeliveryReport({ messageId: 'm8d21', to: '+358405202000/TYPE=PLMN', at: 1_795_350_000, status: 'retrieved' }),
    'x-wap-application:mms.ua',
  ),
  'DM notification': of(
    'syncml.dm',
    'application/vnd.syncml.notification',
    dmNotification({ ...server, session: 0x1234 }),
    '7',
  ),
  'DM notification, newer type': of(
    'syncml.dm',
    'application/vnd.syncml.dm.notification',
    dmNotification({ ...server, session: 1 }),
    '7',
  ),
  'DS notification': of(
    'push.syncml',
    'application/vnd.syncml.ds.notification',
    dmNotification({ ...server, session: 2 }),
    '5',
  ),
  'DM bootstrap': of('syncml.dm', 'application/vnd.syncml.dm+xml', DM_TREE, '7'),
  'DM bootstrap, compiled': of('syncml.dm', 'application/vnd.syncml.dm+wbxml', DM_TREE_WBXML, '7'),
  rights: of('drm.ua', 'application/vnd.oma.drm.rights+xml', RIGHTS, '8'),
  'rights, compiled': of('drm.ua', 'application/vnd.oma.drm.rights+wbxml', RIGHTS_WBXML, '8'),
  'download descriptor': of('dlota.ua', 'application/vnd.oma.dd+xml', DESCRIPTOR, '11'),
  'forward-locked object': of('drm.ua', 'application/vnd.oma.drm.message; boundary=boundary-1', DRM_MESSAGE, '8'),
  'protected object': of('drm.ua', 'application/vnd.oma.drm.content', drmContent(), '8'),
  'ROAP trigger': of('drm.ua', 'application/vnd.oma.drm.roap-trigger+wbxml', roapTrigger(), '8'),
  'e-mail notification': of('emn.ua', 'text/vnd.wap.emn+xml', EMN, '9'),
  'e-mail notification, compiled': of('emn.ua', 'application/vnd.wap.emn+wbxml', compiled(EMN), '9'),
  'IMPS communication initiation': of('wv.ua', 'application/vnd.wv.csp.cir', 'WVCI 1.1 2A4F7C1D9E', 'A'),
  'SUPL INIT': of('ulp.ua', 'application/vnd.omaloc-supl-init', suplInit('slp.example.com', 0xdeadbeef), '10'),
  location: of('loc.ua', 'application/vnd.wap.loc+xml', LOCATION, '6'),
  'location, compiled': of('loc.ua', 'application/vnd.wap.locc+wbxml', locationWbxml(), '6'),
  deck: of(WML_UA, 'text/vnd.wap.wml', WML),
  'deck, compiled': of(WML_UA, 'application/vnd.wap.wmlc', WMLC),
  'multipart, mixed': of(
    WML_UA,
    'application/vnd.wap.multipart.mixed',
    multipart([
      { type: 0x2e, data: compiled(SI) },
      { type: 0x30, data: compiled(SL) },
    ]),
  ),
  'multipart, related': of(
    WML_UA,
    'application/vnd.wap.multipart.related; type="application/vnd.wap.wmlc"; start="<deck>"',
    multipart([
      { type: 0x14, data: WMLC },
      { type: 'image/x-any', data: Buffer.from([0, 255, 13, 10, 0]) },
    ]),
  ),
  'multipart, alternative': of(
    WML_UA,
    'application/vnd.wap.multipart.alternative',
    multipart([
      { type: 0x03, data: Buffer.from('text') },
      { type: 'text/html', data: Buffer.from('<p>text</p>') },
    ]),
  ),
  'push envelope': of(
    WML_UA,
    'application/vnd.oma.push',
    Buffer.concat([
      Buffer.from('Content-Type: application/x-any\r\nX-Push-Entity-A: b\r\n\r\n'),
      Buffer.from([0, 1, 255]),
    ]),
  ),
  text: of(WML_UA, 'text/plain; charset=utf-8', 'grüße, κόσμε, 世界\r\n\r\n'),
  'text in another charset': of(WML_UA, 'text/plain; charset=iso-8859-1', Buffer.from('grüße', 'latin1')),
  page: of(WML_UA, 'text/html', '<!doctype html><title>x</title>\n'),
  JSON: of('evvm.ua', 'application/json', '{"unread": 3, "from": "✉"}', '16'),
  'any octets': of(
    'x-example:any.ua',
    'application/octet-stream',
    Buffer.from(Array.from({ length: 768 }, (_, n) => n % 256)),
    'x-example:any.ua; app-encoding=B001',
  ),
  'an application that is registered nowhere': of(
    'x-example:any.ua',
    'application/x-any',
    Buffer.from([0]),
    'x-example:any.ua',
  ),
};

/** XML and what `xml2wbxml -v 1.3 -k` makes of it, for the documents that the gateway itself does not compile. */
export const ORACLES: readonly (readonly [xml: string, wbxml: Buffer])[] = [
  [WML, WMLC],
  [RIGHTS, RIGHTS_WBXML],
  [DM_TREE, DM_TREE_WBXML],
];
