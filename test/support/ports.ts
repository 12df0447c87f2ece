import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

/**
 * Below the ports that systems hand out by themselves (RFC 6335 section 6: from 49152, Linux: from 32768), so that no
 * connection of anybody takes one of them while its program restarts.
 */
const LOWEST = 12_000;
const HIGHEST = 32_000;

/** Ports of loopback that were free a moment ago for UDP and TCP, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const found: number[] = [];
  let port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
  for (let tries = 0; found.length < count; tries++) {
    if (tries > HIGHEST - LOWEST) throw new Error(`no ${count} free ports between ${LOWEST} and ${HIGHEST}`);
    port = port < HIGHEST ? port + 1 : LOWEST;
    if ((await isFreeForTcp(port)) && (await isFreeForUdp(port))) found.push(port);
  }
  return found;
}

function isFreeForTcp(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

function isFreeForUdp(port: number): Promise<boolean> {
  const socket = createSocket('udp4');
  return new Promise((resolve) => {
    socket.once('error', () => {
      socket.close();
      resolve(false);
    });
    socket.bind(port, '127.0.0.1', () => socket.close(() => resolve(true)));
  });
}
