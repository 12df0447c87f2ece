import type { Socket } from 'node:net';
import type { Clock, TimerHandle } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import type { Guest } from '../base/peer-room.ts';
import type { EndFlag, MsrpRequestHead, MsrpResponse } from '../codec/msrp/message.ts';
import { MsrpReader } from '../codec/msrp/reader.ts';
import { transactionIds } from '../codec/msrp/write.ts';

/** Whoever shares a connection: a session. */
export interface ConnectionUser {
  /** A request for it has come; answers who takes its content. */
  receive(head: MsrpRequestHead, connection: MsrpConnection): Receiver;
  /** The connection is gone. */
  lost(reason: string): void;
}

/** Who takes what comes in by a connection. */
export interface ConnectionOwner {
  /** Finds the session of a request; a status refuses it. */
  route(head: MsrpRequestHead, connection: MsrpConnection): ConnectionUser | { status: number; comment: string };
  /** Answers a request that no session takes. */
  refuse(head: MsrpRequestHead, refusal: { status: number; comment: string }, connection: MsrpConnection): void;
  onClosed(connection: MsrpConnection): void;
  count(received: number, sent: number): void;
}

export interface ConnectionOptions {
  readonly socket: Socket;
  readonly clock: Clock;
  readonly owner: ConnectionOwner;
  /** Other sessions to the same place may use it; undefined: the peer made it. */
  readonly key: string | undefined;
  /** A connection that no session uses is closed after this, ms. */
  readonly idle: number;
}

/**
 * Octets of content that nobody wants, for a session in all, or on a connection without one for a session between: what a
 * sender had under way when it was refused. Beyond it the session, or the connection, is closed.
 */
export const MOST_UNWANTED: number = 4 * 1024 * 1024;

/** Where the content of a request goes. */
export interface Receiver {
  onBody(octets: Buffer): void;
  onEnd(flag: EndFlag): void;
}

