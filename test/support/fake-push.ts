import type { DeliveryAttempt } from '../../lib/bearer/bearer.ts';
import type { Device } from '../../lib/model/device.ts';
import type { Content, Push } from '../../lib/model/push.ts';

/** When fake pushes are accepted; the start of a FakeClock. */
export const ACCEPTED_AT: number = Date.UTC(2026, 8, 21, 14, 0, 0);

/** An accepted push of a text for `mms.ua`; give what differs. */
export function fakePush(more: Partial<Omit<Push, 'content'>> & { content?: Partial<Content> } = {}): Push {
  const { content, ...rest } = more;
  return {
    initiator: 'pi',
    pushId: 'push-1@pi.example.com',
    progressNotes: false,
    papVersion: '2.0',
    key: '01abcdefghjkmnpqrstvwx',
    acceptedAt: ACCEPTED_AT,
    expiresAt: ACCEPTED_AT + 3_600_000,
    applicationId: 'mms.ua',
    ...rest,
    content: { type: 'text/plain', headers: [], body: Buffer.from('hello'), ...content },
  };
}

export function fakeDevice(more: Partial<Device> = {}): Device {
  return { id: 'd1', contact: 'sip:alice@10.0.0.5', features: {}, expiresAt: ACCEPTED_AT + 3_600_000, ...more };
}

/** A first, confirmed attempt at Alice's address-of-record. */
export function fakeAttempt(more: Partial<DeliveryAttempt> = {}): DeliveryAttempt {
  return {
    push: fakePush(),
    address: { text: 'sip:alice@example.com', aor: 'sip:alice@example.com' },
    target: { kind: 'aor' },
    index: 0,
    attempt: 1,
    callId: 'call-1',
    fromTag: 'tag-1',
    confirmed: true,
    expiresAt: ACCEPTED_AT + 3_600_000,
    ...more,
  };
}
