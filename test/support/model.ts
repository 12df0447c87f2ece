import type { RecipientAddress } from '../../lib/model/address.ts';
import type { Claim } from '../../lib/model/delivery.ts';
import type { Device, Registration } from '../../lib/model/device.ts';
import type { AttemptRecord, DeliveryMethod, Push, Submission } from '../../lib/model/push.ts';

const NEVER = Number.MAX_SAFE_INTEGER;

export const qos = (deliveryMethod: DeliveryMethod): NonNullable<Submission['qos']> => ({
  priority: 'medium',
  deliveryMethod,
  networkRequired: false,
  bearerRequired: false,
});

export const address = (user: string, more: Partial<RecipientAddress> = {}): RecipientAddress => ({
  text: `WAPPUSH=sip%3A${user}%40ims.test/TYPE=USER@ppg.test`,
  aor: `sip:${user}@ims.test`,
  ...more,
});

/** A submission for one recipient; each test changes what it is about. */
export const submission = (more: Partial<Submission> = {}): Submission => ({
  initiator: 'mmsc',
  pushId: '1@pi.test',
  recipients: [address('alice')],
  progressNotes: false,
  papVersion: '2.0',
  content: { type: 'text/plain', headers: [], body: Buffer.from('hello') },
  ...more,
});

export function push(more: Partial<Push> = {}): Push {
  const { recipients: _, ...rest } = submission();
  return { ...rest, key: 'k1', acceptedAt: 0, expiresAt: NEVER, applicationId: 'mms.ua', ...more };
}

export const claim = (more: Partial<Claim> = {}): Claim => ({
  push: 'k1',
  index: 0,
  pushData: push(),
  address: address('alice'),
  attempt: 1,
  attempted: 'no',
  offlineTries: 0,
  attempts: [],
  owner: 'node',
  leaseUntil: NEVER,
  ...more,
});

export const record = (result: string, more: Partial<AttemptRecord> = {}): AttemptRecord => ({
  attempt: 1,
  device: 'aor',
  bearer: 'sip-message',
  callId: 'c@ims.test',
  startedAt: 0,
  endedAt: 0,
  result,
  code: 4000,
  cause: result,
  ...more,
});

export const device = (id: string, applications?: string[], more: Partial<Device> = {}): Device => ({
  id,
  contact: `sip:${id}@10.0.0.1`,
  instance: `urn:uuid:${id}`,
  ...(applications !== undefined && { applications }),
  features: {},
  expiresAt: NEVER,
  ...more,
});

export const registration = (devices: Device[], more: Partial<Registration> = {}): Registration => ({
  aor: 'sip:alice@ims.test',
  registered: true,
  devices,
  updatedAt: 0,
  expiresAt: NEVER,
  ...more,
});
