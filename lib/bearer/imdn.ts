import type { Clock } from '../base/clock.ts';
import { stableToken } from '../base/ids.ts';
import { CPIM_TYPE, writeCpimHead } from '../codec/cpim/cpim.ts';
import { imdnRequest } from '../codec/imdn/imdn.ts';
import { headerOctets, writeHeaderBlock } from '../codec/mime/header-block.ts';
import type { Device } from '../model/device.ts';
import type { Content, HeaderField, RecipientRef } from '../model/push.ts';
import { readToken, signedToken, type TokenSecret } from '../security/token-secret.ts';
import type { DeliveryAttempt, DeliveryTarget } from './bearer.ts';
import { insidePart } from './envelope.ts';
import { entityHeadersOf } from './push-headers.ts';

/** A push that asks the device to say that it has it. */
export interface ImdnForm {
  /** Content-Type first. */
  readonly headers: readonly HeaderField[];
  readonly body: Buffer;
  /** Octets of body and headers. */
  readonly bytes: number;
}

/** Whom a disposition notification is about. */
export interface ImdnRef extends RecipientRef {
  readonly device: string;
  /** Whether that address-of-record is the one that the push went to. */
  isTo(aor: string): boolean;
}

export interface ImdnOptions {
  readonly secret: TokenSecret;
  readonly clock: Clock;
  /** The gateway's, a SIP URI: notifications are sent to it. */
  readonly identity: string;
}

/** Asks for disposition notifications, and knows whom they are about by their Message-ID alone. */
export interface ImdnAsker {
  /** The push in a message/cpim (RFC 3862) with a request of RFC 5438, its octets as they are; undefined when a header cannot be carried. */
  wrap(attempt: DeliveryAttempt, content: Content): ImdnForm | undefined;
  /** Undefined for a Message-ID that is not of this gateway, or is out of date. */
  refOf(messageId: string): ImdnRef | undefined;
}

const PURPOSE = 'imdn';
/** Notifications that come after the push has expired change nothing; a day is for clocks and slow nodes. */
const GRACE = 24 * 3600 * 1000;

/** In a feature tag: clients of RCS/CPM and OMA SIMPLE IM take message/cpim and answer IMDN requests. */
const IM_FEATURE = '+g.oma.sip-im';
const ICSI_FEATURE = '+g.3gpp.icsi-ref';
const CPM_MESSAGE = 'oma.cpm.msg';

/** Whether a device told that it takes message/cpim: by name, since `*` is what everybody says. */
export const takesCpim = ({ capabilities, features }: Device): boolean =>
  capabilities?.types?.includes(CPIM_TYPE) === true ||
  features[IM_FEATURE] !== undefined ||
  features[ICSI_FEATURE]?.includes(CPM_MESSAGE) === true;

const deviceOf = (target: DeliveryTarget): string => (target.kind === 'device' ? target.device.id : 'aor');

/** A few digits say whether two addresses are the same; who can make a token that holds could read the push anyway. */
const shortOf = (aor: string): string => stableToken(aor).slice(0, 16);

export function createImdnAsker({ secret, clock, identity }: ImdnOptions): ImdnAsker {
  const entities = new WeakMap<Content, Buffer | null>();

  function entityOf(content: Content): Buffer | undefined {
    let entity = entities.get(content);
    if (entity === undefined) {
      entity = cpimEntityOf(content) ?? null;
      entities.set(content, entity);
    }
    return entity ?? undefined;
  }

  return {
    wrap({ push, index, address, target, expiresAt }, content) {
      const entity = entityOf(content);
      if (entity === undefined) return undefined;
      const device = `${shortOf(address.aor)} ${deviceOf(target)}`;
      const messageId = signedToken(secret, PURPOSE, { push: push.key, index, device }, expiresAt + GRACE);
      const fields = [
        { name: 'From', value: `<${identity}>` },
        { name: 'To', value: `<${address.aor}>` },
        { name: 'DateTime', value: new Date(clock.now()).toISOString() },
        ...imdnRequest(messageId),
      ];
      const body = Buffer.concat([writeCpimHead(fields, entity), content.body]);
      const headers = [
        { name: 'Content-Type', value: CPIM_TYPE },
        // Outside as well: a device hands the message on by it before anybody looks inside.
        ...content.headers.filter(({ name }) => name.toLowerCase() === 'x-wap-application-id'),
      ];
      return { headers, body, bytes: body.length + headerOctets(headers) };
    },
    refOf(messageId) {
      const ref = readToken(secret, PURPOSE, messageId, clock.now());
      const [short, ...device] = ref?.device?.split(' ') ?? [];
      if (ref === undefined || short === undefined) return undefined;
      const { push, index } = ref;
      return { push, index, device: device.join(' '), isTo: (aor) => shortOf(aor) === short };
    },
  };
}

/** Headers of the content, and the blank line. What a receiver would undo on the entity goes under the prefix (REQ16). */
export function cpimEntityOf(content: Content): Buffer | undefined {
  const fields = entityHeadersOf(content)?.map(insidePart);
  return fields && writeHeaderBlock([{ name: 'Content-Type', value: content.type }, ...fields]);
}
