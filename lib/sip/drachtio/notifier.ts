import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { SparingLine } from '../../base/sparing-line.ts';
import type { HeaderField } from '../../model/push.ts';
import { granted, Notifier, type NotifierPort } from '../../stack/notifier.ts';
import { askedBy, verdictOf } from '../incoming-subscription.ts';
import type {
  AcceptOptions,
  IncomingSubscription,
  Next,
  RequestLike,
  ResponseLike,
  SipAnswer,
  SipNotifier,
  SubscriptionHandler,
} from '../leg.ts';
import { guardedHandler } from '../safe-handler.ts';
import { notSent } from './answer.ts';
import { type SrfDialog, type SrfLike, srfPort } from './srf-like.ts';
import { sendWithin, type WithinOptions } from './within.ts';

export interface DrachtioNotifiersOptions extends WithinOptions {
  /** That which SUBSCRIBEs come by. */
  readonly srf: SrfLike;
  readonly log: Logger;
}

/** Subscriptions that are remembered when they are over; the oldest goes. */
const MAX_OVER = 1_000;

type OwnNotifier = Notifier<SipAnswer, RequestLike>;

/** SUBSCRIBEs of peers on the drachtio leg, by createUAS of drachtio-srf. */
export class DrachtioNotifiers {
  handler: SubscriptionHandler | undefined;
  readonly #options: DrachtioNotifiersOptions;
  readonly #open = new Set<OwnNotifier>();
  readonly #noDialog: SparingLine;
  /** Call-IDs of subscriptions that have ended: whoever refreshes one gets 481. */
  readonly #over = new Set<string>();

  constructor(options: DrachtioNotifiersOptions) {
    this.#options = options;
    this.#noDialog = new SparingLine(options.clock);
  }

  /** A handler in drachtio's form; what it does not want goes to `next`. */
  readonly middleware = (req: RequestLike, res: ResponseLike, next: Next): void => {
    const { handler } = this;
    const within = TO_TAG.test(req.get('To') ?? '');
    // drachtio-srf shows what belongs to a dialog that it has no more; what was never ours is the host's.
    if (within && this.#over.has(req.get('Call-ID') ?? '')) this.#attempt(() => res.send(481));
    // The direct leg's requests have their octets.
    else if (handler === undefined || within || req.rawBody !== undefined) next();
    else this.#guarded(req, res, next);
  };

  readonly #guarded = (req: RequestLike, res: ResponseLike, next: Next): void =>
    guardedHandler((one, answer, pass) => this.handler?.(this.#subscription(one, answer), pass), this.#options.log)(
      req,
      res,
      next,
    );

  /** The server forgets its dialogs with the connection. */
  lost(reason: string): void {
    for (const notifier of [...this.#open]) notifier.lost(reason);
  }

  #subscription(req: RequestLike, res: ResponseLike): IncomingSubscription {
    return {
      ...askedBy(req),
      accept: (options) => this.#accept(req, res, options),
      reject: (status, options) => {
        if (res.finalResponseSent === true) return;
        this.#attempt(() => res.send(status, options));
      },
    };
  }

  #accept(req: RequestLike, res: ResponseLike, options: AcceptOptions): Promise<SipNotifier | undefined> {
    const { srf, clock, guard, log } = this.#options;
    const port = srfPort(srf);
    if (res.finalResponseSent === true) return Promise.resolve(undefined);
    if (port.createUAS === undefined || !req.has('Contact')) {
      // drachtio-srf would answer 202 and then find that it can make no dialog
      this.#attempt(() => res.send(port.createUAS === undefined ? 501 : 400));
      return Promise.resolve(undefined);
    }
    const createUas = port.createUAS.bind(port);
    return new Promise((resolve) => {
      const timer = clock.setTimeout(() => settle(undefined), guard);
      const settle = (notifier: SipNotifier | undefined): void => {
        clock.clearTimeout(timer);
        resolve(notifier);
      };
      const headers = objectOf([...(options.headers ?? []), granted(options.expires)]);
      try {
        createUas(req, res, { headers }, (error, dialog) => {
          if (dialog !== undefined && !error) settle(this.#begin(req, dialog, options));
          else {
            const cause = messageOf(error);
            this.#noDialog.say((unsaid) => log.warn({ cause, ...unsaid }, 'a SUBSCRIBE makes no dialog'));
            settle(undefined);
          }
        });
      } catch (error) {
        log.warn({ cause: messageOf(error) }, 'drachtio-srf could not accept a SUBSCRIBE');
        settle(undefined);
      }
    });
  }

  #begin(req: RequestLike, dialog: SrfDialog, { authorize, ...options }: AcceptOptions): OwnNotifier {
    const { srf, clock, log } = this.#options;
    const port: NotifierPort<SipAnswer> = {
      clock,
      callId: dialog.sip.callId,
      send: (parts) => sendWithin(dialog, 'NOTIFY', parts, this.#options, authorize),
      verdict: verdictOf,
      refuse: (cause) => notSent('PPG_E_LEG_DOWN', cause),
      close: () => {
        this.#open.delete(notifier);
        this.#remember(dialog.sip.callId);
        srfPort(srf).removeDialog?.(dialog);
      },
      onUserError: (error) => log.error({ err: error }, 'a user of a subscription threw'),
    };
    const notifier: OwnNotifier = new Notifier(port, req.get('Event') ?? '', options);
    this.#open.add(notifier);
    dialog.on('subscribe', (again, res) => {
      const fields = { event: again.get('Event'), expires: again.get('Expires') };
      notifier.onSubscribe(again, fields, (status, headers) =>
        this.#attempt(() => res.send(status, { headers: objectOf(headers) })),
      );
    });
    // drachtio-srf has answered it by 202.
    dialog.on('unsubscribe', (again) => notifier.onUnsubscribed(again));
    notifier.begin();
    return notifier;
  }

  #remember(callId: string): void {
    this.#over.add(callId);
    if (this.#over.size > MAX_OVER) for (const oldest of this.#over) if (this.#over.delete(oldest)) break;
  }

  #attempt(work: () => unknown): void {
    try {
      work();
    } catch (error) {
      this.#options.log.warn({ cause: messageOf(error) }, 'drachtio-srf could not answer');
    }
  }
}

const TO_TAG = /;[ \t]*tag[ \t]*=/i;

function objectOf(fields: readonly HeaderField[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const { name, value } of fields)
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  return headers;
}
