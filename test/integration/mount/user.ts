import { createHash } from 'node:crypto';
import { randomToken } from '../../../lib/base/ids.ts';
import { SipHeaders, type SipResponse } from '../../../lib/codec/sip/message.ts';
import type { HeaderField } from '../../../lib/model/push.ts';
import type { SipStack } from '../../../lib/stack/types.ts';
import { DOMAIN, PASSWORD } from './host-app.ts';

const md5 = (...parts: string[]): string => createHash('md5').update(parts.join(':')).digest('hex');

const NO_BODY = Buffer.alloc(0);

/** A drachtio-server keeps dialogs of applications that are gone: a Call-ID must not come again in another run. */
const RUN = randomToken(6);
let calls = 0;

export interface Ask {
  readonly method: string;
  readonly uri: string;
  readonly from?: string;
  readonly to?: string;
  readonly headers?: readonly HeaderField[];
  readonly body?: string;
}

export interface RegisterAs {
  readonly contact: string;
  readonly expires?: number;
  readonly password?: string;
  readonly more?: readonly HeaderField[];
}

/** Whoever sends requests to the app from the network: its users, and the core when it registers them. */
export class User {
  readonly name: string;
  readonly #stack: SipStack;
  readonly #port: number;

  constructor(name: string, stack: SipStack, port: number) {
    this.name = name;
    this.#stack = stack;
    this.#port = port;
  }

  get aor(): string {
    return `sip:${this.name}@${DOMAIN}`;
  }

  /** The final answer; status 0 where there is none. */
  ask({ method, uri, from = this.aor, to = uri, headers = [], body }: Ask): Promise<SipResponse> {
    const call = ++calls;
    const fields = new SipHeaders([
      { name: 'Max-Forwards', value: '70' },
      { name: 'From', value: `<${from}>;tag=f${call}` },
      { name: 'To', value: `<${to}>` },
      { name: 'Call-ID', value: `call-${call}-${RUN}` },
      { name: 'CSeq', value: `1 ${method}` },
      ...headers,
    ]);
    const octets = body === undefined ? NO_BODY : Buffer.from(body);
    return new Promise((resolve) => {
      this.#stack.request(
        { kind: 'request', method, uri, headers: fields, body: octets },
        { protocol: 'udp', host: '127.0.0.1', port: this.#port },
        {
          onResponse: (response) => response.status >= 200 && resolve(response),
          onFailure: () =>
            resolve({ kind: 'response', status: 0, reason: '', headers: new SipHeaders(), body: NO_BODY }),
        },
      );
    });
  }

  message(uri: string, body: string): Promise<SipResponse> {
    return this.ask({ method: 'MESSAGE', uri, body, headers: [{ name: 'Content-Type', value: 'text/plain' }] });
  }

  /** A first REGISTER, which is challenged. */
  registerUnauthorized({ contact, expires = 3600, more = [] }: RegisterAs): Promise<SipResponse> {
    return this.ask({
      method: 'REGISTER',
      uri: `sip:${DOMAIN}`,
      to: this.aor,
      headers: [{ name: 'Contact', value: contact }, { name: 'Expires', value: String(expires) }, ...more],
    });
  }

  /** The second REGISTER, which answers the challenge of the first. */
  registerAuthorized(challenge: SipResponse, as: RegisterAs): Promise<SipResponse> {
    const nonce = /nonce="([^"]+)"/.exec(challenge.headers.get('WWW-Authenticate') ?? '')?.[1] ?? '';
    const uri = `sip:${DOMAIN}`;
    const [cnonce, nc] = ['c0ffee', '00000001'];
    const response = md5(
      md5(this.name, DOMAIN, as.password ?? PASSWORD),
      nonce,
      nc,
      cnonce,
      'auth',
      md5('REGISTER', uri),
    );
    const value =
      `Digest username="${this.name}", realm="${DOMAIN}", nonce="${nonce}", uri="${uri}", algorithm=MD5, ` +
      `cnonce="${cnonce}", nc="${nc}", qop="auth", response="${response}"`;
    return this.registerUnauthorized({ ...as, more: [{ name: 'Authorization', value }, ...(as.more ?? [])] });
  }

  async register(as: RegisterAs): Promise<SipResponse> {
    return this.registerAuthorized(await this.registerUnauthorized(as), as);
  }
}
