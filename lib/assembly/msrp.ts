import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { AddressedOptions } from '../bearer/addressed.ts';
import type { Bearer } from '../bearer/bearer.ts';
import { createMsrpBearer } from '../bearer/msrp-session.ts';
import { createFormChoice, type ProfileRule } from '../bearer/profile.ts';
import type { SipMessageBearerOptions } from '../bearer/sip-message.ts';
import type { StatusReadings } from '../bearer/sip-outcome.ts';
import { createLateTransforming, type TransformingOptions } from '../bearer/transforming.ts';
import { parseMsrpUri } from '../codec/msrp/uri.ts';
import { type MsrpCounters, MsrpEndpoint } from '../msrp/endpoint.ts';
import { MsrpRelay, type MsrpRelayOptions } from '../msrp/relay.ts';
import type { ContentOptions } from '../options/content.ts';
import type { MsrpOptions } from '../options/msrp.ts';
import type { SipSender } from '../sip/sender.ts';
import { reachableHost } from '../stack/sent-by.ts';
import { readCredentials } from '../stack/tls-options.ts';

/** The gateway's MSRP: its sockets, and the bearer that uses them. */
export interface Msrp {
  readonly bearer: Bearer;
  readonly counters: Readonly<MsrpCounters>;
  /** Ports that are listened on. */
  readonly port: number | undefined;
  readonly tlsPort: number | undefined;
  /** Rejects with PPG_E_LISTEN. */
  start(): Promise<void>;
  /** Reads the certificate again; what is open stays. Throws PPG_E_OPTIONS, and then keeps the old one. */
  reloadTls(): void;
  /** Hangs up, and closes what is open. */
  stop(): Promise<void>;
}

export interface MsrpBearerSetting extends AddressedOptions, TransformingOptions {
  readonly sender: SipSender;
  readonly clock: Clock;
  readonly log: Logger;
  readonly readings: StatusReadings;
  readonly profiles: readonly ProfileRule[];
  readonly content: Pick<ContentOptions, 'transform'>;
  /** Learns what devices do not take. */
  readonly onRefused: SipMessageBearerOptions['onRefused'];
}

/** Throws PPG_E_OPTIONS for a certificate that cannot be used. */
export function createMsrp(options: MsrpOptions, setting: MsrpBearerSetting): Msrp {
  const { listen, advertise, networks, tls, relay: at, chunkBytes, transactionTime, reportTime, ...more } = options;
  const { maxSessions, maxConnections, ...policy } = more;
  const { clock, log, readings, profiles, content } = setting;
  const endpoint = new MsrpEndpoint({
    clock,
    log,
    listen: listen === false ? undefined : listen,
    advertise: advertise ?? (listen === false ? undefined : reachableHost(listen.host)),
    networks,
    tls: tls === undefined ? undefined : { ...pemOf(tls), port: tls.port },
    limits: { chunkBytes, transactionTime, reportTime, maxSessions, maxConnections },
  });
  const relay = at === undefined ? undefined : new MsrpRelay({ ...relayOf(at), endpoint, clock, log });
  const formFor = createFormChoice(profiles);
  const bearer = createMsrpBearer({
    ...setting,
    endpoint,
    relay,
    formFor,
    transform: content.transform ? createLateTransforming(setting, 'msrp-session') : undefined,
    options: { ...policy, readings },
  });
  return {
    bearer,
    get counters() {
      return relay === undefined
        ? endpoint.counters
        : { ...endpoint.counters, relayReady: relay.through !== undefined };
    },
    get port() {
      return endpoint.port();
    },
    get tlsPort() {
      return endpoint.port(true);
    },
    async start() {
      await endpoint.start();
      relay?.start();
    },
    reloadTls() {
      if (tls !== undefined) endpoint.reloadTls(pemOf(tls));
    },
    async stop() {
      await bearer.stop();
      relay?.stop();
      await endpoint.stop();
    },
  };
}

function relayOf({
  uri,
  user,
  password,
  ca,
}: NonNullable<MsrpOptions['relay']>): Pick<MsrpRelayOptions, 'uri' | 'user' | 'password' | 'ca'> {
  return {
    uri: parseMsrpUri(uri),
    user,
    password,
    ca: ca === undefined ? undefined : String(readCredentials({ ca }).contextOptions.ca),
  };
}

function pemOf(pair: { readonly cert: string; readonly key: string }): { cert: string; key: string } {
  const { cert, key } = readCredentials({ cert: pair.cert, key: pair.key }).contextOptions;
  return { cert: String(cert), key: String(key) };
}
