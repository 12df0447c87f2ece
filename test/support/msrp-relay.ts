import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { randomToken } from '../../lib/base/ids.ts';
import { headerOf, type MsrpRequestHead } from '../../lib/codec/msrp/message.ts';
import { MsrpReader } from '../../lib/codec/msrp/reader.ts';
import { formatMsrpUri, type MsrpUri, parsePath } from '../../lib/codec/msrp/uri.ts';
import { endLine } from '../../lib/codec/msrp/write.ts';
import { digestResponse, parseCredentials } from '../../lib/codec/sip/digest.ts';

export interface TestRelayOptions {
  readonly user: string;
  readonly password: string;
  /** Seconds granted to whoever asks for more. Default 1800. */
  readonly seconds?: number;
  readonly tls?: { readonly cert: string; readonly key: string };
}

/** A relay (RFC 4976) with one account, on loopback: digest, Use-Path, expiry of its bounds, and frames handed on as they come. */
export class TestRelay {
  readonly #o: TestRelayOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Clients by the session-id of the path that they were given. */
  readonly #clients = new Map<string, Socket>();
  readonly #ways = new Map<string, Socket>();
  readonly #nonces = new Set<string>();
  #port = 0;
  /** AUTH requests that were granted, and that were answered 401. */
  granted = 0;
  challenged = 0;
  /** Frames of others that were handed on. */
  handedOn = 0;
  /** Answers every AUTH with this, once set. */
  refusal: string | undefined;
  /** Called after each AUTH. */
  onAuth: () => void = () => undefined;

  constructor(options: TestRelayOptions) {
    this.#o = options;
    const taken = (socket: Socket): void => this.#read(socket);
    this.#server = options.tls === undefined ? createServer(taken) : createTlsServer(options.tls, taken);
  }

  get uri(): string {
    return `${this.#o.tls === undefined ? 'msrp' : 'msrps'}://127.0.0.1:${this.#port};tcp`;
  }

  async start(port = 0): Promise<this> {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    this.#port = typeof address === 'object' && address !== null ? address.port : 0;
    return this;
  }

  get port(): number {
    return this.#port;
  }

  /** Forgets its nonces: whoever comes with one is told that it is stale. */
  forgetNonces(): void {
    this.#nonces.clear();
  }

  /** Closes every connection; it can still be reached. */
  hangUp(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.hangUp();
    await closed;
  }

  #read(socket: Socket): void {
    this.#sockets.add(socket);
    let head: MsrpRequestHead | undefined;
    let body: Buffer[] = [];
    const reader = new MsrpReader({
      onRequest: (one) => {
        head = one;
        body = [];
      },
      onBody: (octets) => void body.push(Buffer.from(octets)),
      onEnd: (flag) => {
        if (head === undefined) return;
        if (head.method === 'AUTH') this.#auth(head, socket);
        else this.#handOn(head, Buffer.concat(body), flag, socket);
      },
      // Answers are of the hop.
      onResponse: () => undefined,
    });
    socket.on('data', (octets) => reader.push(octets));
    socket.on('error', () => undefined);
    socket.on('close', () => this.#sockets.delete(socket));
  }

  #answer(head: MsrpRequestHead, socket: Socket, status: string, headers: readonly string[] = []): void {
    const first = (name: string): string => headerOf(head.headers, name)?.split(' ', 1)[0] ?? '';
    const lines = [`To-Path: ${first('From-Path')}`, `From-Path: ${first('To-Path')}`, ...headers];
    socket.write(`MSRP ${head.transaction} ${status}\r\n${lines.join('\r\n')}\r\n-------${head.transaction}$\r\n`);
  }

  #auth(head: MsrpRequestHead, socket: Socket): void {
    this.#judge(head, socket);
    this.onAuth();
  }

  #judge(head: MsrpRequestHead, socket: Socket): void {
    if (this.refusal !== undefined) {
      this.#answer(head, socket, this.refusal);
      return;
    }
    const { user, password, seconds = 1800 } = this.#o;
    const given = parseCredentials(headerOf(head.headers, 'Authorization') ?? 'None');
    const known = given !== undefined && this.#nonces.has(given.nonce);
    const { response } = given ?? {};
    const right =
      given !== undefined &&
      given.username === user &&
      given.uri === headerOf(head.headers, 'To-Path') &&
      response === digestResponse({ ...given, password, method: 'AUTH' });
    if (!known || !right) {
      const nonce = randomToken();
      this.#nonces.add(nonce);
      this.challenged++;
      const stale = right ? ', stale=true' : '';
      this.#answer(head, socket, '401 Unauthorized', [
        `WWW-Authenticate: Digest realm="relay", nonce="${nonce}", qop="auth"${stale}`,
      ]);
      return;
    }
    const wanted = Number(headerOf(head.headers, 'Expires') ?? seconds);
    if (wanted > seconds) {
      this.#answer(head, socket, '423 Interval Out-of-Bounds', [`Max-Expires: ${seconds}`]);
      return;
    }
    const session = randomToken();
    this.#clients.set(session, socket);
    this.granted++;
    this.#answer(head, socket, '200 OK', [`Use-Path: ${this.#uriOf(session)}`, `Expires: ${wanted}`]);
  }

  #uriOf(session: string): string {
    return formatMsrpUri({
      secure: this.#o.tls !== undefined,
      host: '127.0.0.1',
      port: this.#port,
      session,
      transport: 'tcp',
    });
  }

  #handOn(head: MsrpRequestHead, body: Buffer, flag: '$' | '+' | '#', socket: Socket): void {
    const [own, ...rest] = parsePath(headerOf(head.headers, 'To-Path') ?? '');
    const client = this.#clients.get(own?.session ?? '');
    const [next] = rest;
    if (own === undefined || next === undefined || client === undefined) {
      this.#answer(head, socket, '481 Not through this relay');
      return;
    }
    if (head.method !== 'REPORT') this.#answer(head, socket, '200 OK');
    const fields = head.headers.map(({ name, value }) => {
      if (name === 'To-Path') return `To-Path: ${rest.map(formatMsrpUri).join(' ')}`;
      return name === 'From-Path' ? `From-Path: ${formatMsrpUri(own)} ${value}` : `${name}: ${value}`;
    });
    this.handedOn++;
    const to = socket === client ? this.#wayTo(next) : client;
    const text = `MSRP ${head.transaction} ${head.method}\r\n${fields.join('\r\n')}\r\n${head.hasBody ? '\r\n' : ''}`;
    to.write(Buffer.concat([Buffer.from(text), body, Buffer.from(endLine(head.transaction, flag, head.hasBody))]));
  }

  #wayTo({ host, port }: MsrpUri): Socket {
    const key = `${host} ${port}`;
    const known = this.#ways.get(key);
    if (known !== undefined && !known.destroyed) return known;
    const socket = connect(port, host);
    this.#ways.set(key, socket);
    this.#read(socket);
    return socket;
  }
}
