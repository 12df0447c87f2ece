import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A TCP port in front of a server that a test cannot stop: the links through it break and come back. */
export class LinkRelay {
  readonly #target: { readonly host: string; readonly port: number };
  readonly #links = new Set<Socket>();
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
    const server = createServer((near) => this.#join(near));
    server.listen(this.port, '127.0.0.1');
    await once(server, 'listening');
    this.port = (server.address() as AddressInfo).port;
    this.#server = server;
    return this;
  }

  /** Breaks every link and takes no other. The server may need a moment to notice. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = once(server, 'close');
    server.close();
    for (const near of this.#links) near.destroy();
    await closed;
  }

  #join(near: Socket): void {
    const far = connect(this.#target);
    this.#links.add(near);
    for (const one of [near, far]) {
      one.setNoDelay(true);
      one.on('error', () => one.destroy());
    }
    near.on('close', () => {
      this.#links.delete(near);
      far.destroy();
    });
    far.on('close', () => near.destroy());
    near.pipe(far);
    far.pipe(near);
  }
}
