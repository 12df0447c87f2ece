import { PpgError } from '../../base/errors.ts';

/** What a phone does with one request. */
export type Answer =
  | { readonly kind: 'silent' }
  | { readonly kind: 'status'; readonly status: number; readonly retryAfter?: number };

/** Answers in the order they are given; the last one repeats. Never empty. */
export type AnswerScript = readonly Answer[];

const MAX_ANSWERS = 10_000;
const MAX_RETRY_AFTER = 86_400;
const STEP = /^(\d{3})(?::(\d{1,6}))?$/;

/**
 * Reads a script such as `200`, `silent`, `486:30` (status and Retry-After in seconds) or `503:1,503:1,200`.
 * @throws PpgError PPG_E_OPTIONS that names the step and what it may be
 */
export function parseAnswerScript(text: string): AnswerScript {
  const steps = text.split(',');
  if (steps.length > MAX_ANSWERS)
    throw new PpgError('PPG_E_OPTIONS', `an answer script has at most ${MAX_ANSWERS} steps`);
  return steps.map((step, at) => answer(step.trim(), at));
}

function answer(step: string, at: number): Answer {
  if (step === 'silent') return { kind: 'silent' };
  const match = STEP.exec(step);
  const status = Number(match?.[1]);
  // 1xx is no answer, and a phone that sent only that would be silent.
  if (match === null || status < 200 || status > 699) {
    throw new PpgError(
      'PPG_E_OPTIONS',
      `answer ${at + 1} is "${shown(step)}"; it must be "silent" or a status 200 to 699 with an optional Retry-After in seconds, as in 503:5`,
    );
  }
  if (match[2] === undefined) return { kind: 'status', status };
  const retryAfter = Number(match[2]);
  if (retryAfter > MAX_RETRY_AFTER)
    throw new PpgError(
      'PPG_E_OPTIONS',
      `answer ${at + 1} ("${shown(step)}"): Retry-After is at most ${MAX_RETRY_AFTER} s`,
    );
  return { kind: 'status', status, retryAfter };
}

/** What was written, short and printable: it goes into an error message. */
const shown = (step: string): string => step.slice(0, 24).replace(/[^\x20-\x7e]/g, '?');

/** Plays a script. */
export class AnswerPlayer {
  #script: AnswerScript;
  #next = 0;

  constructor(script: AnswerScript) {
    this.#script = script;
  }

  /** The answer to the next request. */
  next(): Answer {
    const answer = this.#script[Math.min(this.#next, this.#script.length - 1)];
    this.#next++;
    return answer ?? { kind: 'silent' };
  }

  /** Plays another script from its beginning. */
  play(script: AnswerScript): void {
    this.#script = script;
    this.#next = 0;
  }
}
