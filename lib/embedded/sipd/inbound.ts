import { randomUUID } from 'node:crypto';
import type { Clock, TimerHandle } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { bracketed } from '../../codec/sip/host.ts';
import { tagOf } from '../../codec/sip/name-addr.ts';
import { respondTo } from '../../codec/sip/respond-to.ts';
import { writeSip } from '../../codec/sip/write.ts';
import type { HeaderField } from '../../model/push.ts';
import type { ServerTransaction } from '../../stack/types.ts';
import { type AppMessage, withoutLocalhost } from './app-message.ts';
import type { Client } from './client.ts';
import type { SipdLimits } from './limits.ts';
import { requestCameMeta, responseSentMeta } from './meta.ts';
import { bodyRefusal, isSdp, networkRefusal } from './refusals.ts';
import type { Routes } from './routes.ts';

/** Requests that reach an application without a dialog. */
const ROUTED = new Set(['MESSAGE', 'OPTIONS', 'REGISTER', 'SUBSCRIBE', 'NOTIFY', 'PUBLISH', 'INFO']);
/** Requests that only a dialog knows what to do with (RFC 3261 section 12.2.2). */
const IN_DIALOG = new Set(['BYE', 'UPDATE', 'PRACK', 'CANCEL']);
/** drachtio-server drops these without an answer. */
const DISCARDED = new Set(['REFER', 'ACK']);

/** Headers of a response that are the request's, whatever the application says. */
const COPIED = new Set(['From', 'To', 'Call-ID', 'CSeq']);

interface Held {
  readonly transaction: ServerTransaction;
  readonly client: Client;
  readonly timer: TimerHandle;
}

export interface InboundContext {
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits: SipdLimits;
  readonly routes: Routes<Client>;
}

/** Requests from the network that wait for an application's answer. */
export class Inbound {
  readonly #context: InboundContext;
  readonly #held = new Map<string, Held>();

  constructor(context: InboundContext) {
    this.#context = context;
  }

  get size(): number {
    return this.#held.size;
  }

  /** Hands a request to the application whose turn it is, or answers it as drachtio-server would. Never throws. */
  take(transaction: ServerTransaction): void {
    const { request, raw, flow } = transaction;
    const { limits, clock, log } = this.#context;
    if (DISCARDED.has(request.method)) return;
    const own = this.#ownAnswer(transaction);
    const client = own === undefined ? this.#pick(request.method.toLowerCase()) : undefined;
    if (client === undefined || this.#held.size >= limits.maxHeld) {
      transaction.respond(respondTo(request, own ?? 503));
      return;
    }
    const id = randomUUID();
    const timer = clock.setTimeout(() => {
      if (this.#held.delete(id)) log.warn({ method: request.method }, 'an application did not answer a request');
    }, limits.holdFor);
    this.#held.set(id, { transaction, client, timer });
    const from = { protocol: flow.protocol, host: flow.host, port: flow.port };
    client.send(requestCameMeta(raw.length, from, clock.now(), id, flow.localHost, flow.localPort), raw);
  }

  /** The application whose turn it is; one that is being closed is passed over. */
  #pick(verb: string): Client | undefined {
    const { routes, limits } = this.#context;
    for (let turn = 0; turn < limits.maxClients * limits.maxRoutes; turn++) {
      const client = routes.pick(verb);
      if (client === undefined || client.open) return client;
    }
    return undefined;
  }

  /** The status that the server answers by itself, whoever is connected. */
  #ownAnswer({ request, raw, flow }: ServerTransaction): number | undefined {
    const reason = networkRefusal(raw);
    if (reason !== undefined) {
      this.#context.log.warn({ from: `${flow.host}:${flow.port}`, method: request.method, reason }, 'answered 400');
      return 400;
    }
    if (IN_DIALOG.has(request.method)) return 481;
    return ROUTED.has(request.method) ? undefined : 501;
  }

  /** Sends an application's answer and confirms the command, or gives the reason for a NOK. */
  answer(client: Client, commandId: string, transactionId: string, message: AppMessage): string | undefined {
    const { clock } = this.#context;
    if (message.start.kind !== 'response') return 'not a response';
    const held = this.#held.get(transactionId);
    if (held === undefined || held.client !== client) return 'Response not sent due to unknown transaction';
    const refusal = bodyRefusal(message);
    if (refusal !== undefined) return refusal;
    const { request, flow } = held.transaction;
    const { status, reason } = message.start;
    let octets: Buffer;
    try {
      const toTag = tagOf(message.fields.find((field) => field.name === 'To')?.value ?? '<sip:nobody>');
      const response = respondTo(request, status, {
        ...(reason !== '' && { reason }),
        ...(toTag !== undefined && { toTag }),
        headers: ownHeaders(message, request.method, `${bracketed(flow.localHost)}:${flow.localPort}`),
        body: message.body,
      });
      octets = writeSip(response);
      held.transaction.respond(response);
    } catch (error) {
      return messageOf(error);
    }
    if (status >= 200) {
      this.#held.delete(transactionId);
      clock.clearTimeout(held.timer);
    }
    const local = { protocol: flow.protocol, host: flow.localHost, port: flow.localPort };
    client.send(responseSentMeta(commandId, octets.length, local, clock.now(), transactionId), octets);
    return undefined;
  }

  /** A client is gone: nobody can answer what it held, and the peers hear nothing, as from drachtio-server. */
  forget(client: Client): void {
    for (const [id, held] of this.#held) {
      if (held.client !== client) continue;
      this.#held.delete(id);
      this.#context.clock.clearTimeout(held.timer);
    }
  }

  clear(): void {
    for (const held of this.#held.values()) this.#context.clock.clearTimeout(held.timer);
    this.#held.clear();
  }
}

function ownHeaders(message: AppMessage, method: string, hostPort: string): HeaderField[] {
  const fields = withoutLocalhost(message.fields, hostPort).filter((field) => !COPIED.has(field.name));
  const status = message.start.kind === 'response' ? message.start.status : 0;
  const has = (name: string): boolean => fields.some((field) => field.name === name);
  if (method === 'SUBSCRIBE' && status >= 200 && status < 300 && !has('Contact'))
    fields.push({ name: 'Contact', value: `<sip:${hostPort}>` });
  if (message.body.length > 0 && !has('Content-Type') && isSdp(message.body))
    fields.push({ name: 'Content-Type', value: 'application/sdp' });
  return fields;
}
