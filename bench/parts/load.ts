import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { HttpFrames } from './http-frame.ts';
import { type PostShape, papPost } from './pap-post.ts';
import { micros, runPart } from './part.ts';
import { Slots } from './slots.ts';

export interface LoadJob extends PostShape {
  /** Unique in the bench: it makes the push-ids. */
  readonly run: number;
  readonly connections: number;
  /** Milliseconds of submitting. */
  readonly time: number;
  /** Submissions at the most. */
  readonly most: number;
  /** Recipients that take turns, and the number of the first. */
  readonly users: number;
  readonly firstUser?: number;
  /** Open loop: submissions a second, however fast the answers come. Without it each connection waits for its answer. */
  readonly rate?: number | undefined;
}

export interface LoadResult {
  readonly accepted: number;
  /** Answers that were no 1001, and the first of them. */
  readonly refused: number;
  readonly refusal?: string | undefined;
  /** Monotonic, microseconds. */
  readonly startedAt: number;
  readonly endedAt: number;
  /** POST to answer of each, microseconds. */
  readonly latencies: readonly number[];
}

export interface LoadCommands {
  run(job: LoadJob): Promise<LoadResult>;
}

/** Time for the answers that are still to come when the submitting is over, milliseconds. */
const LAST_ANSWERS = 10_000;

/** One keep-alive connection with at most one request on it. */
class Connection {
  readonly #socket: Socket;
  readonly #message: Slots;
  readonly #frames = new HttpFrames();
  #sentAt = 0;
  #answered: ((answer: string, latency: number) => void) | undefined;

  constructor(socket: Socket, message: Slots) {
    this.#socket = socket;
    this.#message = message;
    socket.setNoDelay(true);
    socket.on('data', (chunk) =>
      this.#frames.push(chunk, (answer) => this.#answered?.(answer, micros() - this.#sentAt)),
    );
  }

  onAnswer(listener: (answer: string, latency: number) => void): void {
    this.#answered = listener;
  }

  send(push: number, user: number): void {
    this.#message.set('push', push);
    this.#message.set('user', user);
    this.#sentAt = micros();
    this.#message.set('at', this.#sentAt);
    // the octets are written again only after the answer, when the socket has let go of them
    this.#socket.write(this.#message.octets);
  }

  onBroken(listener: (error: Error) => void): void {
    this.#socket.on('error', listener);
    this.#socket.on('close', () => listener(new Error('the server closed a connection')));
  }

  close(): void {
    this.#socket.removeAllListeners('close');
    this.#socket.destroy();
  }
}

async function open(job: LoadJob, text: string): Promise<Connection> {
  const socket = connect(job.port, job.host);
  await once(socket, 'connect');
  const message = new Slots(text);
  message.set('run', job.run);
  return new Connection(socket, message);
}

async function run(job: LoadJob): Promise<LoadResult> {
  const text = papPost(job);
  const connections = await Promise.all(Array.from({ length: job.connections }, () => open(job, text)));
  try {
    return await submit(job, connections);
  } finally {
    for (const connection of connections) connection.close();
  }
}

function submit(job: LoadJob, connections: readonly Connection[]): Promise<LoadResult> {
  const { most, users, firstUser = 0, rate, time } = job;
  const latencies: number[] = [];
  const idle: Connection[] = [];
  let [sent, refused, over] = [0, 0, false];
  let refusal: string | undefined;
  let pace: NodeJS.Timeout | undefined;
  const startedAt = micros();

  return new Promise((resolve, reject) => {
    const next = (connection: Connection): void => {
      connection.send(sent, firstUser + (sent % users));
      sent++;
    };
    const ended = (): void => {
      if (!over || sent > latencies.length + refused) return;
      clearTimeout(guard);
      resolve({ accepted: latencies.length, refused, refusal, startedAt, endedAt: micros(), latencies });
    };
    const end = (): void => {
      over = true;
      clearTimeout(limit);
      clearInterval(pace);
      ended();
    };
    const guard = setTimeout(() => {
      reject(new Error(`${sent - latencies.length - refused} submissions were not answered`));
    }, time + LAST_ANSWERS);
    const limit = setTimeout(end, time);
    for (const connection of connections) {
      connection.onBroken(reject);
      connection.onAnswer((answer, latency) => {
        if (answer.includes(' code="1001"')) latencies.push(latency);
        else {
          refused++;
          refusal ??= answer;
        }
        if (!over && sent >= most) end();
        if (over) ended();
        else if (rate === undefined) next(connection);
        else idle.push(connection);
      });
    }
    if (rate === undefined) {
      for (const connection of connections) if (sent < most) next(connection);
      return;
    }
    idle.push(...connections);
    pace = setInterval(() => {
      const owed = Math.min(most, Math.ceil(((micros() - startedAt) / 1e6) * rate));
      while (sent < owed) {
        const connection = idle.pop();
        if (connection === undefined) return; // all wait: the next tick makes up for it
        next(connection);
      }
    }, 1);
  });
}

runPart((): LoadCommands => ({ run }));
