import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import type { Events } from '../base/events.ts';
import type { Logger } from '../base/log.ts';
import type { DeliveryResult, Proof } from '../model/delivery.ts';
import type { EngineEvents } from '../model/engine-events.ts';
import type { AttemptRecord, RecipientRef } from '../model/push.ts';
import { describeCode, PAP } from '../model/result-codes.ts';
import type { FinalState } from '../model/states.ts';
import type { Settled } from '../store/settled.ts';
import type { Store } from '../store/store.ts';
import { resultName } from './retry.ts';
import { isClosed, pause, RESTS } from './tries.ts';

export interface ProverOptions {
  readonly store: Pick<Store, 'confirm'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly events: Events<EngineEvents>;
  /** A recipient ended: a notification may be owed. */
  readonly onEnded: () => void;
  /** A recipient ended that was waiting for another attempt: the next of its line may go on. */
  readonly onFreed: () => void;
  /** See InsistOptions. */
  readonly stopping?: AbortSignal;
}

/** Proofs kept for one attempt: one for each device, and no more for those who repeat themselves. */
const MAX_EARLY = 32;

const NONE: readonly Proof[] = [];

const keyOf = ({ push, index }: RecipientRef): string => (index === 0 ? push : `${push} ${index}`);

/**
 * Proofs that do not come as the answer to an attempt: a device fetched the content, or reported on the push. They mostly
 * come when the attempt is over and the store knows what they end. One that comes before (a device may fetch before its
 * 202 has arrived) is kept until its attempt is settled, then counts as that device's answer. Kept in memory only: a
 * process that dies with it leaves a recipient that is tried again as unknown, or waits for its proof and times out.
 */
export class Prover {
  readonly #o: ProverOptions;
  /** By attempt under way: what came for it. */
  readonly #early = new Map<string, Proof[] | undefined>();

  constructor(options: ProverOptions) {
    this.#o = options;
  }

  /** An attempt begins: proofs for its recipient are kept from now on. */
  begin(claim: RecipientRef): void {
    this.#early.set(keyOf(claim), undefined);
  }

  /** What came while the attempt was under way. Its settlement must be given to the store before anything is awaited. */
  take(claim: RecipientRef): readonly Proof[] {
    const key = keyOf(claim);
    const proofs = this.#early.get(key);
    this.#early.delete(key);
    return proofs ?? NONE;
  }

  /** Gives the store proofs that were kept, and that the end of their attempt has not used. */
  again(ref: RecipientRef, proofs: readonly Proof[]): void {
    for (const proof of proofs) void this.prove(ref, proof);
  }

  /** Never rejects; true when the recipient ended by this proof. */
  prove(ref: RecipientRef, proof: Proof): Promise<boolean> {
    return this.#prove(ref, proof, 0);
  }

  async #prove(ref: RecipientRef, proof: Proof, tries: number): Promise<boolean> {
    const { store, clock, log } = this.#o;
    const key = keyOf(ref);
    const underWay = this.#early.has(key);
    // Kept before the store is asked: whichever of this and the settlement the store gets first, one of them has it.
    if (underWay) {
      const kept = this.#early.get(key);
      if (kept === undefined) this.#early.set(key, [proof]);
      else if (kept.length < MAX_EARLY) kept.push(proof);
    }
    const at = clock.now();
    const state: FinalState = proof.kind === 'delivered' ? 'delivered' : proof.state;
    const code = proof.kind === 'delivered' ? PAP.OK : proof.code;
    let ended: Settled | undefined;
    try {
      const { device, cause } = proof;
      const { push, index } = ref;
      const told = { push, index, at, state, code, desc: describeCode(code), cause };
      ended = await store.confirm(device === undefined ? told : { ...told, device });
    } catch (error) {
      const rest = this.#o.stopping?.aborted === true || isClosed(error) ? undefined : RESTS[tries];
      if (rest !== undefined) {
        log.debug({ push: ref.push, cause: messageOf(error) }, 'the store did not take a proof; it is given it again');
        void pause(clock, rest, this.#o.stopping).then(() => this.#prove(ref, proof, tries + 1));
        return false;
      }
      log.error(
        { push: ref.push, cause: messageOf(error) },
        'the store did not take a proof; the push goes on without',
      );
    }
    this.#tell(ref, proof, at, ended === undefined ? (underWay ? 'early' : 'ignored') : 'applied');
    if (ended === undefined) return false;
    this.#tellState(ended, proof.cause, at);
    this.#o.onEnded();
    if (ended.fromPending === true) this.#o.onFreed();
    return true;
  }

  #tell({ push, index }: RecipientRef, proof: Proof, at: number, result: EngineEvents['proof']['result']): void {
    const { source = 'other', kind, cause } = proof;
    this.#o.events.emit('proof', { push, index, at, source, kind, result, cause });
  }

  #tellState({ fromPending: _, ...ended }: Settled, cause: string, at: number): void {
    if (ended.state !== 'delivered') {
      const { pushId, initiator, push, state, code } = ended;
      this.#o.log.info({ pushId, initiator, push, state, code, cause }, 'push ended by a report');
    }
    this.#o.events.emit('state', { ...ended, address: '', at, cause });
  }
}

/** A device that was tried, and what came of it. */
export interface Tried {
  readonly result: DeliveryResult & { readonly leg?: string };
  readonly record: AttemptRecord;
  /** Records of other bearers, whose form of the push it refused before. */
  readonly earlier?: readonly AttemptRecord[];
}

/** What was tried, with what its devices told meanwhile in the place of their answers; the last word of a device holds. */
export function withEarlyProofs(tried: readonly Tried[], proofs: readonly Proof[]): readonly Tried[] {
  let all = tried;
  for (const proof of proofs) {
    const about = proof.device ?? (tried.length === 1 ? tried[0]?.record.device : undefined);
    all = all.map((one) => (isAbout(one, proof, about) ? told(one, proof) : one));
  }
  return all;
}

/** Refusals of devices that were not tried now: what they say of an earlier attempt is the store's to weigh. */
export const leftProofs = (proofs: readonly Proof[], tried: readonly Tried[]): readonly Proof[] =>
  proofs.filter(({ kind, device }) => kind === 'failed' && !tried.some(({ record }) => record.device === device));

/** Who has it by his own answer does not lose it by another's; a proof that names nobody speaks for who may have it. */
function isAbout({ result, record }: Tried, { kind }: Proof, device: string | undefined): boolean {
  if (kind === 'failed') return record.device === device && result.kind !== 'delivered';
  return device === undefined ? result.kind === 'accepted' || result.kind === 'unknown' : record.device === device;
}

function told({ result: { leg }, record, earlier = [] }: Tried, proof: Proof): Tried {
  const { cause } = proof;
  const result: DeliveryResult =
    proof.kind === 'delivered'
      ? { kind: 'delivered', proof: 'device', cause }
      : { kind: 'failed', state: proof.state, code: proof.code, cause };
  const code = proof.kind === 'delivered' ? PAP.OK : proof.code;
  return {
    result: leg === undefined ? result : { ...result, leg },
    record: { ...record, result: resultName(result), code, cause },
    earlier,
  };
}
