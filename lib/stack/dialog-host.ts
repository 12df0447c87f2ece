import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { SipRequest, SipResponse } from '../codec/sip/message.ts';
import type { HeaderField } from '../model/push.ts';
import type { DialogState } from './dialog-state.ts';
import type { TimerValues } from './timers.ts';
import type {
  ClientTransactionListener,
  Hop,
  InviteTransaction,
  ServerTransaction,
  SipStack,
  TransactionFailure,
} from './types.ts';

/** Why a dialog ended. */
export type DialogEnd =
  /** We ended it. */
  | 'local'
  /** The peer ended it: BYE, NOTIFY that says terminated, CANCEL of what had been answered already. */
  | 'remote'
  /** The peer knows it no more: 481, 408 or silence (RFC 3261 section 12.2.1.2). */
  | 'gone'
  /** No ACK came to our 2xx (section 13.3.1.4). */
  | 'no-ack'
  /** Nobody refreshed the session (RFC 4028) or the subscription (RFC 6665) in time. */
  | 'expired'
  /** Another branch of the fork, or an early dialog whose call ended otherwise. */
  | 'superseded'
  /** The user agent stopped. */
  | 'stopped';

/** A dialog, as the table of all sees it. */
export interface HostedDialog {
  readonly state: DialogState;
  /** A request that names it. */
  receive(transaction: ServerTransaction): void;
  /** Ends without a word to the peer. */
  finish(reason: DialogEnd): void;
}

/** A call of ours that waits for its answers, or for those of other branches of a fork. */
export interface HostedCall {
  abandon(): void;
}

/** Finds the hop for a URI; `bytes` of the request decide between UDP and TCP. May reject. */
export type HopFinder = (uri: string, bytes: number) => Hop | Promise<Hop>;

/** What dialogs and calls need of the user agent around them. */
export interface DialogHost {
  readonly stack: SipStack;
  readonly clock: Clock;
  readonly log: Logger;
  readonly values: TimerValues;
  /** The URI of our Contact. */
  contact(): string;
  readonly findHop: HopFinder;
  add(dialog: HostedDialog): void;
  remove(dialog: HostedDialog): void;
  began(call: HostedCall): void;
  over(call: HostedCall): void;
}

/** The end of a request: its final response, or why there is none. */
export type Outcome =
  | { readonly kind: 'response'; readonly response: SipResponse }
  | {
      readonly kind: 'failure';
      /** `ended`: the dialog is over; `busy`: an INVITE is under way in it (RFC 3261 section 14.1). */
      readonly failure: TransactionFailure | 'ended' | 'busy';
      readonly cause: Error;
      /** False when nobody can have seen the request. */
      readonly sent: boolean;
    };

/** Has a request of ours sent, and sent again with credentials where it is challenged (RFC 3261 section 22). */
export type DialogAuthorizer = (
  request: Pick<SipRequest, 'method' | 'uri'> & { readonly body: Buffer | undefined },
  send: (credentials: readonly HeaderField[]) => Promise<Outcome>,
) => Promise<Outcome>;

/** Start line and what is not worth counting. */
const ROUGHLY = 200;

const sizeOf = ({ headers, body }: SipRequest): number => {
  let bytes = ROUGHLY + body.length;
  for (const { name, value } of headers.fields) bytes += name.length + value.length + 4;
  return bytes;
};

/** Finds the hop for a request whose next URI is `next`, and calls one of the two. Nothing is thrown. */
export function withHop(
  host: DialogHost,
  next: string,
  request: SipRequest,
  use: (hop: Hop) => void,
  fail: (cause: Error) => void,
): void {
  const failed = (error: unknown): void => fail(error instanceof Error ? error : new Error(String(error)));
  try {
    const found = host.findHop(next, sizeOf(request));
    if (found instanceof Promise) found.then(use, failed);
    else use(found);
  } catch (error) {
    failed(error);
  }
}

/** Sends a request by a transaction and waits for its end. Never rejects. */
export function exchange(
  host: DialogHost,
  next: string,
  request: SipRequest,
  onSuccess?: (response: SipResponse) => void,
): Promise<Outcome> {
  return new Promise((resolve) => {
    const fail = (cause: Error): void => resolve({ kind: 'failure', failure: 'transport', cause, sent: false });
    withHop(
      host,
      next,
      request,
      (hop) => {
        const listener: ClientTransactionListener = {
          onResponse: (response) => {
            if (response.status < 200) return;
            // Also when it is repeated: each 2xx to INVITE wants its ACK.
            if (response.status < 300) onSuccess?.(response);
            resolve({ kind: 'response', response });
          },
          onFailure: (failure, cause) => resolve({ kind: 'failure', failure, cause, sent: transaction.sent !== false }),
        };
        const transaction: Pick<InviteTransaction, 'sent'> = host.stack.request(request, hop, listener);
      },
      fail,
    );
  });
}
