import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { SparingLine } from '../base/sparing-line.ts';
import { applicationIdOf } from '../model/application-id.ts';
import type { Push, Submission } from '../model/push.ts';
import type { BlockList } from './block-list.ts';

/** What an integrator is told of a push when asked whether a subscriber wants it; never its content. */
export type AskedPush = Omit<Push, 'content'>;

/** Says whether a subscriber is to get a push, as of a database of opt-outs. Asked before every attempt. */
export type AllowDelivery = (push: AskedPush, aor: string) => boolean | Promise<boolean>;

/** `unsure`: nobody can say now. */
export type Consent = boolean | 'unsure';

export interface ConsentOptions {
  readonly blocked: BlockList;
  readonly allowDelivery: AllowDelivery | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

const ASK_WITHIN = 10_000;

/** Asks the block list, then the integrator. An integrator's answer that does not come is no consent. */
export class ConsentKeeper {
  readonly #o: ConsentOptions;
  readonly #failed: SparingLine;
  blocked: BlockList;

  constructor(options: ConsentOptions) {
    this.#o = options;
    this.#failed = new SparingLine(options.clock);
    this.blocked = options.blocked;
  }

  /**
   * True when the list lets none of the recipients have it. A push that some of them want is taken: it ends as forbidden
   * for the others alone. Throws PPG_E_PUSH_REFUSED for an application that cannot be read.
   */
  blocks({ initiator, recipients, content }: Submission): boolean {
    if (this.blocked.empty) return false;
    const application = applicationIdOf(content.headers);
    return recipients.every(({ aor }) => this.blocked.blocks(initiator, aor, application));
  }

  /**
   * `submitted` is the address-of-record as it was submitted, where it led to `aor`: an opt-out counts for both.
   * Never throws, never rejects; bounded in time.
   */
  allows(push: Push, aor: string, submitted: string = aor): Consent | Promise<Consent> {
    const { initiator, applicationId } = push;
    if (!this.blocked.empty) {
      if (this.blocked.blocks(initiator, aor, applicationId)) return false;
      if (submitted !== aor && this.blocked.blocks(initiator, submitted, applicationId)) return false;
    }
    const { allowDelivery } = this.#o;
    if (allowDelivery === undefined) return true;
    const { content: _content, ...asked } = push;
    try {
      const answer = allowDelivery(asked, aor);
      return answer instanceof Promise ? this.#inTime(answer, push) : answer === true;
    } catch (error) {
      return this.#unsure(push, messageOf(error));
    }
  }

  #inTime(answer: Promise<boolean>, push: Push): Promise<Consent> {
    const { clock } = this.#o;
    return new Promise((resolve) => {
      const late = (): void => resolve(this.#unsure(push, `no answer within ${ASK_WITHIN} ms`));
      const timer = clock.setTimeout(late, ASK_WITHIN);
      answer
        .then(
          (yes) => resolve(yes === true),
          (error: unknown) => resolve(this.#unsure(push, messageOf(error))),
        )
        .finally(() => clock.clearTimeout(timer));
    });
  }

  #unsure({ pushId, initiator }: Push, cause: string): 'unsure' {
    const fields = { pushId, initiator, cause };
    this.#failed.say((unsaid) => this.#o.log.error({ ...fields, ...unsaid }, 'allowDelivery() failed; the push waits'));
    return 'unsure';
  }
}
