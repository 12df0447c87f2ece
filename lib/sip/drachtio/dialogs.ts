import type { Clock, TimerHandle } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type {
  Authorize,
  DialogAnswer,
  DialogOptions,
  DialogRequest,
  OutboundRequest,
  RequestLike,
  SipAnswer,
  SipDialog,
  SipHandler,
} from '../leg.ts';
import { guardedHandler } from '../safe-handler.ts';
import { answerOfSrf, isUnreachable, notSent, refusal, unknown } from './answer.ts';
import { type SrfCall, toSrfCall } from './frame.ts';
import { connectionTo, type HopOpening } from './hop-opening.ts';
import { type SrfDialog, type SrfInvite, type SrfLike, type SrfPort, type SrfResponse, srfPort } from './srf-like.ts';
import { sendWithin } from './within.ts';

/** Longest ringing, milliseconds (RFC 3261 section 16.6, timer C); the direct leg has the same. */
const RING_FOR = 180_000;

/** What a dialog of drachtio-srf tells by events of their names; it answers for whom nobody listens. */
const SHOWN = ['notify', 'info', 'message', 'options', 'refer', 'publish', 'update', 'modify'];

/** What createUAC reports of an error: a SipError has the response. */
interface SrfError {
  readonly res?: SrfResponse;
}

/** RFC 6665 section 4.1.3 */
const TERMINATED = /^\s*terminated\b/i;

export interface DrachtioDialogsOptions {
  readonly srf: SrfLike;
  readonly clock: Clock;
  readonly log: Logger;
  /** Milliseconds a request may go without a final answer. */
  readonly guard: number;
  readonly domain: string | undefined;
  /** By whom the first request to a hop goes alone, as those of the leg do. */
  readonly hops: HopOpening;
  /** False when nothing may be sent any more. */
  readonly ready: () => boolean;
}

/** INVITE and SUBSCRIBE of the drachtio leg, by createUAC of drachtio-srf in its callback form. */
export class DrachtioDialogs {
  readonly #options: DrachtioDialogsOptions;
  /** Settles what is under way; by request. */
  readonly #open = new Set<(cause: string) => void>();

  constructor(options: DrachtioDialogsOptions) {
    this.#options = options;
  }

