import { createServer } from 'node:http';
import type { PapMessage } from '../../lib/codec/pap/messages.ts';
import { readPap } from '../../lib/codec/pap/read.ts';
import { createPpg, type Ppg, type PpgOptions } from '../../lib/ppg.ts';
import { hashPassword } from '../../lib/security/password.ts';
import { Endpoint, type HttpAnswer } from './pap-endpoint.ts';

/** Cheap to compute; its password is `secret`. */
export const secretHash = (): Promise<string> => hashPassword('secret', { N: 16, r: 1, p: 1 });

export const basic = (user: string, password = 'secret'): Record<string, string> => ({
  Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
});

export interface PushWishes {
  readonly pushId?: string;
  readonly to?: readonly string[];
  readonly type?: string;
  readonly body?: string;
  readonly application?: string;
  readonly attributes?: string;
  readonly qos?: string;
}

const TYPE = 'multipart/related; boundary=B; type="application/xml"';
let count = 0;

export function pushBody(wishes: PushWishes = {}): string {
  const { to = ['sip:alice@ims.test'], pushId = `${++count}@pi.test`, qos = '' } = wishes;
  const addresses = to.map((one) => `<address address-value="${one}"/>`).join('');
  const control = `<pap><push-message push-id="${pushId}" ${wishes.attributes ?? ''}>${addresses}${qos}</push-message></pap>`;
  const application = wishes.application === undefined ? '' : `X-Wap-Application-Id: ${wishes.application}\r\n`;
  const content = `Content-Type: ${wishes.type ?? 'text/plain'}\r\n${application}\r\n${wishes.body ?? 'hello'}`;
  return `--B\r\nContent-Type: application/xml\r\n\r\n${control}\r\n--B\r\n${content}\r\n--B--`;
}

/** A gateway that has accounts and PAP over HTTP but, by default, no way out: what it takes waits. */
export class TenantGateway {
  readonly ppg: Ppg;
  readonly endpoint: Endpoint;

  constructor(ppg: Ppg, endpoint: Endpoint) {
    this.ppg = ppg;
    this.endpoint = endpoint;
  }

  static async of(options: Partial<PpgOptions>): Promise<TenantGateway> {
    const ppg = createPpg({ domain: 'ims.test', store: 'memory', notify: { allowPrivate: true }, ...options });
    const pap = ppg.pap();
    const server = createServer((request, response) => pap(request, response, () => response.end()));
    const endpoint = await Endpoint.of(server);
    await ppg.start();
    return new TenantGateway(ppg, endpoint);
  }

  post(headers: Record<string, string>, wishes: PushWishes = {}): Promise<HttpAnswer> {
    return this.endpoint.post(pushBody(wishes), TYPE, { headers });
  }

  /** Submits and answers HTTP status, PAP code and desc. */
  async push(user: string, wishes: PushWishes = {}): Promise<[status: number, code: number | undefined, desc: string]> {
    const { status, text } = await this.post(basic(user), wishes);
    const message = readPap(Buffer.from(text), { strict: true });
    return message.message === 'push-response' ? [status, message.code, message.desc ?? ''] : [status, undefined, text];
  }

  async pap(user: string, document: string): Promise<PapMessage> {
    const { text } = await this.endpoint.post(`<pap>${document}</pap>`, 'application/xml', { headers: basic(user) });
    return readPap(Buffer.from(text));
  }

  async close(): Promise<void> {
    await this.endpoint.close();
    await this.ppg.stop();
  }
}
