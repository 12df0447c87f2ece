import type { TimerHandle } from '../../base/clock.ts';
import type { SipRequest, SipResponse } from '../../codec/sip/message.ts';
import { parseNameAddrs } from '../../codec/sip/name-addr.ts';
import { respondTo } from '../../codec/sip/respond-to.ts';
import type { ClientTransaction, Flow, InviteTransaction, ServerTransaction } from '../../stack/types.ts';
import { rankOf, removeTopVia } from '../core/fork.ts';
import { stopReasonOf } from './call-records.ts';
import type { SipdContext } from './context.ts';
import type { HopResult } from './hop.ts';

/** Where one copy of a request goes. */
export interface Target {
  readonly request: SipRequest;
  readonly hop: HopResult;
}

export interface ProxyForkOptions {
  readonly transaction: ServerTransaction;
  readonly targets: readonly Target[];
  /** All at once, or one after the other until one takes it. */
  readonly parallel: boolean;
  /** Milliseconds until a target that has said nothing is given up. */
  readonly provisionalTimeout?: number | undefined;
  /** The target that a Contact of a 3xx makes, or undefined when redirections go back to the caller. */
  redirected?(uri: string): Target | undefined;
  /** Each final response, octets as received. */
  onFinal?(raw: Buffer, flow: Flow): void;
  /** The best response has gone back. Called once. */
  onDone(): void;
}

/** Timer C (RFC 3261 section 16.6 step 11), more than three minutes: drachtio-server's. */
const TIMER_C = 185_000;

/** One copy on its way. */
interface Branch {
  readonly target: Target;
  sent: ClientTransaction | InviteTransaction | undefined;
  timers: TimerHandle[];
  open: boolean;
  progressed: boolean;
}

/** The response context of RFC 3261 section 16.7, for any request, INVITE too. */
export class ProxyFork {
  readonly #context: SipdContext;
  readonly #options: ProxyForkOptions;
  readonly #waiting: Target[];
  readonly #branches = new Set<Branch>();
  #targets: number;
  #best: SipResponse | undefined;
  /** A final response has gone back. */
  #finished = false;
  #cancelled = false;

  constructor(context: SipdContext, options: ProxyForkOptions) {
    this.#context = context;
    this.#options = options;
    this.#waiting = [...options.targets];
    this.#targets = options.targets.length;
  }