/** One TCP or TLS connection, which sessions share (RFC 4975 section 5.4). */
export class MsrpConnection implements Guest {
  readonly socket: Socket;
  readonly key: string | undefined;
  readonly nextTransaction: (content?: Buffer) => string = transactionIds();
  readonly #owner: ConnectionOwner;
  readonly #clock: Clock;
  readonly #idle: number;
  readonly #sessions = new Set<ConnectionUser>();
  readonly #waiting: (() => void)[] = [];
  readonly #responses = new Map<string, (response: MsrpResponse) => void>();
  /** For content that nobody takes: it is read over, but not for ever. */
  readonly swallowing: Receiver = { onBody: (octets) => this.#swallow(octets), onEnd: () => undefined };
  #receiver: Receiver | undefined;
  #unwanted = 0;
  #timer: TimerHandle;
  #closed: string | undefined;
  #ready: boolean;
  #heard = false;
  #unusedSince = 0;

  constructor({ socket, clock, owner, key, idle }: ConnectionOptions, ready: boolean) {
    this.socket = socket;
    this.key = key;
    this.#owner = owner;
    this.#clock = clock;
    this.#idle = idle;
    this.#ready = ready;
    socket.setNoDelay(true);
    const reader = new MsrpReader({
      onRequest: (head) => this.#onRequest(head),
      onBody: (octets) => this.#onBody(octets),
      onEnd: (flag) => {
        const receiver = this.#receiver;
        this.#receiver = undefined;
        receiver?.onEnd(flag);
      },
      onResponse: (response) => {
        if (this.#closed !== undefined) return;
        const taker = this.#responses.get(response.transaction);
        this.#responses.delete(response.transaction);
        taker?.(response);
      },
    });
    socket.on('data', (octets: Buffer) => {
      owner.count(octets.length, 0);
      try {
        reader.push(octets);
      } catch (error) {
        this.close(messageOf(error));
      }
    });
    socket.on('drain', () => this.#wake());
    socket.on('error', (error) => this.close(error.message));
    socket.on('end', () => this.close('the peer closed the connection'));
    socket.on('close', () => this.close('the connection is gone'));
    this.#watch();
  }

  /** Why it was closed; undefined while it is open. */
  get closed(): string | undefined {
    return this.#closed;
  }

  /** Called once connect and handshake are done. */
  opened(): void {
    this.#ready = true;
    this.#wake();
  }

  get sessions(): number {
    return this.#sessions.size;
  }

  /** For a newcomer where there is no room for more: one that the peer made, and that no session uses. */
  get mayGo(): boolean {
    return this.key === undefined && this.#sessions.size === 0;
  }

  /** A session has used it. */
  get heard(): boolean {
    return this.#heard;
  }

  /** Since when no session uses it. */
  get lastUsed(): number {
    return this.#unusedSince;
  }

  bind(session: ConnectionUser): void {
    this.#heard = true;
    this.#sessions.add(session);
    this.#clock.clearTimeout(this.#timer);
  }

  unbind(session: ConnectionUser): void {
    if (this.#sessions.delete(session) && this.#sessions.size === 0) this.#watch();
  }

  /** Resolves when octets may be written, in the order of asking; false: it is closed. */
  async writable(): Promise<boolean> {
    // What was woken has to find room still: others may have been before it.
    while (this.#closed === undefined && (!this.#ready || this.socket.writableNeedDrain))
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.#closed === undefined;
  }

  /** Writes one message as a whole. `onResponse` gets the answer to its transaction. */
  write(
    parts: readonly (string | Buffer)[],
    transaction?: string,
    onResponse?: (response: MsrpResponse) => void,
    onFlushed?: () => void,
  ): void {
    if (this.#closed !== undefined) return;
    if (transaction !== undefined && onResponse !== undefined) this.#responses.set(transaction, onResponse);
    const { socket } = this;
    let sent = 0;
    socket.cork();
    parts.forEach((part, at) => {
      sent += part.length;
      socket.write(part, 'utf8', at === parts.length - 1 && onFlushed !== undefined ? () => onFlushed() : undefined);
    });
    socket.uncork();
    this.#owner.count(0, sent);
  }

  /** No answer to it is waited for any more. */
  forget(transaction: string): void {
    this.#responses.delete(transaction);
  }

  close(because: string | Error): void {
    const reason = typeof because === 'string' ? because : because.message;
    if (this.#closed !== undefined) return;
    this.#closed = reason;
    this.#clock.clearTimeout(this.#timer);
    this.#receiver = undefined;
    this.#responses.clear();
    this.socket.destroy();
    this.#wake();
    this.#owner.onClosed(this);
    for (const session of [...this.#sessions]) session.lost(reason);
    this.#sessions.clear();
  }

  /** Closes once what was written has left; the peer has a second to read it. */
  finish(reason: string): void {
    if (this.#closed !== undefined) return;
    this.socket.end(() => this.close(reason));
    this.#clock.clearTimeout(this.#timer);
    this.#timer = this.#clock.setTimeout(() => this.close(reason), 1000);
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  #watch(): void {
    this.#unusedSince = this.#clock.now();
    this.#clock.clearTimeout(this.#timer);
    this.#timer = this.#clock.setTimeout(() => this.finish('no session uses the connection'), this.#idle);
  }

  #onRequest(head: MsrpRequestHead): void {
    // What stood behind the octets for which it was closed counts no more.
    if (this.#closed !== undefined) return;
    const found = this.#owner.route(head, this);
    if ('status' in found) {
      this.#receiver = this.swallowing;
      this.#owner.refuse(head, found, this);
    } else {
      // What a session does not want is counted there: others may share the connection.
      this.#unwanted = 0;
      this.#receiver = found.receive(head, this);
    }
  }

  #onBody(octets: Buffer): void {
    this.#receiver?.onBody(octets);
  }

  #swallow(octets: Buffer): void {
    this.#unwanted += octets.length;
    if (this.#unwanted > MOST_UNWANTED) this.close('the peer sends content that was refused');
  }
}
