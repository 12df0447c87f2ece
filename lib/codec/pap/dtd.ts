/** Forms of attribute values in PAP; everything is CDATA to XML, the narrower forms are those of WAP-247. */
export type AttributeType = 'text' | 'identifier' | 'datetime' | 'code' | readonly string[];

export interface AttributeRule {
  readonly type: AttributeType;
  readonly required?: true;
  readonly default?: string;
  /** Unknown to PAP 1.0; strict reading minds it there. */
  readonly since2?: true;
  /** Clients leave out what is required here, or write values that the enumeration has not; strict reading minds. */
  readonly tolerant?: true;
}

/** `1`: exactly one, `?`: at most one, `*`: any number, `+`: one or more. */
export type Occurrence = '1' | '?' | '*' | '+';

export interface ChildRule {
  readonly name: string;
  readonly occurs: Occurrence;
  /** Strict reading only minds when it is missing. */
  readonly tolerant?: true;
}

export interface ElementRule {
  /** In document order. */
  readonly attributes: Readonly<Record<string, AttributeRule>>;
  /** In document order. */
  readonly children: readonly ChildRule[];
}

const text: AttributeRule = { type: 'text' };
const time: AttributeRule = { type: 'datetime' };
const code: AttributeRule = { type: 'code', required: true };
const pushId: AttributeRule = { type: 'identifier', required: true };
const flag: AttributeRule = { type: ['false', 'true'], default: 'false' };

const one = (name: string): ChildRule => ({ name, occurs: '1' });
const maybe = (name: string): ChildRule => ({ name, occurs: '?' });
const any = (name: string): ChildRule => ({ name, occurs: '*' });
const some = (name: string): ChildRule => ({ name, occurs: '+' });

/** Entity State of the PAP DTD. */
export const MESSAGE_STATES = [
  'rejected',
  'pending',
  'delivered',
  'undeliverable',
  'expired',
  'aborted',
  'timeout',
  'cancelled',
  'unknown',
] as const;

const state: AttributeRule = { type: MESSAGE_STATES, required: true };

/** The eleven messages, of which `pap` holds exactly one. */
export const MESSAGE_NAMES = [
  'push-message',
  'push-response',
  'cancel-message',
  'cancel-response',
  'resultnotification-message',
  'resultnotification-response',
  'statusquery-message',
  'statusquery-response',
  'ccq-message',
  'ccq-response',
  'badmessage-response',
] as const;

export type MessageName = (typeof MESSAGE_NAMES)[number];

/** The DTD of PAP 2.0 (WAP-247 section 9), which is also that of 1.0 with the additions of 2.0. */
export const PAP_DTD: Readonly<Record<string, ElementRule>> = Object.assign(Object.create(null), {
  pap: { attributes: { 'product-name': text }, children: MESSAGE_NAMES.map(maybe) },
  'push-message': {
    attributes: {
      'push-id': pushId,
      'replace-push-id': { type: 'identifier', since2: true },
      'replace-method': { type: ['all', 'pending-only'], default: 'all', since2: true },
      'deliver-before-timestamp': time,
      'deliver-after-timestamp': time,
      'source-reference': text,
      'ppg-notify-requested-to': text,
      'progress-notes-requested': flag,
    },
    children: [some('address'), maybe('quality-of-service')],
  },
  address: { attributes: { 'address-value': { type: 'text', required: true } }, children: [] },
  'quality-of-service': {
    attributes: {
      priority: { type: ['medium', 'high', 'low'], default: 'medium' },
      'delivery-method': {
        type: ['notspecified', 'confirmed', 'preferconfirmed', 'unconfirmed'],
        default: 'notspecified',
        // Clients ask for methods of their own (`application-level`); what they want is the gateway's choice.
        tolerant: true,
      },
      network: text,
      'network-required': flag,
      bearer: text,
      'bearer-required': flag,
    },
    children: [],
  },
  'push-response': {
    attributes: { 'push-id': pushId, 'sender-address': text, 'sender-name': text, 'reply-time': time },
    children: [any('progress-note'), one('response-result')],
  },
  'progress-note': { attributes: { stage: { type: 'text', required: true }, note: text, time }, children: [] },
  'response-result': { attributes: { code, desc: text }, children: [] },
  'cancel-message': { attributes: { 'push-id': pushId }, children: [any('address')] },
  'cancel-response': { attributes: { 'push-id': pushId }, children: [some('cancel-result')] },
  'cancel-result': { attributes: { code, desc: text }, children: [any('address')] },
  'resultnotification-message': {
    attributes: {
      'push-id': pushId,
      'sender-address': text,
      'sender-name': text,
      'received-time': time,
      'event-time': time,
      'message-state': state,
      code,
      desc: text,
    },
    children: [one('address'), maybe('quality-of-service')],
  },
  'resultnotification-response': {
    // A client in the field answers with a code and nothing else; the HTTP exchange says which push is meant.
    attributes: { 'push-id': { ...pushId, tolerant: true }, code, desc: text },
    children: [{ ...one('address'), tolerant: true }],
  },
  'statusquery-message': { attributes: { 'push-id': pushId }, children: [any('address')] },
  'statusquery-response': { attributes: { 'push-id': pushId }, children: [some('statusquery-result')] },
  'statusquery-result': {
    attributes: { 'event-time': time, 'message-state': state, code, desc: text },
    children: [any('address'), maybe('quality-of-service')],
  },
  'ccq-message': { attributes: { 'query-id': { type: 'identifier' }, 'app-id': text }, children: [one('address')] },
  'ccq-response': { attributes: { 'query-id': { type: 'identifier' }, code, desc: text }, children: [one('address')] },
  'badmessage-response': { attributes: { code, desc: text, 'bad-message-fragment': text }, children: [] },
} satisfies Record<string, ElementRule>);

/** The rule of an element, or undefined when the DTD has no such element. */
export const elementRule = (name: string): ElementRule | undefined => PAP_DTD[name];

/** True for the name of a message that `pap` may hold. */
export const isMessageName = (name: string): name is MessageName => (MESSAGE_NAMES as readonly string[]).includes(name);
