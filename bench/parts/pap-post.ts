/** The account that every gateway of the bench has. */
export const ACCOUNT = { name: 'bench', password: 'not-a-secret' } as const;

export const DOMAIN = 'ims.localhost';

/** What `load` posts. */
export interface PostShape {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly notifyUrl?: string | undefined;
  /** Deliver no sooner than this long from now, milliseconds. */
  readonly after?: number | undefined;
}

/** Telephone number of a user. */
export const numberOf = (user: number): string => `+3584${String(user).padStart(8, '0')}`;

const CRLF = '\r\n';
const BOUNDARY = 'bench-boundary-5e1f';

/**
 * A submission as real clients send it: PAP 2.0, one service indication, confirmed. Slots: `run` and `push` number the
 * push, `user` its recipient, `at` is the time of sending.
 */
export function papPost({ host, port, path, notifyUrl, after }: PostShape): string {
  const iso = (time: number): string => `${new Date(time).toISOString().slice(0, 19)}Z`;
  const attributes = [
    'push-id="{run:3}-{push:9}@pi.example.com"',
    ...(after === undefined ? [] : [`deliver-after-timestamp="${iso(Date.now() + after)}"`]),
    ...(notifyUrl === undefined ? [] : [`ppg-notify-requested-to="${notifyUrl}"`]),
  ];
  const body = [
    `--${BOUNDARY}`,
    'Content-Type: application/xml',
    '',
    '<?xml version="1.0"?>',
    '<!DOCTYPE pap PUBLIC "-//WAPFORUM//DTD PAP 2.0//EN" "http://www.openmobilealliance.org/tech/DTD/pap_2.0.dtd">',
    `<pap><push-message ${attributes.join(' ')}>`,
    '<address address-value="WAPPUSH=+3584{user:8}/TYPE=PLMN@ppg.example.com"></address>',
    '<quality-of-service priority="medium" delivery-method="confirmed"></quality-of-service>',
    '</push-message></pap>',
    `--${BOUNDARY}`,
    'Content-Type: text/vnd.wap.si',
    'X-Wap-Application-Id: x-wap-application:wml.ua',
    '',
    '<?xml version="1.0"?>',
    '<!DOCTYPE si PUBLIC "-//WAPFORUM//DTD SI 1.0//EN" "http://www.wapforum.org/DTD/si.dtd">',
    '<si><indication href="http://pi.example.com/?at={at:16}" action="signal-high">You have mail</indication></si>',
    `--${BOUNDARY}--`,
    '',
  ].join(CRLF);
  const credentials = Buffer.from(`${ACCOUNT.name}:${ACCOUNT.password}`).toString('base64');
  const head = [
    `POST ${path} HTTP/1.1`,
    `Host: ${host}:${port}`,
    `Authorization: Basic ${credentials}`,
    `Content-Type: multipart/related; boundary=${BOUNDARY}; type="application/xml"`,
    `Content-Length: ${body.replace(/\{\w+:(\d+)\}/g, (_slot, width) => '0'.repeat(Number(width))).length}`,
    '',
    '',
  ].join(CRLF);
  return head + body;
}

/** Address-of-record of a recipient's number, as the gateway makes it of the address above. */
export const aorOf = (user: number): string => `sip:${numberOf(user)}@${DOMAIN}`;
