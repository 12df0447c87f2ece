import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Hop, ListenPoint, Protocol } from './types.ts';

/** What a kind of stream asks of the transport that listens. */
export interface AcceptsStreams {
  /** Octets have begun to come; false: there is no room, the socket is closed. Told only where a handshake follows. */
  onArriving(socket: Socket): boolean;
  /** A peer is there and may send messages. */
  onAccepted(socket: Socket): void;
  /** A handshake came to nothing. */
  onRejected(socket: Socket, error: Error): void;
}

/** How one stream transport differs from another: its name, its sockets, and which connection may be used for what. */
export interface StreamKind {
  readonly protocol: Protocol;
  /** The event by which a connection that this side makes is there. */
  readonly ready: 'connect' | 'secureConnect';
  createServer(accepts: AcceptsStreams): Server;
  connect(address: string, hop: Hop): Socket;
  /** Key of the connection that this side would make to a hop. */
  keyOf(address: string, hop: Hop): string;
  /** Whether a request for `hop` may leave by a connection that the peer made. */
  mayCarry(socket: Socket, address: string, hop: Hop): boolean;
  /** The SIP domains that the peer has proved to be. */
  verified(socket: Socket): readonly string[] | undefined;
}

export const streamKey = (address: string, port: number): string => `${address}|${port}`;

/** RFC 3261 section 18, TCP: no handshake, and whoever has the address is believed. */
export const TCP_KIND: StreamKind = {
  protocol: 'tcp',
  ready: 'connect',
  createServer: (accepts) => createServer((socket) => accepts.onAccepted(socket)),
  connect: (address, { port }) => connect({ host: address, port, noDelay: true }),
  keyOf: (address, { port }) => streamKey(address, port),
  mayCarry: () => true,
  verified: () => undefined,
};

/** Listens, and answers with the real port. Rejects when it cannot; later errors of the server go to `onError`. */
export function listenOn(server: Server, point: ListenPoint, onError: (error: Error) => void): Promise<ListenPoint> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: point.host, port: point.port, ipv6Only: point.host.includes(':') }, () => {
      server.off('error', reject);
      server.on('error', onError);
      const address = server.address();
      resolve({ ...point, port: typeof address === 'object' && address !== null ? address.port : point.port });
    });
  });
}
