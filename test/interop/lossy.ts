import { join } from 'node:path';
import type { StackControls } from '../../lib/stack/controls.ts';
import { createSipStack } from '../../lib/stack/stack.ts';
import type { SipStack } from '../../lib/stack/types.ts';
import { UserAgent } from '../../lib/stack/user-agent.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type Losses, LossyRelay } from '../support/lossy-relay.ts';
import { Program } from '../support/process.ts';
import { freePort, opened } from './ports.ts';

const SCENARIOS = join(import.meta.dirname, 'sipp', 'lossy');
const HOST = '127.0.0.1';
const PORT_TRIES = 5;
/** The stack's time against the system's: its T1 of 500 ms is the 100 ms of sipp's scenarios. */
const PACE = 5;
/** Milliseconds of the system between two looks of the stack's clock at it. */
const LOOK = 5;
/** The most that the stack's time goes on in one look, in milliseconds: what came in a moment without us is read before. */
const STEP = 250;
/** Milliseconds of the stack's time after which nothing may be left: timers F and H, and D, J, L and M after them. */
const ALL_TIMERS = 2 * 64 * 500 + 6000;
const ACK = Buffer.from('ACK ');
/** Seconds after which a sipp that nobody ended ends itself. */
const LIFETIME = '120';

/** A user agent of ours and a sipp, with a bad network between them. */
export class LossyPair {
  /** Goes PACE times as fast as the system's, and as fast as a test wants once all has been said. */
  readonly clock: FakeClock = new FakeClock();
  readonly stack: SipStack & StackControls;
  readonly agent: UserAgent;
  readonly #directory: string;
  readonly #acknowledged = new Set<string | undefined>();
  #relay: LossyRelay | undefined;
  #sipp: Program | undefined;
  #pace: NodeJS.Timeout | undefined;
  #ours = '';

  constructor(directory: string) {
    const { clock } = this;
    this.#directory = directory;
    this.stack = createSipStack({ clock, listen: [{ protocol: 'udp', host: HOST, port: 0 }] });
    this.stack.onTrace(({ direction, octets, callId }) => {
      if (direction === 'in' && octets.subarray(0, ACK.length).equals(ACK)) this.#acknowledged.add(callId);
    });
    this.agent = new UserAgent({ stack: this.stack, clock, contact: () => `sip:ours@${this.#ours}` });
  }

  /** `more`: of sipp's options, rate and number of calls. */
  async start(scenario: string, more: readonly string[], losses: Losses): Promise<this> {
    await this.stack.start();
    const ours = this.stack.listening[0]?.port ?? 0;
    for (let tries = 0; tries < PORT_TRIES; tries++) {
      const port = await freePort();
      const relay = await new LossyRelay(this.clock, ours, port, losses).start();
      this.#relay = relay;
      this.#ours = `${HOST}:${relay.toA}`;
      const file = (what: string): string => join(this.#directory, `${scenario}-${port}.${what}`);
      const args = [
        ...[this.#ours, '-sf', join(SCENARIOS, `${scenario}.xml`), '-i', HOST, '-p', String(port), '-t', 'u1'],
        ...['-key', 'contact', `${HOST}:${relay.toB}`, '-nostdin', '-timeout', LIFETIME],
        // what was overtaken on its way is passed over; a call that has ended is forgotten
        ...['-default_behaviors', 'all,-bye,-abortunexp', '-deadcall_wait', '0', '-max_retrans', '12'],
        ...['-trace_err', '-error_file', file('err'), ...more],
      ];
      const sipp = new Program('sipp', args, { cwd: this.#directory });
      this.#sipp = sipp;
      if (await opened(sipp, 'udp', port)) {
        this.#follow();
        return this;
      }
      await sipp.end();
      await relay.close();
    }
    throw new Error(`sipp could not open a port:\n${this.#sipp?.stderr}`);
  }

  #follow(): void {
    let last = performance.now();
    this.#pace = setInterval(() => {
      const now = performance.now();
      this.clock.tick(Math.min(STEP, PACE * (now - last)));
      last = now;
    }, LOOK);
  }

  /** Port that leads to sipp. */
  get toSipp(): number {
    return this.#relay?.toB ?? 0;
  }

  /** Calls of sipp's whose ACK has come. */
  get acknowledged(): number {
    return this.#acknowledged.size;
  }

  get dropped(): number {
    return this.#relay?.dropped ?? 0;
  }

  /** Resolves when every call of sipp went as its scenario says. */
  async finished(): Promise<void> {
    const code = await this.#sipp?.ended;
    if (code === 0) return;
    throw new Error(`sipp ended with ${code}:\n${this.#sipp?.stdout.slice(-3000)}${this.#sipp?.stderr}`);
  }

  /** Resolves when `done`; mocha's own time limit bounds the wait. */
  async until(done: () => boolean): Promise<void> {
    while (!done()) await turn();
  }

  /** Lets all the time pass that any timer takes; answers what is left. */
  async leftovers(): Promise<{ transactions: number; dialogs: number; timers: number }> {
    clearInterval(this.#pace);
    for (let passed = 0; passed < ALL_TIMERS; passed += 250) {
      this.clock.tick(250);
      await turn();
    }
    const { clientTransactions, serverTransactions } = this.stack.counters;
    const transactions = clientTransactions + serverTransactions;
    return { transactions, dialogs: this.agent.dialogs, timers: this.clock.pending };
  }

  async stop(): Promise<void> {
    clearInterval(this.#pace);
    await this.#sipp?.end();
    this.agent.stop();
    await this.stack.stop();
    await this.#relay?.close();
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
