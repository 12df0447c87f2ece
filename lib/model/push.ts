import type { RecipientAddress } from './address.ts';
import type { ClientCapabilities } from './client-capabilities.ts';
import type { Attempted, RecipientState } from './states.ts';

export type Priority = 'high' | 'medium' | 'low';

/** delivery-method of WAP-247's quality-of-service element. */
export type DeliveryMethod = 'confirmed' | 'preferconfirmed' | 'unconfirmed' | 'notspecified';

export interface QualityOfService {
  readonly priority: Priority;
  readonly deliveryMethod: DeliveryMethod;
  readonly network?: string;
  readonly networkRequired: boolean;
  readonly bearer?: string;
  readonly bearerRequired: boolean;
}

/** One header field as it was written: the name in the writer's case, the value without its line end. */
export interface HeaderField {
  readonly name: string;
  readonly value: string;
}

/** The content entity of a push, octet for octet as the Push Initiator sent it (REQ16). */
export interface Content {
  /** The whole Content-Type value, parameters included. */
  readonly type: string;
  /** Every other header of the content entity, in order, Content-Type left out. */
  readonly headers: readonly HeaderField[];
  readonly body: Buffer;
}

/** Which push is replaced, and for whom: `all` listed recipients, or those only for whom the old one still waited. */
export interface Replacement {
  readonly pushId: string;
  readonly method: 'all' | 'pending-only';
}

/** A push as submitted: checked for form, not yet accepted. Times are milliseconds since the epoch. */
export interface Submission {
  /** Name of the account that submits; push-ids are unique within it. */
  readonly initiator: string;
  readonly pushId: string;
  readonly recipients: readonly RecipientAddress[];
  /** Absent when the document had no quality-of-service element: then nothing is echoed either. */
  readonly qos?: QualityOfService;
  readonly deliverBefore?: number;
  readonly deliverAfter?: number;
  readonly sourceReference?: string;
  readonly notifyUrl?: string;
  readonly progressNotes: boolean;
  /** Takes the place of an earlier push of the same initiator (replace-push-id of WAP-247). */
  readonly replaces?: Replacement;
  /** What the Push Initiator took for granted of the client (the capabilities entity of WAP-247). */
  readonly capabilities?: ClientCapabilities;
  /** PAP version of the document, as `2.0`; messages about the push use the same (WAP-247 section 8). */
  readonly papVersion: string;
  readonly content: Content;
}

/** An accepted push, without its recipients. */
export interface Push extends Omit<Submission, 'recipients' | 'content'> {
  /** The gateway's own key; keys sort in the order of acceptance. */
  readonly key: string;
  readonly acceptedAt: number;
  /** When pending recipients expire: deliver-before, or acceptance plus `limits.maxAge`. */
  readonly expiresAt: number;
  /** X-Wap-Application-Id in its canonical form, `wml.ua` when the PI named none; see model/application-id. */
  readonly applicationId: string;
  /** Gone (`undefined`) once the last recipient is final. */
  readonly content?: Content;
}

/** Names one recipient of one push. */
export interface RecipientRef {
  readonly push: string;
  /** Place of the recipient's address in the submission, from 0. */
  readonly index: number;
}

/** What happened on one try to one device. Never holds content. */
export interface AttemptRecord {
  readonly attempt: number;
  /** Device id, or `aor` for a request that was left to the core to fork. */
  readonly device: string;
  readonly bearer: string;
  readonly leg?: string;
  readonly callId: string;
  readonly startedAt: number;
  readonly endedAt: number;
  /** The kind of the DeliveryResult. */
  readonly result: string;
  /** PAP code that the result maps to. */
  readonly code: number;
  /** In the operator's terms, as `sip 486` or `no answer within 32 s`. */
  readonly cause: string;
}

/** A recipient of an accepted push as the store holds it. */
export interface Recipient extends RecipientRef {
  readonly address: RecipientAddress;
  readonly state: RecipientState;
  readonly code: number;
  readonly desc: string;
  readonly attempted: Attempted;
  /** Number of claims so far. It only rises, so it is also the fence of the attempt, and its CSeq is made of it. */
  readonly attempt: number;
  /** Tries in a row that found the user offline; the slow retry doubles with it. */
  readonly offlineTries: number;
  /** When the state last changed. */
  readonly eventTime: number;
  /** Reported in QoS echoes: what was in fact used. */
  readonly deliveredBy: 'confirmed' | 'unconfirmed';
  /** The last {@link MAX_ATTEMPT_RECORDS} attempts, oldest first. */
  readonly attempts: readonly AttemptRecord[];
}

/** How many attempt records a recipient keeps: enough to explain a failure, bounded for a push that waits for days. */
export const MAX_ATTEMPT_RECORDS = 32;

const PRIORITY_RANK: Record<Priority, number> = { high: 0, medium: 1, low: 2 };

/** Sort order of priorities: smaller leaves first. */
export const priorityRank = (push: Pick<Push, 'qos'>): number => PRIORITY_RANK[push.qos?.priority ?? 'medium'];
