import { createSocket } from 'node:dgram';
import { createServer, isIPv6 } from 'node:net';
import { PpgError } from '../base/errors.ts';
import { systemErrorOf } from './exit.ts';

/** A port that is to be opened, as the operator knows it. */
export interface PortName {
  /** As `SIP for phones`. */
  readonly what: string;
  readonly port: number;
  /** The variable or option that sets the port. */
  readonly setBy: string;
}

/** Ports of one host that are opened together, the usual one first. */
export interface PortNames {
  readonly host: string;
  /** The variable or option that sets the host; undefined: it cannot be set. */
  readonly hostSetBy?: string | undefined;
  readonly ports: readonly [PortName, ...PortName[]];
}

/** What the system calls the opening of a port; a file that cannot be opened is none of this. */
const OPENS_PORT: ReadonlySet<string | undefined> = new Set(['bind', 'listen', 'getaddrinfo']);

/** Runs what opens ports; a port that cannot be had becomes one line that says what to do. Rejects with PPG_E_LISTEN. */
export async function opening<T>({ host, hostSetBy, ports }: PortNames, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    const failure = systemErrorOf(error);
    if (!OPENS_PORT.has(failure?.syscall)) throw error;
    const { what, setBy } = ports.find((one) => one.port === failure?.port) ?? ports[0];
    const port = failure?.port ?? ports[0].port;
    const refuse = (text: string): never => {
      throw new PpgError('PPG_E_LISTEN', text);
    };
    switch (failure?.code) {
      case 'EADDRINUSE':
        return refuse(
          `port ${port} (${what}) on ${host} is in use; stop the program that has it, or set ${setBy} to another port (0: any that is free)`,
        );
      case 'EACCES':
        return refuse(`port ${port} (${what}) may not be opened by this user; set ${setBy} to a port above 1023`);
      case 'EADDRNOTAVAIL':
      case 'ENOTFOUND':
      case 'EAI_AGAIN':
        return refuse(
          `${host} is no address of this machine (${what}); ${hostSetBy === undefined ? 'use' : `set ${hostSetBy} to`} one that is, or 0.0.0.0 for all`,
        );
      default:
        throw error;
    }
  }
}

const TRIES = 20;

/** A port that is free now, for UDP and TCP: for what must be known by its port before it is opened. Rejects with PPG_E_LISTEN. */
export async function freePort(host: string): Promise<number> {
  for (let tries = 0; tries < TRIES; tries++) {
    const port = await freeTcpPort(host);
    if (await isFreeUdpPort(host, port)) return port;
  }
  throw new PpgError('PPG_E_LISTEN', `no port of ${host} is free for both UDP and TCP`);
}

function freeTcpPort(host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, host, () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

function isFreeUdpPort(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
    socket.once('error', () => {
      socket.close();
      resolve(false);
    });
    socket.bind(port, host, () => socket.close(() => resolve(true)));
  });
}
