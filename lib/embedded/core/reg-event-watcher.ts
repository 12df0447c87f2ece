import type { Clock, TimerHandle } from '../../base/clock.ts';
import { stableToken } from '../../base/ids.ts';
import type { Logger } from '../../base/log.ts';
import { REGINFO_TYPE, type RegInfo, type RegInfoContact } from '../../codec/reginfo/reginfo.ts';
import { writeRegInfo } from '../../codec/reginfo/write.ts';
import { type Param, parseParams } from '../../codec/sip/params.ts';
import { unquote } from '../../codec/sip/syntax.ts';
import type { Dialog } from '../../stack/dialog.ts';
import type { Outcome } from '../../stack/dialog-host.ts';
import type { MessageParts } from '../../stack/dialog-state.ts';
import { type Binding, gruuOf } from './binding.ts';
import type { RegEventOptions } from './options.ts';

export interface WatcherOptions {
  readonly aor: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly features: NonNullable<RegEventOptions['features']>;
  /** The user's contacts now. */
  readonly contacts: () => readonly Binding[];
  /** The subscriber could not be connected to; true when it is worth another try. */
  readonly onUnreachable: (uri: string) => boolean;
  readonly onEnd: () => void;
}

/** A binding is never changed in place: what is registered anew is another, be it within the same millisecond. */
type Told = Binding;

/** One subscription to one user's registration, from the notifier's side. NOTIFYs leave one after the other. */
export class Watcher {
  readonly #o: WatcherOptions;
  readonly #registration: string;
  #dialog: Dialog | undefined;
  #expiry: TimerHandle;
  #expiresAt = 0;
  #version = 0;
  /** What the subscriber was told of, by the contact's name. */
  #told = new Map<string, Told>();
  /** The user had a contact once: without any the registration is terminated, not in its first state. */
  #wasActive = false;
  #busy = false;
  #due: 'full' | 'partial' | undefined;
  #ending: 'timeout' | undefined;
  #ended = false;

  constructor(options: WatcherOptions) {
    this.#o = options;
    this.#registration = stableToken(options.aor);
  }

  begin(dialog: Dialog, expires: number): void {
    this.#dialog = dialog;
    this.renew(expires);
  }

  /** The subscriber asked for so many seconds more; 0 ends it. */
  renew(expires: number): void {
    const { clock } = this.#o;
    this.#expiresAt = clock.now() + expires * 1000;
    clock.clearTimeout(this.#expiry);
    if (expires === 0) this.#ending = 'timeout';
    else this.#expiry = clock.setTimeout(() => this.#expire(), expires * 1000);
    this.#tell('full');
  }

  changed(): void {
    this.#tell('partial');
  }

  /** Ends without a word. */
  stop(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#o.clock.clearTimeout(this.#expiry);
    this.#dialog?.finish('local');
    this.#o.onEnd();
  }

  #expire(): void {
    this.#ending = 'timeout';
    this.#tell('full');
  }

  #tell(what: 'full' | 'partial'): void {
    if (this.#due !== 'full') this.#due = what;
    if (!this.#busy) void this.#notify();
  }

  async #notify(): Promise<void> {
    const { clock, log, aor } = this.#o;
    while (this.#due !== undefined && !this.#ended && this.#dialog !== undefined) {
      const state = this.#due;
      this.#due = undefined;
      const document = this.#document(state);
      const last = this.#ending;
      if (document === undefined && last === undefined) continue;
      this.#busy = true;
      const left = Math.max(0, Math.ceil((this.#expiresAt - clock.now()) / 1000));
      const parts: MessageParts = {
        headers: [
          { name: 'Event', value: 'reg' },
          {
            name: 'Subscription-State',
            value: last === undefined ? `active;expires=${left}` : `terminated;reason=${last}`,
          },
          { name: 'Content-Type', value: REGINFO_TYPE },
        ],
        body: Buffer.from(writeRegInfo(document ?? { version: this.#version++, state, registrations: [] })),
      };
      const outcome = await this.#send(this.#dialog, parts);
      this.#busy = false;
      const taken = outcome.kind === 'response' && outcome.response.status < 300;
      if (!taken) log.debug({ aor, outcome: outcome.kind }, 'a NOTIFY of the reg event was not taken');
      // RFC 6665 section 4.2.2: who does not take it is told nothing more.
      if (!taken || last !== undefined) this.stop();
    }
  }

  async #send(dialog: Dialog, parts: MessageParts): Promise<Outcome> {
    const outcome = await dialog.request('NOTIFY', parts);
    const unreachable = outcome.kind === 'failure' && outcome.failure === 'transport' && !outcome.sent;
    return unreachable && this.#o.onUnreachable(dialog.state.routing.next) ? dialog.request('NOTIFY', parts) : outcome;
  }

  /** What is to be told; undefined when nothing has changed. */
  #document(state: RegInfo['state']): RegInfo | undefined {
    const now = this.#o.clock.now();
    const bindings = this.#o.contacts();
    const told = new Map<string, Told>();
    const contacts: RegInfoContact[] = [];
    for (const binding of bindings) {
      const id = stableToken(binding.aor, binding.key);
      const before = this.#told.get(id);
      told.set(id, binding);
      if (state === 'full' || before !== binding) contacts.push(this.#contact(id, binding, before, now));
    }
    for (const [id, { contact, expiresAt }] of this.#told) {
      if (told.has(id)) continue;
      const event = expiresAt <= now ? 'expired' : 'unregistered';
      contacts.push({ id, uri: contact, state: 'terminated', event, params: [] });
    }
    if (state === 'partial' && contacts.length === 0) return undefined;
    this.#told = told;
    this.#wasActive ||= bindings.length > 0;
    const registration = bindings.length > 0 ? 'active' : this.#wasActive ? 'terminated' : 'init';
    return {
      version: this.#version++,
      state,
      registrations: [{ aor: this.#o.aor, id: this.#registration, state: registration, contacts }],
    };
  }

  #contact(id: string, binding: Binding, before: Told | undefined, now: number): RegInfoContact {
    const { aor, contact, expiresAt, instance, callId, cseq } = binding;
    const shorter = before !== undefined && expiresAt < before.expiresAt;
    const renewed = shorter ? 'shortened' : 'refreshed';
    const params = parseParams(binding.parameters);
    const q = params.find(({ name }) => name.toLowerCase() === 'q')?.value;
    return {
      id,
      uri: contact,
      state: 'active',
      event: before === undefined || before === binding ? 'registered' : renewed,
      expires: Math.max(0, Math.ceil((expiresAt - now) / 1000)),
      ...(q !== undefined && { q }),
      callId,
      cseq,
      params: this.#params(params),
      ...(instance !== undefined && { pubGruu: gruuOf(aor, instance) }),
    };
  }

  /** Some cores tell of the instance and of no feature tag (docs/registrations.md). */
  #params(params: readonly Param[]): Param[] {
    return params
      .filter(({ name }) => {
        const lower = name.toLowerCase();
        return lower === '+sip.instance' || (this.#o.features === 'all' && lower !== 'q');
      })
      .map(({ name, value }) => (value === undefined ? { name } : { name, value: unquote(value) }));
  }
}
