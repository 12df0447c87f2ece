import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { SipRequest, SipResponse } from '../../codec/sip/message.ts';
import type { Dialog } from '../../stack/dialog.ts';
import type { DialogAuthorizer, Outcome } from '../../stack/dialog-host.ts';
import type { ClientSubscription } from '../../stack/subscription.ts';
import type { Hop, ServerTransaction } from '../../stack/types.ts';
import type { UserAgent } from '../../stack/user-agent.ts';
import type {
  Authorize,
  DialogAnswer,
  DialogOptions,
  DialogRequest,
  SipAnswer,
  SipDialog,
  SipHandler,
} from '../leg.ts';
import { answerOf, failureOf } from './answer.ts';
import { receive } from './inbound.ts';

const NO_BODY = Buffer.alloc(0);

/** INVITE and SUBSCRIBE of the direct leg: the user agent of its stack in the leg's words. */
export class DirectDialogs {
  readonly #agent: UserAgent;
  readonly #clock: Clock;
  readonly #log: Logger;

  constructor(agent: UserAgent, clock: Clock, log: Logger) {
    this.#agent = agent;
    this.#clock = clock;
    this.#log = log;
  }

  /** Throws what the user agent throws before it sends. */
  invite(message: SipRequest, hop: Hop, options: DialogOptions): Promise<DialogAnswer> {
    return new Promise((resolve) => {
      let dialog: DirectDialog | undefined;
      const facade = (one: Dialog): DirectDialog => {
        dialog ??= new DirectDialog(one, options.onRequest, this.#clock, this.#log);
        return dialog;
      };
      const abort = (): void => call.cancel();
      const settle = (answer: DialogAnswer): void => {
        options.signal?.removeEventListener('abort', abort);
        resolve(answer);
      };
      const call = this.#agent.invite(message, hop, {
        onProvisional: ({ status, headers }) => options.onProvisional?.(status, (name) => headers.get(name)),
        onAnswer: (one, response) => {
          // The first branch of a fork that answers has the call.
          if (dialog !== undefined && dialog.inner !== one) void one.end();
          else settle(facade(one).answered(response));
        },
        onRefused: (response) => settle(answerOf(response)),
        onFailure: (failure, cause, sent) => settle(failureOf(failure, cause, sent)),
        dialog: {
          authorize: authorizerOf(options.authorize),
          onRequest: (transaction, one) => facade(one).receive(transaction),
          onEnd: (reason, one) => {
            if (dialog?.inner === one) dialog.onEnd(reason);
          },
        },
      });
      options.signal?.addEventListener('abort', abort, { once: true });
      if (options.signal?.aborted === true) abort();
    });
  }

  /** Throws what the user agent throws before it sends. */
  subscribe(message: SipRequest, hop: Hop, options: DialogOptions): Promise<DialogAnswer> {
    return new Promise((resolve) => {
      let dialog: DirectDialog | undefined;
      const facade = (one: Dialog): DirectDialog => {
        dialog ??= new DirectDialog(one, options.onRequest, this.#clock, this.#log, subscription);
        return dialog;
      };
      const subscription: ClientSubscription = this.#agent.subscribe(message, hop, {
        onAccepted: (response, one) => resolve(facade(one).answered(response)),
        onNotify: (transaction, _state, one) => facade(one).receive(transaction),
        authorize: authorizerOf(options.authorize),
        onRefused: (response) => resolve(answerOf(response)),
        onFailure: (failure, cause, sent) => resolve(failureOf(failure, cause, sent)),
        onEnd: (reason) => {
          dialog?.onEnd(reason);
          // A NOTIFY that ends it may come before the 2xx.
          if (dialog !== undefined) resolve({ kind: 'dialog', dialog, status: 200 });
        },
      });
    });
  }
}

class DirectDialog implements SipDialog {
  readonly inner: Dialog;
  remoteBody: Buffer = NO_BODY;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #subscription: ClientSubscription | undefined;
  #handler: SipHandler | undefined;
  #endListeners: ((reason: string) => void)[] = [];
  #ended: string | undefined;

  constructor(
    inner: Dialog,
    handler: SipHandler | undefined,
    clock: Clock,
    log: Logger,
    subscription?: ClientSubscription,
  ) {
    this.inner = inner;
    this.#handler = handler;
    this.#clock = clock;
    this.#log = log;
    this.#subscription = subscription;
  }

  get callId(): string {
    return this.inner.state.callId;
  }

  get ended(): boolean {
    return this.#ended !== undefined;
  }

  answered({ status, body }: SipResponse): DialogAnswer {
    this.remoteBody = body;
    return { kind: 'dialog', dialog: this, status };
  }

  async request(method: string, options: DialogRequest = {}): Promise<SipAnswer> {
    return answerTo(await this.#send(method, options));
  }

  #send(method: string, options: DialogRequest): Promise<Outcome> {
    if (method !== 'SUBSCRIBE' || this.#subscription === undefined) return this.inner.request(method, options);
    const headers = options.headers ?? [];
    const expires = Number(headers.find(({ name }) => name.toLowerCase() === 'expires')?.value ?? 3600);
    const rest = headers.filter(({ name }) => !/^(?:expires|event|o)$/i.test(name));
    return this.#subscription.refresh(expires, { ...options, headers: rest });
  }

  on(event: 'request' | 'end', listener: SipHandler | ((reason: string) => void)): this {
    if (event === 'request') this.#handler = listener as SipHandler;
    else if (this.#ended !== undefined) (listener as (reason: string) => void)(this.#ended);
    else this.#endListeners.push(listener as (reason: string) => void);
    return this;
  }

  async end(): Promise<void> {
    await (this.#subscription ?? this.inner).end();
  }

  receive(transaction: ServerTransaction): void {
    const handler: SipHandler = this.#handler ?? ((_req, _res, next) => next());
    receive(transaction, handler, this.inner.state.localTag, this.#clock, this.#log);
  }

  onEnd(reason: string): void {
    this.#ended = reason;
    for (const listener of this.#endListeners.splice(0)) listener(reason);
  }
}

/** A leg's answerer of challenges, in the stack's words. */
export function authorizerOf(authorize: Authorize | undefined): DialogAuthorizer | undefined {
  if (authorize === undefined) return undefined;
  return async (request, send) => {
    const sent = await authorize(request, async (credentials) => {
      const outcome = await send(credentials);
      return { answer: answerTo(outcome), outcome };
    });
    return sent.outcome;
  };
}

export function answerTo(outcome: Outcome): SipAnswer {
  return outcome.kind === 'response'
    ? answerOf(outcome.response)
    : failureOf(outcome.failure, outcome.cause, outcome.sent);
}
