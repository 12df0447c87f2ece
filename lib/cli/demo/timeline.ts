import type { Terminal } from '../terminal.ts';

/** Who acts in a step, as wide as the widest. */
export type Actor = 'PI' | 'gateway' | 'phone';

const ACTOR_WIDTH = 9;
const TIME_WIDTH = 10;

/** Writes what happens as it happens, each step with its time since the push was sent. */
export class Timeline {
  readonly #terminal: Terminal;
  readonly #colour: boolean;
  #begun = 0;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
    this.#colour = terminal.interactive;
  }

  /** A heading, and the clock at zero. */
  begin(text: string): void {
    this.#terminal.line('');
    this.#terminal.line(this.#colour ? `\u001b[1m${text}\u001b[0m` : text);
    this.#begun = performance.now();
  }

  step(actor: Actor, text: string): void {
    const time = `${(performance.now() - this.#begun).toFixed(1)} ms`.padStart(TIME_WIDTH);
    const shown = this.#colour ? `\u001b[2m${time}\u001b[0m` : time;
    this.#terminal.line(`${shown}  ${actor.padEnd(ACTOR_WIDTH)}${text}`);
  }

  /** A sentence that belongs to no moment. */
  say(text: string): void {
    this.#terminal.line(text === '' ? '' : `  ${text}`);
  }

  verdict(good: boolean, text: string): void {
    const word = good ? 'ok' : 'FAILED';
    const shown = this.#colour ? `\u001b[${good ? 32 : 31}m${word}\u001b[0m` : word;
    this.#terminal.line(`${' '.repeat(TIME_WIDTH - word.length)}${shown}  ${text}`);
  }
}
