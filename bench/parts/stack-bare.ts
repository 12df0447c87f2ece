import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { ClosedLoop, type LoopJob, type LoopResult } from './closed-loop.ts';
import { portOf, runPart } from './part.ts';
import { Slots } from './slots.ts';
import { Cutter, messageText, okTo } from './stack-message.ts';

export interface BareCommands {
  udp(): number;
  tcp(): number;
  /** Sends MESSAGEs and waits for their answers. */
  run(job: LoopJob): Promise<LoopResult>;
  /** Sends so many to a UDP port, a few each millisecond, and waits for nothing. */
  flood(job: { port: number; count: number }): Promise<void>;
  /** Whether it answers what comes. */
  answers(yes: boolean): void;
}

const HOST = '127.0.0.1';
const BUFFERS = { recvBufferSize: 4 * 1024 * 1024, sendBufferSize: 4 * 1024 * 1024 };
const FLOOD = 16;

/** Where the status of a response stands; 0x32 is the 2 of 200. */
const STATUS = 'SIP/2.0 '.length;
const TWO = 0x32;

/** The bare loop: MESSAGEs and their answers as text, without transactions, timers, checks or repetition. */
runPart(async (): Promise<BareCommands> => {
  let [answering, serial] = [true, 0];

  const answerer = createSocket({ type: 'udp4', ...BUFFERS });
  answerer.on('message', (octets, { port, address }) => {
    if (answering) answerer.send(okTo(octets.toString('latin1')), port, address);
  });
  answerer.bind(0, HOST);
  await once(answerer, 'listening');

  const server = createServer({ noDelay: true }, (socket) => {
    const cutter = new Cutter();
    socket.on('error', () => socket.destroy()); // the peer has gone: so has its round
    socket.on('data', (chunk) => {
      for (const message of cutter.push(chunk)) socket.write(okTo(message), 'latin1');
    });
  });
  server.listen(0, HOST);
  await once(server, 'listening');

  async function overUdp(job: LoopJob): Promise<LoopResult> {
    const socket = createSocket({ type: 'udp4', ...BUFFERS });
    socket.bind(0, HOST);
    await once(socket, 'listening');
    const message = new Slots(messageText('udp', portOf(socket.address())));
    const loop = new ClosedLoop(job, () => {
      message.set('call', serial++);
      socket.send(Buffer.from(message.octets), job.port, HOST);
    });
    socket.on('message', (octets) => loop.onEnd(octets[STATUS] === TWO));
    const result = await loop.run();
    socket.close();
    return result;
  }

  async function overTcp(job: LoopJob): Promise<LoopResult> {
    const socket = connect({ port: job.port, host: HOST, noDelay: true });
    await once(socket, 'connect');
    const message = new Slots(messageText('tcp', socket.localPort ?? 0));
    const loop = new ClosedLoop(job, () => {
      message.set('call', serial++);
      socket.write(Buffer.from(message.octets));
    });
    const cutter = new Cutter();
    socket.on('data', (chunk) => {
      for (const response of cutter.push(chunk)) loop.onEnd(response.charCodeAt(STATUS) === TWO);
    });
    const result = await loop.run();
    socket.destroy();
    return result;
  }

  return {
    udp: () => portOf(answerer.address()),
    tcp: () => portOf(server.address()),
    run: (job) => (job.protocol === 'udp' ? overUdp(job) : overTcp(job)),
    async flood({ port, count }) {
      const socket = createSocket({ type: 'udp4', ...BUFFERS });
      const message = new Slots(messageText('udp', 5060));
      for (let sent = 0; sent < count; ) {
        for (let n = 0; n < FLOOD && sent < count; n++, sent++) {
          message.set('call', serial++);
          socket.send(Buffer.from(message.octets), port, HOST);
        }
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      socket.close();
    },
    answers(yes) {
      answering = yes;
    },
  };
});
