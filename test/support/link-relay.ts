import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { freePorts } from './ports.ts';

const NOTICED_WITHIN = 1_000; // ms

/** A TCP port in front of a server that a test cannot stop: the links through it break and come back. */
export class LinkRelay {
  readonly #target: { readonly host: string; readonly port: number };
  readonly #links = new Set<Socket>();
  /** Connections to the server, until it has closed them. */
  readonly #leaving = new Set<Promise<unknown>>();
  #server: Server | undefined;
  port = 0;

  constructor(target: { readonly host: string; readonly port: number }) {
    this.#target = target;
  }

  get links(): number {
    return this.#links.size;
  }

  /** Again at the same port after `stop`. */
  async start(): Promise<this> {
    if (this.port === 0) [this.port = 0] = await freePorts(1);
    const server = createServer((near) => this.#join(near));
    server.listen(this.port, '127.0.0.1');
    await once(server, 'listening');
    this.#server = server;
    return this;
  }

  /** Breaks every link and takes no other. The server has noticed, where it does so in a while. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = once(server, 'close');
    server.close();
    for (const near of this.#links) near.destroy();
    await closed;
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise((resolve) => {
      timer = setTimeout(resolve, NOTICED_WITHIN);
    });
    await Promise.race([Promise.all(this.#leaving), patience]);
    clearTimeout(timer);
  }

  #join(near: Socket): void {
    const far = connect(this.#target);
    this.#links.add(near);
    for (const one of [near, far]) {
      one.setNoDelay(true);
      one.on('error', () => one.destroy());
    }
    const gone = new Promise((resolve) => far.once('close', resolve));
    this.#leaving.add(gone);
    void gone.then(() => this.#leaving.delete(gone));
    near.on('close', () => {
      this.#links.delete(near);
      // Read to the end: drachtio-server keeps a connection that breaks while it writes for ever, and goes on handing
      // requests to it.
      far.unpipe(near);
      far.resume();
      far.end();
      far.unref();
    });
    far.on('close', () => near.destroy());
    near.pipe(far);
    far.pipe(near);
  }
}
