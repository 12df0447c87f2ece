import type { Socket } from 'node:net';
import type { Clock, TimerHandle } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import { type Frame, FrameReader } from './frame.ts';
import type { SipdLimits } from './limits.ts';

export interface ClientListener {
  onFrame(client: Client, frame: Frame): void;
  onClose(client: Client): void;
}

export interface ClientContext {
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits: SipdLimits;
}

/** How long a connection that is being closed may take for what was written. */
const LAST_WRITE_WITHIN = 5_000; // ms

/** One application's connection: frames in, frames out, and what bounds both. */
export class Client {
  /** Who it is, for the log. */
  readonly peer: string;
  authenticated = false;
  /** Requests it sent that have no final response yet. */
  inFlight = 0;
  readonly #socket: Socket;
  readonly #context: ClientContext;
  #timer: TimerHandle;
  #corked = false;
  #open = true;

  constructor(socket: Socket, context: ClientContext, listener: ClientListener) {
    this.peer = `${socket.remoteAddress}:${socket.remotePort}`;
    this.#socket = socket;
    this.#context = context;
    const { clock, limits, log } = context;
    const reader = new FrameReader((frame) => {
      if (this.#open) listener.onFrame(this, frame);
    });
    this.#timer = clock.setTimeout(() => {
      if (!this.authenticated) this.drop('did not authenticate in time');
    }, limits.authenticateWithin);
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      if (!this.#open) return;
      reader.push(chunk);
      if (reader.broken !== undefined) this.drop(reader.broken);
    });
    socket.on('error', (error) =>
      log.debug({ peer: this.peer, cause: error.message }, 'application connection failed'),
    );
    socket.on('close', () => {
      this.#open = false;
      clock.clearTimeout(this.#timer);
      listener.onClose(this);
    });
  }

  get open(): boolean {
    return this.#open;
  }

  /** Sends one frame: a meta line and the SIP message behind it. What is written in one turn leaves in one piece. */
  send(meta: string, message?: Buffer): void {
    if (!this.#open) return;
    const length = Buffer.byteLength(meta) + (message?.length ?? 0);
    if (this.#socket.writableLength + length > this.#context.limits.maxUnread) {
      this.drop('does not read what it is sent');
      return;
    }
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      process.nextTick(() => {
        this.#corked = false;
        this.#socket.uncork();
      });
    }
    this.#socket.write(`${length}#${meta}`);
    if (message !== undefined && message.length > 0) this.#socket.write(message);
  }

  /** Sends what is waiting and closes; nothing more is read. */
  end(): void {
    if (!this.#open) return;
    this.#open = false;
    const { clock } = this.#context;
    clock.clearTimeout(this.#timer);
    // destroySoon waits for the last write alone, which a peer that does not read can hold up for ever
    this.#timer = clock.setTimeout(() => this.#socket.destroy(), LAST_WRITE_WITHIN);
    this.#socket.destroySoon();
  }

  /** Closes at once. */
  drop(why: string): void {
    if (!this.#open) return;
    this.#open = false;
    this.#context.log.warn({ peer: this.peer, why }, 'an application connection is closed');
    this.destroy();
  }

  /** Closes at once, without a word: the server stops. */
  destroy(): void {
    this.#open = false;
    this.#context.clock.clearTimeout(this.#timer);
    this.#socket.destroy();
  }
}
