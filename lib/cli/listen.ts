import { createSocket } from 'node:dgram';
import { createServer, isIPv6 } from 'node:net';
import { PpgError } from '../base/errors.ts';
import { systemCode } from './exit.ts';

/** A port that is to be opened, as the operator knows it. */
export interface PortName {
  /** As `SIP for phones`. */
  readonly what: string;
  readonly host: string;
  readonly port: number;
  /** The variable or option that sets the port. */
  readonly setBy: string;
}

/** Runs what opens a port; a port that cannot be had becomes one line that says what to do. Rejects with PPG_E_LISTEN. */
export async function opening<T>(name: PortName, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    const { what, host, port, setBy } = name;
    const refuse = (text: string): never => {
      throw new PpgError('PPG_E_LISTEN', text);
    };
    switch (systemCode(error)) {
      case 'EADDRINUSE':
        return refuse(
          `port ${port} (${what}) on ${host} is in use; stop the program that has it, or set ${setBy} to another port (0: any that is free)`,
        );
      case 'EACCES':
        return refuse(`port ${port} (${what}) may not be opened by this user; set ${setBy} to a port above 1023`);
      case 'EADDRNOTAVAIL':
      case 'ENOTFOUND':
        return refuse(`${host} is no address of this machine (${what}); use one that is, or 0.0.0.0 for all`);
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
