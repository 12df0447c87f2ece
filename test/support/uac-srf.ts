import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { systemClock } from '../../lib/base/clock.ts';
import { SipHeaders, type SipRequest, type SipResponse } from '../../lib/codec/sip/message.ts';
import { respondTo } from '../../lib/codec/sip/respond-to.ts';
import type { HeaderField } from '../../lib/model/push.ts';
import type { SrfDialog, SrfPort, SrfResponse, SrfUacOptions } from '../../lib/sip/drachtio/srf-like.ts';
import type { RequestLike, ResponseLike } from '../../lib/sip/leg.ts';
import type { Dialog } from '../../lib/stack/dialog.ts';
import { plainHop } from '../../lib/stack/route-set.ts';
import type { ServerTransaction, SipStack } from '../../lib/stack/types.ts';
import { UserAgent } from '../../lib/stack/user-agent.ts';
import { FakeSrf } from './fake-srf.ts';
import { newStack } from './sipd-net.ts';

type CreateUac = NonNullable<SrfPort['createUAC']>;

/** A Srf whose createUAC speaks SIP by our own stack, with the manners of drachtio-srf: events by method, SipError. */
export class UacSrf extends FakeSrf {
  readonly stack: SipStack = newStack();
  readonly agent: UserAgent = new UserAgent({
    ...{ stack: this.stack, clock: systemClock },
    contact: () => `sip:srf@127.0.0.1:${this.stack.listening[0]?.port ?? 0}`,
  });

  /** SUBSCRIBEs that come in meet the routes that were made for them. */
  takeSubscriptions(): void {
    this.agent.onRequest((transaction) => {
      const { request } = transaction;
      const route = this.routes.find(({ method }) => method === request.method.toLowerCase());
      const within = /;\s*tag=/.test(request.headers.get('To') ?? '');
      if (route === undefined || within) transaction.respond(respondTo(request, within ? 481 : 404));
      else {
        const { req, res } = inDrachtiosForm(transaction);
        this.#came.set(req, transaction);
        route.handler(req, res, () => res.send(404));
      }
    });
  }

  readonly #came = new Map<object, ServerTransaction>();

  createUAS(
    req: RequestLike,
    _res: ResponseLike,
    { headers }: { headers: Record<string, string> },
    callback: (error: unknown, dialog?: SrfDialog) => void,
  ): void {
    const transaction = this.#came.get(req);
    assert.ok(transaction !== undefined);
    const made = new SrfLikeDialog();
    const dialog = this.agent.acceptSubscription(
      transaction,
      { headers: fieldsOf(headers) },
      { onRequest: (inDialog) => made.showSubscribe(inDialog) },
      202,
    );
    callback(null, made.begin(dialog, respondTo(transaction.request, 202)));
  }

  removeDialog(dialog: SrfLikeDialog): void {
    dialog.forget();
  }

  createUAC(options: SrfUacOptions, progress: Parameters<CreateUac>[1], callback: Parameters<CreateUac>[2]): void {
    const request = requestOf(options);
    const hop = plainHop(options.proxy ?? options.uri, 0);
    const made = new SrfLikeDialog();
    const refused = (response: SipResponse): void =>
      callback(Object.assign(new Error('Sip non-success response'), { status: response.status, res: view(response) }));
    const failed = (failure: string, cause: Error): void => callback(failure === 'ended' ? cause : undefined);
    const answered = (dialog: Dialog, response: SipResponse): void => callback(null, made.begin(dialog, response));
    if (options.method === 'SUBSCRIBE') {
      this.agent.subscribe(request, hop, {
        onAccepted: (response, dialog) => answered(dialog, response),
        onNotify: (transaction) => made.show(transaction),
        onRefused: refused,
        onFailure: failed,
        onEnd: () => void made.emit('destroy'),
      });
      return;
    }
    const call = this.agent.invite(request, hop, {
      onProvisional: (response) => progress.cbProvisional(view(response)),
      onAnswer: answered,
      onRefused: refused,
      onFailure: failed,
      dialog: {
        onRequest: (transaction) => made.show(transaction),
        onEnd: (reason) => reason === 'remote' && made.emit('destroy'),
      },
    });
    progress.cbRequest(null, { cancel: () => call.cancel() });
  }
}

class SrfLikeDialog extends EventEmitter implements SrfDialog {
  sip: { callId: string } = { callId: '' };
  remote: { sdp: string; uri: string } = { sdp: '', uri: '' };
  res: { status: number } = { status: 0 };
  #dialog: Dialog | undefined;

  begin(dialog: Dialog, { status, body }: SipResponse): this {
    this.#dialog = dialog;
    this.sip = { callId: dialog.state.callId };
    this.remote = { sdp: body.toString(), uri: dialog.state.remoteTarget };
    this.res = { status };
    return this;
  }

  request(options: Parameters<SrfDialog['request']>[0], callback: Parameters<SrfDialog['request']>[1]): void {
    const headers = fieldsOf(options.headers);
    const body = Buffer.from(options.body ?? '');
    void this.#dialog?.request(options.method, { headers, body }).then((outcome) => {
      if (outcome.kind === 'response') callback(null, view(outcome.response));
      else callback(outcome.cause);
    });
  }

  destroy(_options: object, callback: (error: unknown) => void): void {
    void this.#dialog?.end().then(() => callback(null));
  }

  show(transaction: ServerTransaction): void {
    const { request } = transaction;
    const event = request.method === 'INVITE' ? 'modify' : request.method.toLowerCase();
    const { req, res } = inDrachtiosForm(transaction);
    if (this.listenerCount(event) === 0) res.send(200);
    else this.emit(event, req, res);
  }

  /** As drachtio-srf does: one with Expires 0 is answered at once. */
  showSubscribe(transaction: ServerTransaction): void {
    const { req, res } = inDrachtiosForm(transaction);
    if (req.get('Expires') !== '0') this.emit('subscribe', req, res);
    else {
      res.send(202);
      this.emit('unsubscribe', req, 'unsubscribe');
    }
  }

  forget(): void {
    this.#dialog?.finish('local');
  }
}

function inDrachtiosForm(transaction: ServerTransaction): {
  req: RequestLike;
  res: ResponseLike & { send(status: number): unknown };
} {
  const { request, flow } = transaction;
  const { method, uri, headers } = request;
  const res = {
    finalResponseSent: false,
    send(status: number, options: { headers?: Record<string, string> } = {}): void {
      this.finalResponseSent = status >= 200;
      transaction.respond(respondTo(request, status, { headers: fieldsOf(options.headers ?? {}) }));
    },
  };
  const req = {
    ...{ method, uri, body: request.body.toString(), protocol: flow.protocol },
    ...{ source_address: flow.host, source_port: flow.port },
    get: (name: string) => headers.get(name),
    has: (name: string) => headers.has(name),
  };
  return { req, res };
}

const fieldsOf = (headers: Record<string, string>): HeaderField[] =>
  Object.entries(headers).map(([name, value]) => ({ name, value }));

function requestOf({ uri, method, headers, localSdp }: SrfUacOptions): SipRequest {
  const fields = fieldsOf(headers);
  const body = Buffer.from(localSdp ?? '');
  return { kind: 'request', method, uri, headers: new SipHeaders(fields), body };
}

const view = ({ status, reason, body, headers }: SipResponse): SrfResponse => ({
  ...{ status, reason, body: body.toString(), source_address: '127.0.0.1' },
  get: (name) => headers.get(name),
});
