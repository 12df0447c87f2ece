import type { Clock, TimerHandle } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import { bracketed } from '../../codec/sip/host.ts';
import type { SipHeaders, SipMessage, SipRequest } from '../../codec/sip/message.ts';
import { parseUri } from '../../codec/sip/uri.ts';
import { writeSip } from '../../codec/sip/write.ts';
import type { DialogState, MessageParts } from '../../stack/dialog-state.ts';
import { Repeater } from '../../stack/repeater.ts';
import { type SessionExpires, SessionTimer, sessionExpires } from '../../stack/session-timer.ts';
import type { TimerValues } from '../../stack/timers.ts';
import type { Flow, Hop, InviteTransaction, ListenPoint, ServerTransaction, SipStack } from '../../stack/types.ts';
import type { CallRecords, StopReason } from './call-records.ts';
import type { Client } from './client.ts';
import { type HopResult, hopOf } from './hop.ts';
import { unsolicitedMeta } from './meta.ts';

/** Seconds: a subscription whose Expires nobody tells. */
const LONGEST_SUBSCRIPTION = 86_400;
/** Milliseconds: as long as a transaction may last. */
const GRACE = 64_000;

/** What a dialog needs of the server around it. */
export interface AppDialogHost {
  readonly clock: Clock;
  readonly log: Logger;
  readonly timers: TimerValues;
  readonly stack: SipStack;
  readonly dialogs: { remove(dialog: AppDialog): void };
  readonly records: CallRecords;
}

export interface AppDialogParts {
  /** What applications call it. */
  readonly id: string;
  readonly kind: 'invite' | 'subscribe';
  readonly client: Client;
  readonly state: DialogState;
  /** Our side, as our Contact names it. */
  readonly local: ListenPoint;
  /** Where the peer's message came from. */
  readonly flow: Flow;
  /** The INVITE that made it, while it may be answered. */
  readonly invited?: ServerTransaction;
}

/** A response of ours that is repeated until the peer acknowledges it. */
interface Reliable {
  readonly rseq: number;
  readonly cseq: number;
  readonly repeater: Repeater;
}

/** A dialog that an application leads and the server keeps: tags, CSeq, route set, and what must be repeated. */
export class AppDialog {
  readonly id: string;
  readonly kind: 'invite' | 'subscribe';
  readonly client: Client;
  readonly state: DialogState;
  readonly local: ListenPoint;
  early = true;
  /** An INVITE of the application's that is under way in it. */
  inviting: InviteTransaction | undefined;
  /** INVITEs of the peer that have no final response yet. */
  readonly invited: Set<ServerTransaction>;
  /** The application gave up, and the 2xx crossed its CANCEL: it ends as soon as it is acknowledged. */
  endWhenAcknowledged = false;
  readonly #context: AppDialogHost;
  readonly #flow: Flow;
  readonly #timer: SessionTimer;
  /** 2xx of ours that wait for their ACKs, by CSeq number. */
  readonly #unacknowledged = new Map<number, Repeater>();
  #reliable: Reliable | undefined;
  /** The INVITE whose 2xx the application is to acknowledge, or has. */
  #answered: { readonly number: number; ack?: SipRequest } | undefined;
  #session: SessionExpires | undefined;
  #expiry: TimerHandle;
  /** Our last session description: what a refresh offers. */
  #offer: MessageParts = {};

