import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** An application that speaks drachtio's protocol by hand, so that a test sees every octet. */
export class RawApp {
  readonly socket: Socket;
  readonly closed: Promise<unknown>;
  readonly #frames: string[] = [];
  readonly #waiting: ((frame: string) => void)[] = [];
  #pending: Buffer = Buffer.alloc(0);
  #id = 0;

  private constructor(socket: Socket) {
    this.socket = socket;
    this.closed = once(socket, 'close');
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
  }

  static async connect(port: number): Promise<RawApp> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return new RawApp(socket);
  }

  static async authenticated(port: number, secret: string): Promise<RawApp> {
    const app = await RawApp.connect(port);
    const answer = await app.ask(`authenticate|${secret}|`);
    if (!answer.includes('|OK|')) throw new Error(answer);
    return app;
  }

  /** Writes one frame and answers its message id. */
  send(command: string | Buffer): string {
    const id = `id${++this.#id}`;
    this.socket.write(RawApp.frame(id, command));
    return id;
  }

  static frame(id: string, command: string | Buffer): Buffer {
    const payload = Buffer.concat([Buffer.from(`${id}|`), Buffer.from(command)]);
    return Buffer.concat([Buffer.from(`${payload.length}#`), payload]);
  }

  /** Writes one frame and waits for the next one that comes. */
  ask(command: string | Buffer): Promise<string> {
    this.send(command);
    return this.next();
  }

  /** The next frame, octets as latin1. */
  next(): Promise<string> {
    const frame = this.#frames.shift();
    return frame === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(frame);
  }

  /** Frames that came and were not asked for. */
  get unread(): readonly string[] {
    return this.#frames;
  }

  close(): Promise<unknown> {
    this.socket.destroy();
    return this.closed;
  }

  #read(chunk: Buffer): void {
    this.#pending = Buffer.concat([this.#pending, chunk]);
    for (;;) {
      const hash = this.#pending.indexOf('#');
      if (hash < 0) return;
      const end = hash + 1 + Number(this.#pending.toString('latin1', 0, hash));
      if (this.#pending.length < end) return;
      const frame = this.#pending.toString('latin1', hash + 1, end);
      this.#pending = this.#pending.subarray(end);
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#frames.push(frame);
      else waiting(frame);
    }
  }
}
