import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket as TcpSocket } from 'node:net';
import { SipHeaders, type SipRequest, type SipResponse } from '../../lib/codec/sip/message.ts';
import { createSipStack, type SipStackOptions } from '../../lib/stack/stack.ts';
import type { Hop, Protocol, ServerTransaction, SipStack, TransactionFailure } from '../../lib/stack/types.ts';
import { FakeClock } from './fake-clock.ts';

/** A MESSAGE, with `change` over its usual headers; undefined takes one away. */
export function messageRequest(
  change: Record<string, string | undefined> = {},
  body: Buffer = Buffer.alloc(0),
): SipRequest {
  const headers = {
    'Max-Forwards': '70',
    From: '<sip:a@example.com>;tag=1',
    To: '<sip:b@example.com>',
    'Call-ID': '1@a',
    CSeq: '1 MESSAGE',
    ...change,
  };
  const fields = Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }]));
  return { kind: 'request', method: 'MESSAGE', uri: 'sip:b@example.com', headers: new SipHeaders(fields), body };
}

/** The octets of a request with a Via, as a peer without a stack would send them. */
export function requestText(via: string, options: { method?: string; more?: string[]; body?: string } = {}): Buffer {
  const { method = 'MESSAGE', more = [], body = '' } = options;
  const lines = [
    `${method} sip:b@example.com SIP/2.0`,
    `Via: ${via}`,
    'Max-Forwards: 70',
    'From: <sip:a@example.com>;tag=1',
    'To: <sip:b@example.com>',
    'Call-ID: 1@a',
    `CSeq: 1 ${method}`,
    ...more,
    `Content-Length: ${Buffer.byteLength(body, 'latin1')}`,
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`, 'latin1');
}

/** Things that arrive one by one, and whoever waits for them. */
export class Arrivals<T> {
  readonly all: T[] = [];
  #taken = 0;
  #wake: (() => void) | undefined;

  add(item: T): void {
    this.all.push(item);
    this.#wake?.();
  }

  /** The next that has not been taken; waits for it (mocha's own time limit bounds the wait). */
  async next(): Promise<T> {
    while (this.#taken >= this.all.length) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.all[this.#taken++] as T;
  }
}

export interface StackUnderTest {
  readonly stack: SipStack;
  readonly clock: FakeClock;
  readonly requests: Arrivals<ServerTransaction>;
  /** Where it listens for a protocol. */
  at(protocol: Protocol): Hop;
}

/** A started stack on loopback with a fake clock. */
export async function loopbackStack(options: Partial<SipStackOptions> = {}): Promise<StackUnderTest> {
  const clock = new FakeClock();
  const stack = createSipStack({
    clock,
    listen: [
      { protocol: 'udp', host: '127.0.0.1', port: 0 },
      { protocol: 'tcp', host: '127.0.0.1', port: 0 },
    ],
    ...options,
  });
  const requests = new Arrivals<ServerTransaction>();
  stack.onRequest((transaction) => requests.add(transaction));
  await stack.start();
  const at = (protocol: Protocol): Hop => {
    const point = stack.listening.find((candidate) => candidate.protocol === protocol);
    if (point === undefined) throw new Error(`no ${protocol}`);
    return point;
  };
  return { stack, clock, requests, at };
}

export type Outcome = { response: SipResponse; raw: Buffer } | { failure: TransactionFailure; cause: Error };

/** Sends and collects all that the transaction tells. */
export function send(stack: SipStack, request: SipRequest, hop: Hop): Arrivals<Outcome> {
  const outcomes = new Arrivals<Outcome>();
  stack.request(request, hop, {
    onResponse: (response, _flow, raw) => outcomes.add({ response, raw }),
    onFailure: (failure, cause) => outcomes.add({ failure, cause }),
  });
  return outcomes;
}

export const statusOf = (outcome: Outcome): number | string =>
  'response' in outcome ? outcome.response.status : outcome.failure;

export interface UdpPeer {
  readonly socket: Socket;
  readonly port: number;
  readonly datagrams: Arrivals<Buffer>;
  send(octets: Buffer, port: number): void;
  close(): Promise<void>;
}

/** A bare UDP socket on loopback. */
export async function udpPeer(): Promise<UdpPeer> {
  const socket = createSocket('udp4');
  const datagrams = new Arrivals<Buffer>();
  socket.on('message', (octets) => datagrams.add(octets));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return {
    socket,
    port: socket.address().port,
    datagrams,
    send: (octets, port) => socket.send(octets, port, '127.0.0.1'),
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}

export interface TcpPeer {
  readonly socket: TcpSocket;
  readonly received: Arrivals<string>;
  readonly closed: Promise<unknown>;
}

function peerOf(socket: TcpSocket): TcpPeer {
  const received = new Arrivals<string>();
  socket.on('data', (chunk) => received.add(chunk.toString('latin1')));
  socket.on('error', () => undefined);
  return { socket, received, closed: new Promise((resolve) => socket.once('close', resolve)) };
}

/** A bare TCP connection to a loopback port. */
export async function tcpPeer(port: number): Promise<TcpPeer> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  return peerOf(socket);
}

export interface TcpListener {
  readonly port: number;
  readonly peers: Arrivals<TcpPeer>;
  close(): Promise<void>;
}

/** A bare TCP listener on loopback. */
export async function tcpListener(port = 0): Promise<TcpListener> {
  const peers = new Arrivals<TcpPeer>();
  const server: Server = createServer((socket) => peers.add(peerOf(socket)));
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    peers,
    close: () =>
      new Promise((resolve) => {
        for (const { socket } of peers.all) socket.destroy();
        server.close(() => resolve());
      }),
  };
}