  get #invites(): boolean {
    return this.#options.transaction.request.method === 'INVITE';
  }

  start(): void {
    this.#options.transaction.onCancel?.(() => this.#cancel());
    if (this.#options.parallel) for (const target of this.#waiting.splice(0)) this.#send(target);
    else this.#sendNext();
    this.#finishIfOver();
  }

  #sendNext(): void {
    const target = this.#waiting.shift();
    if (target !== undefined) this.#send(target);
  }

  #send(target: Target): void {
    const { stack, records } = this.#context;
    const branch: Branch = { target, sent: undefined, timers: [], open: true, progressed: false };
    if (target.hop.kind !== 'hop') {
      this.#consider(respondTo(this.#options.transaction.request, target.hop.kind === 'sips' ? 416 : 503));
      return;
    }
    this.#branches.add(branch);
    this.#setTimers(branch);
    const listener = {
      onResponse: (response: SipResponse, flow: Flow, raw: Buffer) => this.#onResponse(branch, response, flow, raw),
      onFailure: (failure: 'timeout' | 'transport') => this.#onFailure(branch, failure === 'timeout' ? 408 : 503),
    };
    if (this.#invites) {
      branch.sent = stack.invite(target.request, target.hop.hop, listener);
      if (!this.#isInDialog()) records.attempt('application', branch.sent.request);
    } else branch.sent = stack.request(target.request, target.hop.hop, listener);
  }

  #setTimers(branch: Branch): void {
    const { clock } = this.#context;
    const { provisionalTimeout } = this.#options;
    const giveUp = (): void => {
      this.#cancelBranch(branch);
      this.#onFailure(branch, 408);
    };
    if (provisionalTimeout !== undefined)
      branch.timers.push(
        clock.setTimeout(() => {
          if (!branch.progressed) giveUp();
        }, provisionalTimeout),
      );
    if (this.#invites) branch.timers.push(clock.setTimeout(giveUp, TIMER_C));
  }

  #close(branch: Branch): void {
    branch.open = false;
    this.#branches.delete(branch);
    for (const timer of branch.timers) this.#context.clock.clearTimeout(timer);
    branch.timers = [];
  }

  #cancelBranch({ sent }: Branch): void {
    if (sent !== undefined && 'cancel' in sent) sent.cancel();
  }

  #onResponse(branch: Branch, response: SipResponse, flow: Flow, raw: Buffer): void {
    const { transaction } = this.#options;
    const { status } = response;
    branch.progressed = true;
    if (status === 100) return;
    removeTopVia(response.headers);
    if (status < 200) {
      if (branch.open && !this.#finished) transaction.respond(response);
      return;
    }
    const first = branch.open;
    this.#close(branch);
    if (first) this.#report(response, flow, raw);
    // Each 2xx to INVITE goes back, repeated ones too (section 16.7 step 5): their ACKs come from the caller.
    if (status < 300) {
      if (!first || this.#finished) {
        if (this.#invites) transaction.respond(response);
        return;
      }
      this.#finish(response);
      return;
    }
    if (!first) return;
    if (status < 400 && this.#follow(response)) return;
    this.#consider(response);
    // As drachtio-server: the caller is asked for credentials at once, since the others may want the same.
    if (isChallenge(response) && !this.#finished) this.#finish(this.#best ?? response);
    else this.#goOn(status);
  }

  #onFailure(branch: Branch, status: number): void {
    if (!branch.open) return;
    this.#close(branch);
    this.#consider(respondTo(this.#options.transaction.request, status));
    this.#goOn(status);
  }

  /** RFC 3261 section 16.5: the Contacts of a redirection are targets, tried before those that wait. */
  #follow(response: SipResponse): boolean {
    const { redirected } = this.#options;
    if (redirected === undefined || this.#finished || this.#cancelled) return false;
    const targets: Target[] = [];
    for (const { uri } of contactsOf(response)) {
      if (this.#targets >= this.#context.limits.maxBranches) break;
      const target = redirected(uri);
      if (target === undefined) break;
      this.#targets++;
      targets.push(target);
    }
    if (targets.length === 0) return false;
    if (this.#options.parallel) for (const target of targets) this.#send(target);
    else {
      this.#waiting.unshift(...targets);
      this.#sendNext();
    }
    this.#finishIfOver();
    return true;
  }

  #consider(response: SipResponse): void {
    if (this.#best === undefined || rankOf(response.status) < rankOf(this.#best.status)) this.#best = response;
  }

  #goOn(status: number): void {
    if (status >= 600) {
      this.#waiting.length = 0;
      for (const branch of this.#branches) this.#cancelBranch(branch);
    }
    if (!this.#finished && !this.#cancelled) this.#sendNext();
    this.#finishIfOver();
  }

  #finishIfOver(): void {
    // A target that cannot be reached at all has no branch; the next is tried at once.
    while (this.#branches.size === 0 && this.#waiting.length > 0 && !this.#finished) this.#sendNext();
    if (this.#branches.size > 0 || this.#finished) return;
    this.#finish(this.#best ?? respondTo(this.#options.transaction.request, this.#cancelled ? 487 : 408));
  }

  #finish(response: SipResponse): void {
    const { transaction, onDone } = this.#options;
    this.#finished = true;
    this.#waiting.length = 0;
    for (const branch of this.#branches) this.#cancelBranch(branch);
    transaction.respond(response);
    if (this.#invites && !this.#isInDialog()) {
      if (response.status < 300) this.#context.records.start('application', response, 'proxy-uas');
      else this.#context.records.stop('application', response, stopReasonOf(response.status));
    }
    onDone();
  }

  /** The caller has given up (section 16.10): so do the branches, and their 487 goes back. */
  #cancel(): void {
    this.#cancelled = true;
    this.#waiting.length = 0;
    for (const branch of this.#branches) this.#cancelBranch(branch);
    this.#finishIfOver();
  }

  #report(response: SipResponse, flow: Flow, raw: Buffer): void {
    const { onFinal } = this.#options;
    onFinal?.(raw, flow);
    if (!this.#invites || this.#isInDialog()) return;
    const { records } = this.#context;
    if (response.status < 300) records.start('network', response, 'proxy-uac');
    else records.stop('network', response, stopReasonOf(response.status));
  }

  #isInDialog(): boolean {
    return this.#options.onFinal === undefined;
  }
}

const isChallenge = ({ status, headers }: SipResponse): boolean =>
  (status === 401 || status === 407) && (headers.has('WWW-Authenticate') || headers.has('Proxy-Authenticate'));

function contactsOf({ headers }: SipResponse): readonly { readonly uri: string }[] {
  try {
    return parseNameAddrs(headers.all('Contact'));
  } catch {
    return []; // a redirection that cannot be followed goes back to the caller
  }
}
