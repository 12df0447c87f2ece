import type { Clock } from '../lib/base/clock.ts';
import { messageOf } from '../lib/base/errors.ts';
import type { Logger } from '../lib/base/log.ts';
import { SparingLine } from '../lib/base/sparing-line.ts';
import type { ImdnAsker, ImdnRef } from '../lib/bearer/imdn.ts';
import { CPIM_TYPE, cpimHeader, readCpim } from '../lib/codec/cpim/cpim.ts';
import { IMDN_TYPE, type Imdn, readImdn } from '../lib/codec/imdn/imdn.ts';
import { parseMediaType } from '../lib/codec/mime/content-type.ts';
import type { Proof } from '../lib/model/delivery.ts';
import type { Registration } from '../lib/model/device.ts';
import type { RecipientRef } from '../lib/model/push.ts';
import { PAP } from '../lib/model/result-codes.ts';
import { aorOfHeader } from '../lib/sip/aor.ts';
import type { RequestLike } from '../lib/sip/leg.ts';
import type { TrustedPeers } from '../lib/sip/trusted-peers.ts';
import type { ReportReader } from './message.ts';

export interface ImdnReaderOptions {
  readonly asker: Pick<ImdnAsker, 'refOf'>;
  readonly prove: (ref: RecipientRef, proof: Proof) => Promise<boolean>;
  /** What is known of a user: one device may be reached under several identities. */
  readonly find: (aor: string) => Registration | undefined | Promise<Registration | undefined>;
  readonly trusts: TrustedPeers;
  readonly domain: string;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Logger;
}

/**
 * Reads disposition notifications (RFC 5438 section 7) on our pushes: `message/imdn+xml` in `message/cpim`. One that is on
 * no push of ours is somebody else's. Believed is only the user to whom the push went: by P-Asserted-Identity from a
 * trusted peer, or by From where such a peer names nobody; from others 403, since From is what its sender likes.
 */
export function createImdnReader(options: ImdnReaderOptions): ReportReader {
  const { asker, prove, find, trusts, domain, clock, log } = options;
  const notTheirs = new SparingLine(clock);

  const sendersOf = (req: RequestLike, identity: readonly string[] | undefined): readonly string[] | undefined => {
    if (identity !== undefined || !trusts(req.source_address)) return identity;
    if (req.has('P-Asserted-Identity')) return undefined;
    const from = aorOfHeader(req.get('From'), domain);
    return from === undefined ? undefined : [from];
  };

  /** The same device under another identity of its user (an implicit registration set). */
  async function hasDevice(senders: readonly string[], device: string): Promise<boolean> {
    for (const aor of senders) {
      const registration = await find(aor);
      if (registration?.devices.some(({ id, instance }) => id === device && instance !== undefined)) return true;
    }
    return false;
  }

  async function judge(ref: ImdnRef, imdn: Imdn, senders: readonly string[]): Promise<void> {
    const proof = proofOf(ref, imdn);
    if (proof === undefined) return;
    if (!senders.some((aor) => ref.isTo(aor)) && !(await hasDevice(senders, ref.device))) {
      const sentence = 'a disposition notification came from another user than the push went to';
      notTheirs.say((unsaid) => log.warn({ push: ref.push, ...unsaid }, sentence));
      return;
    }
    await prove({ push: ref.push, index: ref.index }, proof);
  }

  return (req, identity) => {
    const imdn = imdnOf(req);
    const ref = imdn && asker.refOf(imdn.messageId);
    if (imdn === undefined || ref === undefined) return undefined;
    const senders = sendersOf(req, identity);
    if (senders === undefined) return 403;
    judge(ref, imdn, senders).catch((error: unknown) => {
      log.error({ push: ref.push, cause: messageOf(error) }, 'a disposition notification could not be judged');
    });
    return 200;
  };
}

/** Undefined for what is no disposition notification, or none that can be read. */
function imdnOf(req: RequestLike): Imdn | undefined {
  if (mediaType(req.get('Content-Type')) !== CPIM_TYPE) return undefined;
  try {
    const { entity, body } = readCpim(req.rawBody ?? Buffer.from(req.body));
    return mediaType(cpimHeader(entity, 'Content-Type')) === IMDN_TYPE ? readImdn(body) : undefined;
  } catch {
    return undefined; // Not ours as far as can be told: the app behind may know what it is.
  }
}

const mediaType = (value: string | undefined): string | undefined =>
  value === undefined ? undefined : parseMediaType(value)?.type;

/** Only delivery is asked for and told; `forbidden` and `error` say that nothing will be told (RFC 5438 section 7.2.1). */
function proofOf({ device }: ImdnRef, { kind, status }: Imdn): Proof | undefined {
  if (kind === 'display' && status === 'displayed')
    return { kind: 'delivered', cause: 'imdn displayed', ...by(device) };
  if (kind !== 'delivery') return undefined;
  if (status === 'delivered') return { kind: 'delivered', cause: 'imdn delivered', ...by(device) };
  if (status !== 'failed') return undefined;
  return { kind: 'failed', state: 'undeliverable', code: PAP.SERVICE_FAILURE, cause: 'imdn failed', ...by(device) };
}

const by = (device: string): { source: string; device: string } => ({ source: 'imdn', device });