  /** The link is lost, or the leg stops. The server forgets its dialogs with the connection. */
  lost(cause: string): void {
    for (const settle of [...this.#open]) settle(cause);
  }

  begin(request: OutboundRequest, options: DialogOptions): Promise<DialogAnswer> {
    const port = srfPort(this.#options.srf);
    if (port.createUAC === undefined) return refuse('PPG_E_LEG_CANNOT', 'this Srf has no createUAC()');
    const isCall = request.method === 'INVITE';
    const call = toSrfCall(request, this.#options.domain);
    if (call.kind === 'cannot') return refuse(call.code, call.reason);
    // drachtio-srf would make up an answer to the offer in the 2xx.
    if (isCall && call.options.body === undefined) return refuse('PPG_E_LEG_CANNOT', 'an INVITE without an offer');
    const create = port.createUAC.bind(port);
    const { ifRefused } = call;
    const begun = this.#begin(create, call, request, options);
    if (ifRefused === undefined) return begun;
    return begun.then((answer) =>
      isUnreachable(answer) && this.#options.ready() && options.signal?.aborted !== true
        ? this.#begin(create, { ...call, options: ifRefused }, request, options)
        : answer,
    );
  }

  #begin(
    create: NonNullable<SrfPort['createUAC']>,
    call: Extract<SrfCall, { readonly kind: 'call' }>,
    request: OutboundRequest,
    options: DialogOptions,
  ): Promise<DialogAnswer> {
    const hop = connectionTo(call.options.proxy ?? call.uri);
    const opened = hop === undefined ? undefined : this.#options.hops.enter(hop);
    if (opened === undefined) return this.#create(create, call, hop, request, options);
    return opened.then(() => {
      if (request.method === 'INVITE' && options.signal?.aborted === true) return CANCELLED;
      if (!this.#options.ready()) return notSent('PPG_E_LEG_DOWN', 'no link to the drachtio server');
      return this.#create(create, call, hop, request, options);
    });
  }

  #create(
    create: NonNullable<SrfPort['createUAC']>,
    call: Extract<SrfCall, { readonly kind: 'call' }>,
    hop: string | undefined,
    request: OutboundRequest,
    options: DialogOptions,
  ): Promise<DialogAnswer> {
    const { clock, log, guard, hops } = this.#options;
    const isCall = request.method === 'INVITE';
    const { body, headers, proxy } = call.options;
    return new Promise((resolve) => {
      const state: { sent?: SrfInvite; settled: boolean; timer: TimerHandle } = { settled: false, timer: undefined };
      const settle = (answer: DialogAnswer): void => {
        if (state.settled) return;
        state.settled = true;
        this.#open.delete(lost);
        clock.clearTimeout(state.timer);
        options.signal?.removeEventListener('abort', cancel);
        if (hop !== undefined) hops.heard(hop, isHeard(answer));
        resolve(answer);
      };
      const lost = (cause: string): void => settle(unknown(cause));
      const cancel = (): void => {
        // Before the server has confirmed the INVITE there is nothing to name in a CANCEL: the callback comes back here.
        if (!isCall || state.settled || state.sent === undefined) return;
        attempt(log, () => state.sent?.cancel({}, () => undefined));
      };
      this.#open.add(lost);
      state.timer = clock.setTimeout(
        () => {
          cancel();
          if (!isCall) {
            settle(unknown(`no answer within ${guard} ms`));
            return;
          }
          state.timer = clock.setTimeout(() => settle(unknown('no answer after CANCEL')), guard);
        },
        isCall ? RING_FOR : guard,
      );
      options.signal?.addEventListener('abort', cancel, { once: true });
      try {
        create(
          {
            uri: call.uri,
            method: request.method,
            headers,
            ...(body !== undefined && { localSdp: body }),
            ...(proxy !== undefined && { proxy }),
          },
          {
            cbRequest: (error, sent) => {
              if (error || sent === undefined) return;
              state.sent = sent;
              if (options.signal?.aborted === true) cancel();
            },
            cbProvisional: (response) => {
              if (hop !== undefined) hops.heard(hop, true);
              options.onProvisional?.(response.status, (name) => response.get(name));
            },
          },
          (error, dialog) => {
            if (dialog === undefined || error) {
              settle(answerToError(error));
              return;
            }
            const facade = new DrachtioDialog(dialog, request, options, this.#options);
            this.#watch(facade);
            const givenUp = state.settled || (options.signal?.aborted === true && isCall);
            if (!givenUp) {
              settle({ kind: 'dialog', dialog: facade, status: dialog.res?.status ?? 200 });
              return;
            }
            // Whoever gave up has no use for the dialog: it must not stay with the peer.
            void facade.end();
            settle(CANCELLED);
          },
        );
      } catch (error) {
        // drachtio-srf throws before it writes, and only while the link is down
        settle(notSent('PPG_E_LEG_DOWN', messageOf(error)));
      }
    });
  }

  #watch(dialog: DrachtioDialog): void {
    const lost = (): void => dialog.onEnd('link lost');
    this.#open.add(lost);
    dialog.on('end', () => this.#open.delete(lost));
  }
}

class DrachtioDialog implements SipDialog {
  readonly callId: string;
  readonly remoteBody: Buffer;
  readonly #dialog: SrfDialog;
  readonly #options: DrachtioDialogsOptions;
  readonly #subscribe: OutboundRequest | undefined;
  readonly #authorize: Authorize | undefined;
  #handler: SipHandler | undefined;
  #endListeners: ((reason: string) => void)[] = [];
  #ended: string | undefined;

  constructor(
    dialog: SrfDialog,
    request: OutboundRequest,
    { onRequest, authorize }: DialogOptions,
    options: DrachtioDialogsOptions,
  ) {
    this.#dialog = dialog;
    this.#options = options;
    this.#handler = onRequest;
    this.#authorize = authorize;
    this.#subscribe = request.method === 'INVITE' ? undefined : request;
    this.callId = dialog.sip.callId;
    this.remoteBody = Buffer.from(dialog.remote.sdp ?? '', 'utf8');
    const guarded = guardedHandler((req, res, next) => (this.#handler ?? refuseAll)(req, res, next), options.log);
    for (const event of SHOWN)
      dialog.on(event, (req, res) => {
        guarded(req, res, () => refuseAll(req, res, () => undefined));
        if (event === 'notify') this.#onNotified(req);
      });
    dialog.on('destroy', () => this.onEnd('remote'));
  }

  get ended(): boolean {
    return this.#ended !== undefined;
  }

  request(method: string, options: DialogRequest = {}): Promise<SipAnswer> {
    if (this.#ended !== undefined) return refuse('PPG_E_LEG_DOWN', `the dialog has ended: ${this.#ended}`);
    return this.#exchange(method, options);
  }

  async #exchange(method: string, options: DialogRequest): Promise<SipAnswer> {
    const answer = await sendWithin(this.#dialog, method, options, this.#options, this.#authorize);
    // RFC 3261 section 12.2.1.2: the peer knows the dialog no more.
    if (answer.kind === 'response' && answer.status === 481) this.onEnd('gone');
    return answer;
  }

  /** drachtio-srf ends a subscription by itself only when subscriber and notifier have the same URI. */
  #onNotified(req: RequestLike): void {
    if (this.#subscribe === undefined || !TERMINATED.test(req.get('Subscription-State') ?? '')) return;
    this.onEnd('remote');
  }

  on(event: 'request' | 'end', listener: SipHandler | ((reason: string) => void)): this {
    if (event === 'request') this.#handler = listener as SipHandler;
    else if (this.#ended !== undefined) (listener as (reason: string) => void)(this.#ended);
    else this.#endListeners.push(listener as (reason: string) => void);
    return this;
  }

  async end(): Promise<void> {
    if (this.#ended !== undefined) return;
    if (this.#subscribe !== undefined) {
      // destroy() of drachtio-srf speaks as the notifier: it would send a NOTIFY
      const event = this.#subscribe.headers.find(({ name }) => /^(?:event|o)$/i.test(name))?.value ?? '';
      const headers = [
        { name: 'Event', value: event },
        { name: 'Expires', value: '0' },
      ];
      await this.request('SUBSCRIBE', { headers });
      this.onEnd('local');
      return;
    }
    if (this.#authorize !== undefined) {
      // destroy() would not say that the BYE was challenged
      const bye = this.#exchange('BYE', {});
      this.onEnd('local');
      await bye;
      return;
    }
    const { clock, guard, log } = this.#options;
    const destroyed = new Promise<void>((resolve) => {
      const timer = clock.setTimeout(resolve, guard);
      const done = (): void => {
        clock.clearTimeout(timer);
        resolve();
      };
      if (!attempt(log, () => this.#dialog.destroy({}, done))) done();
    });
    this.onEnd('local');
    await destroyed;
  }

  onEnd(reason: string): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    if (this.#subscribe !== undefined) srfPort(this.#options.srf).removeDialog?.(this.#dialog);
    for (const listener of this.#endListeners.splice(0)) listener(reason);
  }
}

/** Whether somebody beyond the server answered. */
const isHeard = (answer: DialogAnswer): boolean =>
  answer.kind === 'dialog' || (answer.kind === 'response' && !answer.local);

/** As the direct leg answers when a 2xx crosses the CANCEL. */
const CANCELLED: SipAnswer = {
  kind: 'response',
  status: 487,
  reason: 'Request Terminated',
  get: () => undefined,
  body: Buffer.alloc(0),
  local: true,
};

/** What the direct leg says when nobody takes a request of the peer's. */
const refuseAll: SipHandler = (req, res) => {
  if (res.finalResponseSent === true) return;
  if (req.method === 'INVITE' || req.method === 'UPDATE') res.send(488);
  else res.send(req.method === 'NOTIFY' ? 481 : 405);
};

const refuse = (...args: Parameters<typeof notSent>): Promise<SipAnswer> => Promise.resolve(notSent(...args));

function answerToError(error: unknown): SipAnswer {
  const response = (error as SrfError | undefined)?.res;
  if (response === undefined) return refusal(error);
  // A 2xx without Contact: drachtio-srf makes no dialog of it, and the peer believes that there is one.
  return response.status < 300 ? unknown(messageOf(error)) : answerOfSrf(response);
}

/** False when drachtio-srf threw: its link is down. */
function attempt(log: Logger, work: () => void): boolean {
  try {
    work();
    return true;
  } catch (error) {
    log.warn({ cause: messageOf(error) }, 'drachtio-srf could not send');
    return false;
  }
}
