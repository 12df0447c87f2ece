import { messageOf } from '../../base/errors.ts';
import { randomToken } from '../../base/ids.ts';
import type { Logger } from '../../base/log.ts';
import type { Device } from '../../model/device.ts';
import type { HeaderField } from '../../model/push.ts';
import type { IscHeaders } from '../isc-headers.ts';
import type { SipAnswer } from '../leg.ts';
import type { SipSender } from '../sender.ts';
import { isSafeUri, wayTo } from '../way-to.ts';
import { readTold, type Told } from './answer.ts';

/**
 * How asking a device ended: it told something, or answered and told nothing; it refuses OPTIONS; it was not there (480,
 * 404, 410); nobody answered; it could not be asked. None of them says anything of whether pushes reach it.
 */
export type QueryResult = 'told' | 'nothing' | 'refused' | 'absent' | 'silent' | 'failed';

export interface QueryAnswer {
  readonly result: QueryResult;
  readonly told: Told;
}

/** Asks one device what it can. Never rejects; takes as long as a SIP transaction without an answer, 32 s. */
export type CapabilityQuery = (aor: string, device: Device) => Promise<QueryAnswer>;

export interface CapabilityQueryOptions {
  readonly sender: Pick<SipSender, 'request' | 'identityFor'>;
  readonly log: Logger;
  /** The gateway's public service identity, a SIP URI. */
  readonly identity: string;
  /** Domain of Call-IDs. */
  readonly domain: string;
  /** What the core is told of the gateway, as for a push. */
  readonly isc: IscHeaders;
}

/** Forms in which a device may tell more (RFC 3261 section 11.1). */
const ACCEPT: HeaderField = { name: 'Accept', value: 'application/sdp, message/external-body' };

/**
 * OPTIONS to one device (RFC 3261 section 11), in the way of a push to it: to its GRUU, else to the address-of-record with
 * its instance and no-fork, since the one answer to a fork would name nobody.
 */
export function createCapabilityQuery(options: CapabilityQueryOptions): CapabilityQuery {
  const { sender, log, identity, domain, isc } = options;
  const user = /^sips?:([^@;]+)@/i.exec(identity)?.[1];

  return async (aor, device) => {
    const way = wayTo(aor, device, false, []);
    if (!isSafeUri(way.uri) || !isSafeUri(aor)) return { result: 'failed', told: {} };
    const token = randomToken();
    try {
      const { answer, leg } = await sender.request(
        {
          method: 'OPTIONS',
          uri: way.uri,
          headers: [
            { name: 'From', value: `<${identity}>;tag=${token.slice(0, 16)}` },
            { name: 'To', value: `<${aor}>` },
            { name: 'Call-ID', value: `${token}@${domain}` },
            { name: 'CSeq', value: '1 OPTIONS' },
            ...isc(),
            ...way.headers,
            ACCEPT,
          ],
        },
        {
          binary: false,
          headersFor: (by) => {
            const contact = sender.identityFor(by, user);
            return contact === undefined ? [] : [{ name: 'Contact', value: `<${contact}>` }];
          },
        },
      );
      const asked = read(answer);
      log.debug({ aor, device: device.id, leg, result: asked.result, status: statusOf(answer) }, 'OPTIONS ended');
      return asked;
    } catch (error) {
      log.error({ cause: messageOf(error) }, 'a device could not be asked what it can');
      return { result: 'failed', told: {} };
    }
  };
}

const ABSENT = new Set([404, 410, 430, 480]);

function read(answer: SipAnswer): QueryAnswer {
  if (answer.kind === 'not-sent') return { result: 'failed', told: {} };
  if (answer.kind === 'unknown' || answer.local || answer.status === 408) return { result: 'silent', told: {} };
  if (answer.status >= 300) return { result: ABSENT.has(answer.status) ? 'absent' : 'refused', told: {} };
  const told = readTold(answer);
  return { result: Object.keys(told).length === 0 ? 'nothing' : 'told', told };
}

const statusOf = (answer: SipAnswer): number | undefined => (answer.kind === 'response' ? answer.status : undefined);
