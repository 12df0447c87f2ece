import type { DeliveryMethod, Priority } from '../../model/push.ts';
import type { MessageState } from '../../model/states.ts';
import type { MessageName } from './dtd.ts';

/** What every PAP message is read with. Times are milliseconds since the epoch, addresses are text as written. */
interface PapMessageBase {
  readonly message: MessageName;
  /** Version of the document, as `2.0`. */
  readonly papVersion: string;
  /** The sender's `<?wap-pap-ver?>` list, most preferred first. */
  readonly supportedVersions?: readonly string[];
  readonly productName?: string;
}

/** quality-of-service with the defaults of the DTD filled in. */
export interface PapQos {
  readonly priority: Priority;
  readonly deliveryMethod: DeliveryMethod;
  readonly network?: string;
  readonly networkRequired: boolean;
  readonly bearer?: string;
  readonly bearerRequired: boolean;
}

export interface PushMessage extends PapMessageBase {
  readonly message: 'push-message';
  readonly pushId: string;
  readonly replacePushId?: string;
  readonly replaceMethod: 'all' | 'pending-only';
  readonly deliverBefore?: number;
  readonly deliverAfter?: number;
  readonly sourceReference?: string;
  readonly notifyUrl?: string;
  readonly progressNotes: boolean;
  readonly addresses: readonly string[];
  readonly qos?: PapQos;
}

export interface ProgressNote {
  readonly stage: string;
  readonly note?: string;
  readonly time?: number;
}

export interface PushResponse extends PapMessageBase {
  readonly message: 'push-response';
  readonly pushId: string;
  readonly senderAddress?: string;
  readonly senderName?: string;
  readonly replyTime?: number;
  readonly progressNotes: readonly ProgressNote[];
  readonly code: number;
  readonly desc?: string;
}

export interface CancelMessage extends PapMessageBase {
  readonly message: 'cancel-message';
  readonly pushId: string;
  /** Empty: all recipients. */
  readonly addresses: readonly string[];
}

export interface CancelResponse extends PapMessageBase {
  readonly message: 'cancel-response';
  readonly pushId: string;
  readonly results: readonly { readonly code: number; readonly desc?: string; readonly addresses: readonly string[] }[];
}

export interface ResultNotification extends PapMessageBase {
  readonly message: 'resultnotification-message';
  readonly pushId: string;
  readonly senderAddress?: string;
  readonly senderName?: string;
  readonly receivedTime?: number;
  readonly eventTime?: number;
  readonly state: MessageState;
  readonly code: number;
  readonly desc?: string;
  readonly address: string;
  readonly qos?: PapQos;
}

export interface ResultNotificationResponse extends PapMessageBase {
  readonly message: 'resultnotification-response';
  readonly pushId?: string;
  readonly code: number;
  readonly desc?: string;
  readonly address?: string;
}

export interface StatusQuery extends PapMessageBase {
  readonly message: 'statusquery-message';
  readonly pushId: string;
  /** Empty: all recipients. */
  readonly addresses: readonly string[];
}

export interface StatusQueryResult {
  readonly state: MessageState;
  readonly code: number;
  readonly desc?: string;
  readonly eventTime?: number;
  readonly addresses: readonly string[];
  readonly qos?: PapQos;
}

export interface StatusQueryResponse extends PapMessageBase {
  readonly message: 'statusquery-response';
  readonly pushId: string;
  readonly results: readonly StatusQueryResult[];
}

export interface CapabilityQuery extends PapMessageBase {
  readonly message: 'ccq-message';
  readonly queryId?: string;
  readonly appId?: string;
  readonly address: string;
}

export interface CapabilityQueryResponse extends PapMessageBase {
  readonly message: 'ccq-response';
  readonly queryId?: string;
  readonly code: number;
  readonly desc?: string;
  readonly address: string;
}

export interface BadMessageResponse extends PapMessageBase {
  readonly message: 'badmessage-response';
  readonly code: number;
  readonly desc?: string;
  readonly fragment?: string;
}

/** Any of the eleven messages, told apart by `message`. */
export type PapMessage =
  | PushMessage
  | PushResponse
  | CancelMessage
  | CancelResponse
  | ResultNotification
  | ResultNotificationResponse
  | StatusQuery
  | StatusQueryResponse
  | CapabilityQuery
  | CapabilityQueryResponse
  | BadMessageResponse;
