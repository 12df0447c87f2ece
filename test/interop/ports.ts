import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { freePorts } from '../support/ports.ts';
import type { Program } from '../support/process.ts';

export type Transport = 'udp' | 'tcp';

const LOOK_AGAIN = 10; // ms
const WITHIN = 30_000; // ms

/** A port of loopback that is free now. Another may take it first: who opens it looks whether it has it, and asks again. */
export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1);
  return port;
}

/** Resolves with true once the program itself has the port, false when it ended without or 30 s have passed. */
export async function opened(program: Program, transport: Transport, port: number): Promise<boolean> {
  const until = Date.now() + WITHIN;
  while (program.running && Date.now() < until) {
    if (program.pid !== undefined && hasPort(program.pid, transport, port)) return true;
    // The kernel tells nobody that a socket was opened, so there is nothing to wait for but time.
    await wait(LOOK_AGAIN);
  }
  return false;
}

/** State of a TCP socket that listens, in /proc/net/tcp. */
const LISTEN = '0A';

/** Whether a socket of this process has the port, by what the kernel says (proc(5)). */
function hasPort(pid: number, transport: Transport, port: number): boolean {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const inodes = readFileSync(`/proc/net/${transport}`, 'latin1')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local = '', , state]) => local.endsWith(wanted) && (transport === 'udp' || state === LISTEN))
    .map((fields) => `socket:[${fields[9]}]`);
  if (inodes.length === 0) return false;
  try {
    const folder = `/proc/${pid}/fd`;
    return readdirSync(folder).some((fd) => inodes.includes(readlinkSync(`${folder}/${fd}`)));
  } catch {
    return false; // a descriptor was closed, or the process ended, between two looks
  }
}