  constructor(context: AppDialogHost, parts: AppDialogParts) {
    this.#context = context;
    this.id = parts.id;
    this.kind = parts.kind;
    this.client = parts.client;
    this.state = parts.state;
    this.local = parts.local;
    this.#flow = parts.flow;
    this.invited = new Set(parts.invited === undefined ? [] : [parts.invited]);
    this.#timer = new SessionTimer(
      context.clock,
      () => this.#refresh(),
      () => this.endByServer('Session timer expired', 'session-expired'),
    );
  }

  /** URI of our Contact. */
  get contact(): string {
    return contactUriOf(this.local);
  }

  /**
   * Where its next request goes. A peer without proxies whose Contact is not the address that it sends from is taken to
   * be behind a NAT, and reached where it sends from, as by drachtio-server.
   */
  hop(): HopResult {
    const { routeSet, remoteTarget, routing } = this.state;
    if (routeSet.length === 0 && hostOf(remoteTarget) !== this.#flow.host.toLowerCase())
      return { kind: 'hop', hop: hopBack(this.#flow) };
    return hopOf(routing.next, '', this.#context.stack.listening);
  }

  /**
   * A subscription has been granted for so many seconds. A while behind their end it is forgotten, so that its last
   * NOTIFY still finds it; drachtio-server keeps it until its application goes.
   */
  expireAfter(headers: SipHeaders): void {
    const { clock, dialogs } = this.#context;
    const text = headers.get('Expires')?.trim() ?? '';
    const seconds = /^\d{1,6}$/.test(text) ? Number(text) : LONGEST_SUBSCRIPTION;
    clock.clearTimeout(this.#expiry);
    this.#expiry = clock.setTimeout(() => dialogs.remove(this), seconds * 1000 + GRACE);
  }

  /** Stops all timers. */
  stop(): void {
    this.#timer.stop();
    this.#context.clock.clearTimeout(this.#expiry);
    for (const repeater of this.#unacknowledged.values()) repeater.stop();
    this.#unacknowledged.clear();
    this.#reliable?.repeater.stop();
    this.#reliable = undefined;
  }

  // ---- what the application answers

  /** A 2xx to an INVITE was sent: again and again until its ACK comes (RFC 3261 section 13.3.1.4). */
  repeatUntilAck(number: number, send: () => void): void {
    this.#reliable?.repeater.stop();
    this.#reliable = undefined;
    const { clock, timers } = this.#context;
    const onGivenUp = (): void => {
      this.#unacknowledged.delete(number);
      this.endByServer('ACK timeout', 'normal-release');
    };
    this.#unacknowledged.set(number, new Repeater({ clock, t1: timers.t1, t2: timers.t2, send, onGivenUp }));
  }

  /** An ACK has come. False for one that acknowledges nothing (any more). */
  takeAck(number: number): boolean {
    this.#unacknowledged.get(number)?.stop();
    return this.#unacknowledged.delete(number);
  }

  /** True while a 2xx of ours has no ACK. */
  get unacknowledged(): boolean {
    return this.#unacknowledged.size > 0;
  }

  /** A reliable provisional response was sent: again until its PRACK comes (RFC 3262 section 3). */
  repeatUntilPrack(rseq: number, cseq: number, send: () => void, onGivenUp: () => void): void {
    this.#reliable?.repeater.stop();
    const { clock, timers } = this.#context;
    this.#reliable = { rseq, cseq, repeater: new Repeater({ clock, t1: timers.t1, send, onGivenUp }) };
  }

  /** A PRACK has come. False for one that acknowledges nothing: 481. */
  takePrack({ headers }: SipRequest): boolean {
    const [rseq, cseq, method] = (headers.get('RAck') ?? '').trim().split(/[ \t]+/);
    const waiting = this.#reliable;
    if (waiting === undefined || method !== 'INVITE') return false;
    if (Number(rseq) !== waiting.rseq || Number(cseq) !== waiting.cseq) return false;
    waiting.repeater.stop();
    this.#reliable = undefined;
    return true;
  }

  // ---- what the peer answers

  /** A 2xx to an INVITE of the application's. False for a repetition, which gets the ACK again if there is one. */
  takeSuccess(number: number): boolean {
    if (this.#answered?.number !== number) {
      this.#answered = { number };
      return true;
    }
    const { ack } = this.#answered;
    if (ack !== undefined) this.#sendStateless(ack);
    return false;
  }

  /** Sends the application's ACK to the last 2xx; undefined when there is none to acknowledge. */
  acknowledge(parts: MessageParts): SipRequest | undefined {
    if (this.#answered === undefined) return undefined;
    const ack = this.state.ack(this.#answered.number, parts);
    this.#answered.ack = ack;
    this.#sendStateless(ack);
    return ack;
  }

  #sendStateless(request: SipRequest): void {
    const target = this.hop();
    if (target.kind === 'hop') this.#context.stack.sendStateless(request, target.hop);
    else this.#context.log.warn({ dialog: this.id }, 'an ACK could not be sent');
  }

  // ---- session timer (RFC 4028)

  /** Notes what a 2xx to INVITE or UPDATE agreed on; `ours` is our role in that transaction. */
  agree(session: SessionExpires | undefined, ours: 'uac' | 'uas'): void {
    this.#session = session;
    this.#timer.restart(session, (session?.refresher ?? 'uac') === ours);
  }

  /** The session description that the application gave last. */
  remember({ headers, body }: Pick<SipMessage, 'headers' | 'body'>): void {
    const type = headers.get('Content-Type');
    if (body.length > 0 && type !== undefined) this.#offer = { headers: [{ name: 'Content-Type', value: type }], body };
  }

  /** drachtio-server refreshes by itself, by a re-INVITE that the application does not see. */
  #refresh(): void {
    const target = this.hop();
    const interval = this.#session?.interval ?? 0;
    const headers = [
      { name: 'Session-Expires', value: `${interval};refresher=uac` },
      { name: 'Min-SE', value: '90' },
      { name: 'Supported', value: 'timer' },
      ...(this.#offer.headers ?? []),
    ];
    const failed = (): void => this.endByServer('Session timer expired', 'session-expired');
    if (target.kind !== 'hop') {
      failed();
      return;
    }
    const request = this.state.request('INVITE', { ...this.#offer, headers }, this.contact);
    const number = Number.parseInt(request.headers.get('CSeq') ?? '', 10);
    this.#context.stack.invite(request, target.hop, {
      onResponse: (response) => {
        if (response.status < 200) return;
        if (response.status >= 300) {
          // RFC 4028 section 10: what another INVITE is in the way of, or the peer cannot now, is tried once more.
          const isGone = response.status === 408 || response.status === 481;
          if (isGone || !this.#timer.again()) failed();
          return;
        }
        this.#sendStateless(this.state.ack(number, {}));
        this.state.refreshTarget('INVITE', response.headers);
        this.agree(sessionExpires(response.headers), 'uac');
      },
      onFailure: failed,
    });
  }

  // ---- the end

  /** The server ends it: BYE to the peer, which the application is told of as `unsolicited`. */
  endByServer(text: string, reason: StopReason): void {
    const { clock, stack, dialogs, records } = this.#context;
    dialogs.remove(this);
    const target = this.hop();
    if (target.kind !== 'hop' || this.kind !== 'invite') return;
    const headers = [{ name: 'Reason', value: `SIP ;cause=200 ;text="${text}"` }];
    const nobody = { onResponse: () => undefined, onFailure: () => undefined };
    const { request } = stack.request(this.state.request('BYE', { headers }, undefined), target.hop, nobody);
    const octets = writeSip(request);
    this.client.send(unsolicitedMeta(octets.length, target.hop, clock.now(), this.id), octets);
    records.stop('application', request, reason);
  }
}

/** The Contact URI of a local address; UDP is what it means without a transport. */
export function contactUriOf({ protocol, host, port }: ListenPoint): string {
  return `sip:${bracketed(host)}:${port}${protocol === 'udp' ? '' : `;transport=${protocol}`}`;
}

/** Back the way that a message came. */
export const hopBack = ({ protocol, host, port }: Flow): Hop => ({ protocol, host, port });

/** Our side of a connection: an inbound request may have come by one that we opened, whose port nobody listens on. */
export function ownSide(flow: Flow, listening: readonly ListenPoint[]): ListenPoint {
  const { protocol, localHost: host } = flow;
  const port = listening.find((point) => point.protocol === protocol)?.port ?? flow.localPort;
  return { protocol, host, port };
}

function hostOf(uri: string): string {
  const parsed = parseUri(uri);
  return parsed.scheme === 'tel' ? '' : parsed.host.toLowerCase();
}
