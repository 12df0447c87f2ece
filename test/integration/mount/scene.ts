import type { PapMessage } from '../../../lib/codec/pap/messages.ts';
import type { SipRequest } from '../../../lib/codec/sip/message.ts';
import { respondTo } from '../../../lib/codec/sip/respond-to.ts';
import type { EngineEvents } from '../../../lib/model/engine-events.ts';
import type { HeaderField } from '../../../lib/model/push.ts';
import { createPpg, type Ppg, type PpgOptions } from '../../../lib/ppg.ts';
import { hashPassword } from '../../../lib/security/password.ts';
import { connectSrf } from '../../../lib/sip/drachtio/srf-link.ts';
import { Peer, type RealSrf, SipdNet } from '../../support/sipd-net.ts';
import { DOMAIN, HostApp, type HostAppOptions, type Mounted } from './host-app.ts';
import { User } from './user.ts';

const TYPE = 'multipart/related; boundary=B; type="application/xml"';

/** How a test puts the gateway into the app. */
export type Form = 'mount' | 'chain';

/** A core that takes the gateway's pushes, and answers what the test says; and its questions to devices, apart. */
export class Core extends Peer {
  /** OPTIONS that came; none of them is among `requests`. */
  readonly questions: SipRequest[] = [];
  /** What every device tells of itself. */
  told: readonly HeaderField[] = [];
  readonly #waiting: (() => void)[] = [];
  /** Statuses to answer in turn; 0 is silence; at the end always 200. */
  readonly answers: number[] = [];

  constructor() {
    super();
    this.onRequest = (transaction) => {
      const { request } = transaction;
      if (request.method === 'OPTIONS') {
        this.questions.push(...this.requests.splice(this.requests.indexOf(request), 1));
        transaction.respond(respondTo(request, 200, { headers: this.told }));
        return;
      }
      const status = this.answers.shift() ?? 200;
      if (status > 0) transaction.respond(respondTo(request, status));
      for (const wake of this.#waiting.splice(0)) wake();
    };
  }

  /** Resolves once so many requests have come. */
  async got(count: number): Promise<readonly SipRequest[]> {
    while (this.requests.length < count) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.requests;
  }
}

/** An app on sipd with users on the one side and a core on the other, and gateways in it. */
export class Scene {
  readonly net: SipdNet = new SipdNet();
  readonly core: Core = new Core();
  readonly #apps: HostApp[] = [];
  readonly #gateways: Ppg[] = [];

  async start(): Promise<this> {
    await this.net.start();
    await this.core.start();
    return this;
  }

  user(name: string): User {
    return new User(name, this.net.peer.stack, this.net.sipPort('udp'));
  }

  /** The address of the app as the network knows it. */
  get appUri(): string {
    return `sip:127.0.0.1:${this.net.sipPort('udp')}`;
  }

  async app(options: HostAppOptions = {}): Promise<HostApp> {
    const app = new HostApp(this.net, options);
    this.#apps.push(app);
    return app.start();
  }

  /** A second connection without routes. */
  async outbound(): Promise<RealSrf> {
    const srf = this.net.srf();
    srf.on('error', () => undefined);
    await connectSrf(srf, this.net.connectOptions());
    return srf;
  }

  gateway(srf: RealSrf, more: Partial<PpgOptions> = {}): Ppg {
    const ppg = createPpg({
      domain: DOMAIN,
      store: 'memory',
      srf,
      notify: { allowPrivate: true },
      ...more,
      sip: { nextHop: this.core.uri('udp', 'core'), ...more.sip },
    });
    this.#gateways.push(ppg);
    return ppg;
  }

  /** An app with one gateway in it, running. */
  async appWithGateway(
    form: Form = 'mount',
    { papAt, express, ...more }: Partial<PpgOptions> & Pick<Mounted, 'papAt'> & Pick<HostAppOptions, 'express'> = {},
  ): Promise<{ app: HostApp; ppg: Ppg }> {
    let made: Ppg | undefined;
    const app = await this.app({
      ...(express !== undefined && { express }),
      mount: (srf) => {
        const ppg = this.gateway(srf, more);
        made = ppg;
        if (form === 'mount') ppg.mount(srf);
        return { front: form === 'chain' ? [ppg.middleware] : [], pap: ppg.pap(), ...(papAt && { papAt }) };
      },
    });
    const ppg = made as unknown as Ppg;
    await ppg.start();
    return { app, ppg };
  }

  async stop(): Promise<void> {
    await Promise.all(this.#gateways.map((ppg) => ppg.stop()));
    await Promise.all(this.#apps.map((app) => app.stop()));
    await Promise.all([this.net.stop(), this.core.stack.stop()]);
  }
}

/** The next event of which `which` holds. */
export const next = <K extends keyof EngineEvents>(
  ppg: Ppg,
  event: K,
  which: (value: EngineEvents[K]) => boolean = () => true,
): Promise<EngineEvents[K]> =>
  new Promise((resolve) => {
    const off = ppg.on(event, (value) => {
      if (!which(value)) return;
      off();
      resolve(value);
    });
  });

export const inState = (ppg: Ppg, state: string): Promise<EngineEvents['state']> =>
  next(ppg, 'state', (event) => event.state === state);

/** An account whose password is its name, hashed as cheaply as can be. */
export const account = async (name: string): Promise<{ name: string; passwordHash: string }> => ({
  name,
  passwordHash: await hashPassword(name, { N: 16, r: 1, p: 1 }),
});

const basic = (name: string): Record<string, string> => ({
  Authorization: `Basic ${Buffer.from(`${name}:${name}`).toString('base64')}`,
});

/** Submits a push by PAP as the account `name` and reads the answer. */
export function submitByPap(
  app: HostApp,
  name: string,
  {
    pushId = '1',
    to = `alice@${DOMAIN}`,
    path = '/pap',
    type = TYPE,
  }: { readonly pushId?: string; readonly to?: string; readonly path?: string; readonly type?: string } = {},
): Promise<PapMessage> {
  const control = `<?xml version="1.0"?><pap><push-message push-id="${pushId}"><address address-value="WAPPUSH=${to.replace('@', '%40')}/TYPE=USER@ppg.${DOMAIN}"/><quality-of-service delivery-method="confirmed"/></push-message></pap>`;
  const body = `--B\r\nContent-Type: application/xml\r\n\r\n${control}\r\n--B\r\nContent-Type: text/plain\r\n\r\nhello\r\n--B--\r\n`;
  return app.http.pap(body, type, { path, headers: basic(name) });
}
