import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { escapeXml } from '../../../lib/codec/pap/template.ts';
import { run } from '../../support/process.ts';
import { Hss, type Profile } from '../diameter-hss.ts';
import { DOMAIN } from '../gateway.ts';
import { Kamailio } from './kamailio.ts';

const LOOK_AGAIN = 100; // ms

/** A subscriber of the home network, and what his application server is told of his registrations. */
export interface Subscriber {
  /** Public identities; the first is his name of the home network. */
  readonly identities: readonly string[];
  /** URI of the application server. */
  readonly server: string;
  /** The body of third-party REGISTERs (3GPP TS 29.228 annex B). */
  readonly tells: Tells;
}

export type Tells = 'request' | 'response' | 'request and response' | 'service information' | 'nothing';

export interface ScscfOptions {
  /** Whether application servers may subscribe to the reg event of users. Default true. */
  readonly trusts?: boolean;
}

/** Kamailio as the S-CSCF of the domain, with a home subscriber server beside it. */
export class Scscf {
  readonly kamailio: Kamailio;
  readonly hss: Hss;
  readonly #subscribers: Subscriber[];

  private constructor(kamailio: Kamailio, hss: Hss, subscribers: Subscriber[]) {
    this.kamailio = kamailio;
    this.hss = hss;
    this.#subscribers = subscribers;
  }

  /** Resolves once devices may register. */
  static async start({ trusts = true }: ScscfOptions = {}): Promise<Scscf> {
    const subscribers: Subscriber[] = [];
    const profile = (identity: string): Profile | undefined => {
      const found = subscribers.find(({ identities }) => identities.includes(identity));
      return found === undefined ? undefined : profileOf(found);
    };
    const hss = await Hss.start({ host: `hss.${DOMAIN}`, realm: DOMAIN, profile });
    try {
      const kamailio = await Kamailio.start({
        config: 'scscf.cfg',
        values: { TRUSTED: trusts ? 'yes' : 'no', DEBUG: process.env['KAMAILIO_DEBUG'] ?? '1' },
        files: { 'diameter.xml': diameterPeer(hss.port) },
      });
      await hss.watched;
      return new Scscf(kamailio, hss, subscribers);
    } catch (error) {
      await hss.stop();
      throw error;
    }
  }

  /** Where devices register. */
  get at(): { readonly host: string; readonly port: number } {
    return { host: '127.0.0.1', port: this.kamailio.port };
  }

  /** Adds a subscriber of this name and the URIs that are his as well, replacing what had the name. */
  subscribe(user: string, subscriber: Omit<Subscriber, 'identities'>, others: readonly string[] = []): void {
    const identities = [`sip:${user}@${DOMAIN}`, ...others];
    const at = this.#subscribers.findIndex((one) => one.identities[0] === identities[0]);
    if (at >= 0) this.#subscribers.splice(at, 1);
    this.#subscribers.push({ ...subscriber, identities });
  }

  /** Resolves once it has given up a user whose contacts have run out, a few seconds later; it tells nobody. */
  async forgot(user: string): Promise<void> {
    const socket = `unix:${join(this.kamailio.folder, 'run', 'kamailio_ctl')}`;
    for (;;) {
      const { stdout } = await run('kamcmd', ['-s', socket, 'ulscscf.showimpu', `sip:${user}@${DOMAIN}`]);
      if (!stdout.includes('impu:')) return;
      await wait(LOOK_AGAIN);
    }
  }

  async stop(): Promise<void> {
    await this.kamailio.end();
    await this.hss.stop();
  }
}

/** Looks every second whether the server is there, and knows no other Diameter application than Cx. */
const diameterPeer = (port: number): string => `<?xml version="1.0" encoding="UTF-8"?>
<DiameterPeer FQDN="scscf.${DOMAIN}" Realm="${DOMAIN}" Vendor_Id="10415" Product_Name="S-CSCF" AcceptUnknownPeers="0"
  DropUnknownOnDisconnect="1" Tc="1" Workers="1" QueueLength="8" ConnectTimeout="5" TransactionTimeout="5"
  SessionsHashSize="8" DefaultAuthSessionTimeout="60" MaxAuthSessionTimeout="300">
  <Peer FQDN="127.0.0.1" Realm="${DOMAIN}" port="${port}"/>
  <Auth id="16777216" vendor="10415"/>
  <SupportedVendor vendor="10415"/>
  <DefaultRoute FQDN="127.0.0.1" metric="10"/>
</DiameterPeer>
`;

const INCLUDE: Readonly<Record<Tells, string>> = {
  request: '<Extension><IncludeRegisterRequest/></Extension>',
  response: '<Extension><IncludeRegisterResponse/></Extension>',
  'request and response': '<Extension><IncludeRegisterRequest/><IncludeRegisterResponse/></Extension>',
  'service information': '<ServiceInfo>silver</ServiceInfo>',
  nothing: '',
};

/** A user profile with one filter criterion: every REGISTER, whatever it does. */
function profileOf({ identities, server, tells }: Subscriber): Profile {
  const [first = ''] = identities;
  const privateIdentity = first.slice('sip:'.length);
  const identity = (uri: string): string => `<PublicIdentity><Identity>${escapeXml(uri)}</Identity></PublicIdentity>`;
  const xml =
    `<?xml version="1.0" encoding="UTF-8"?><IMSSubscription><PrivateID>${escapeXml(privateIdentity)}</PrivateID>` +
    `<ServiceProfile>${identities.map(identity).join('')}` +
    '<InitialFilterCriteria><Priority>0</Priority><TriggerPoint><ConditionTypeCNF>0</ConditionTypeCNF>' +
    '<SPT><ConditionNegated>0</ConditionNegated><Group>0</Group><Method>REGISTER</Method></SPT></TriggerPoint>' +
    `<ApplicationServer><ServerName>${escapeXml(server)}</ServerName><DefaultHandling>0</DefaultHandling>` +
    `${INCLUDE[tells]}</ApplicationServer></InitialFilterCriteria></ServiceProfile></IMSSubscription>`;
  return { privateIdentity, xml };
}
