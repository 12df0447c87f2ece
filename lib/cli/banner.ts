import { isLoopback } from '../base/networks.ts';
import type { NodeConfig } from './config-schema.ts';
import { loopbackOf } from './embedded.ts';
import type { RunningNode } from './node.ts';

/** What an operator wants to know when a gateway has started, a line each. */
export function banner(config: NodeConfig, node: RunningNode): string[] {
  const { ports } = node;
  const { sip, http } = config;
  const rows: [string, string][] = [
    [
      'PAP',
      `${http.tls === undefined ? 'http' : 'https'}://${bracketed(loopbackOf(http.host))}:${ports.http}/pap   (also /healthz /readyz /metrics)`,
    ],
    ports.sip === undefined
      ? ['core', `${node.nextHop} (a real one; it registers users with the gateway at sip:${node.announced})`]
      : [
          'phones',
          `register ${config.domain} users at ${bracketed(sip.host)}:${ports.sip}, UDP or TCP${ports.sipTls === undefined ? '' : `; TLS at ${ports.sipTls}`}`,
        ],
    ['legs', legs(config, node)],
    ...(node.ppg.omaPush === undefined
      ? []
      : ([['devices', `may subscribe to pushes (oma-push) at ${config.identity ?? `sip:push@${config.domain}`}`]] as [
          string,
          string,
        ][])),
    ['store', config.store],
  ];
  const warnings: string[] = [];
  if (ports.direct === undefined) {
    warnings.push('without the direct leg binary content and requests over 3,850 octets end as undeliverable 3006;');
    warnings.push('PPG_SIP_LEG=auto brings it');
  }
  if (sip.nextHop !== undefined && sip.trustedPeers.every(isLoopback)) {
    warnings.push('registrations are taken from loopback only; set PPG_TRUSTED_PEERS to the addresses of the core');
  }
  if (config.store === 'memory') warnings.push('the store is memory: every push is lost when this process ends');
  if (node.accounts === 0) {
    warnings.push(
      'no account yet, so nobody can submit; start with PPG_INITIATORS=name:password, or put the output of',
    );
    warnings.push(
      '"drachtio-ppg hash" into config/local.json: {"ppg":{"initiators":[{"name":"…","passwordHash":"…"}]}}',
    );
  }
  const lines = rows.map(([name, text]) => `  ${name.padEnd(8)}${text}`);
  return [
    `drachtio-ppg runs for ${config.domain}`,
    ...lines,
    ...warnings.map((text, at) => `  ${(at === 0 ? 'note' : '').padEnd(8)}${text}`),
  ];
}

function legs(config: NodeConfig, { ports, announced }: RunningNode): string {
  const parts: string[] = [];
  if (ports.sipd !== undefined)
    parts.push(`drachtio-srf on sipd (SIP ${ports.sipd}${tls(ports.sipdTls)}, protocol ${ports.drachtio})`);
  else if (config.drachtio.host !== undefined) {
    parts.push(`drachtio-srf on ${config.drachtio.host}:${config.drachtio.port} (SIP ${announced})`);
  }
  if (ports.direct !== undefined) parts.push(`direct (SIP ${ports.direct}${tls(ports.directTls)})`);
  return parts.join(', ');
}

const tls = (port: number | undefined): string => (port === undefined ? '' : `, TLS ${port}`);

const bracketed = (host: string): string => (host.includes(':') ? `[${host}]` : host);
