import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { Clock } from '../../base/clock.ts';
import { messageOf, PpgError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { SparingLine } from '../../base/sparing-line.ts';
import type { Operation, Request, Response, ThreadOptions } from './messages.ts';
import { PendingBatch, type Waiting } from './pending-batch.ts';

/** Operations of one transaction: enough to share a disk sync well, few enough that the first need not wait long. */
const MAX_BATCH = 256;

/** A transaction that takes longer, in milliseconds, is worth a warning: the disk holds up every acceptance. */
const SLOW = 1000;
const WARN_EVERY = 60_000;

export interface StoreThreadOptions {
  readonly file: string;
  readonly log: Logger;
  readonly clock: Clock;
  readonly maxBatch?: number;
  /** Told once when the thread is gone for good; only the next start of the process helps. */
  readonly onBroken?: (cause: string) => void;
  readonly driver?: ThreadOptions['driver'];
  readonly gate?: SharedArrayBuffer;
  readonly workerUrl?: URL;
}

/**
 * The main side of the database thread. Operations that come while the thread is busy are collected and go as one
 * batch, which is one transaction: the busier the store, the fewer the disk syncs for each push.
 */
export class StoreThread {
  readonly #options: StoreThreadOptions;
  readonly #failures: SparingLine;
  #worker: Worker | undefined;
  #exited: Promise<void> = Promise.resolve();
  #state: 'new' | 'open' | 'closing' | 'closed' | 'broken' = 'new';
  /** Batches to be sent; calls join the last one. */
  #queue: PendingBatch[] = [];
  #sent: readonly Waiting[] | undefined;
  #sentAt = 0;
  #warnedAt = Number.NEGATIVE_INFINITY;
  #flushing = false;
  #closed: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: StoreThreadOptions) {
    this.#options = options;
    this.#failures = new SparingLine(options.clock);
  }

  /** Starts the thread, which opens the database and migrates it. */
  async open(now: number): Promise<void> {
    if (this.#state !== 'new') throw new PpgError('PPG_E_STORE_CLOSED', 'A store is opened once.');
    const { file, driver, gate, workerUrl } = this.#options;
    createPrivately(file);
    const data: ThreadOptions = { file, now, ...(driver && { driver }), ...(gate && { gate }) };
    const worker = startWorker(data, workerUrl);
    this.#worker = worker;
    this.#exited = new Promise((resolve) => worker.once('exit', () => resolve()));
    const answer = await new Promise<Response | Error>((resolve) => {
      worker.once('message', resolve);
      worker.once('error', resolve);
      worker.once('exit', () => resolve(new Error('the thread ended')));
    });
    worker.removeAllListeners('error');
    if (answer instanceof Error || answer.type !== 'opened') {
      this.#state = 'closed';
      worker.on('error', () => undefined); // it failed once, and that is reported below
      await worker.terminate();
      throw notOpened(file, answer);
    }
    this.#state = 'open';
    worker.on('message', (response: Response) => this.#onResponse(response));
    worker.on('error', (error) => this.#broke(messageOf(error)));
    worker.on('exit', () => this.#broke('the thread ended'));
  }

  /**
   * Has one operation done. Content is copied at once, and where it lies is written into the operation's first two arguments.
   * Rejects with PPG_E_STORE or PPG_E_STORE_CLOSED.
   */
  call(operation: Operation, body?: Uint8Array): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#state !== 'open') {
        reject(this.#refusal());
        return;
      }
      let batch = this.#queue.at(-1);
      if (batch === undefined || batch.operations.length >= (this.#options.maxBatch ?? MAX_BATCH)) {
        batch = new PendingBatch();
        this.#queue.push(batch);
      }
      if (body === undefined) {
        batch.add(operation, { resolve, reject });
      } else {
        operation[1] = batch.keep(body);
        operation[2] = body.length;
        batch.add(operation, { resolve, reject });
      }
      this.#flushSoon();
    });
  }

  /** Does what was asked for before, then ends the thread. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const open = this.#state === 'open';
    if (this.#state !== 'broken') this.#state = open ? 'closing' : 'closed';
    if (open) {
      await new Promise<void>((resolve) => {
        this.#closed = resolve;
        this.#flush();
      });
      await this.#exited;
    }
  }

  #refusal(): PpgError {
    return this.#state === 'broken'
      ? new PpgError('PPG_E_STORE', 'The store has failed and takes nothing more; restart the gateway.')
      : new PpgError('PPG_E_STORE_CLOSED', 'The store is not open.');
  }

  /** Waits for the end of this turn of the event loop: what came in with it shares a transaction. */
  #flushSoon(): void {
    if (this.#flushing || this.#sent !== undefined) return;
    this.#flushing = true;
    setImmediate(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#sent !== undefined) return;
    const batch = this.#queue.shift();
    if (batch === undefined) {
      if (this.#state === 'closing') this.#post({ type: 'close' });
      return;
    }
    this.#sent = batch.waiting;
    this.#sentAt = this.#options.clock.now();
    const { operations, bodies } = batch;
    if (bodies === undefined) this.#post({ type: 'batch', operations });
    else this.#post({ type: 'batch', operations, bodies }, [bodies]);
  }

  #post(request: Request, transfer: ArrayBuffer[] = []): void {
    this.#worker?.postMessage(request, transfer);
  }

  #onResponse(response: Response): void {
    if (response.type === 'closed') {
      this.#state = 'closed';
      this.#closed?.();
      return;
    }
    if (response.type !== 'done') return;
    const sent = this.#sent ?? [];
    this.#sent = undefined;
    this.#watchDisk();
    this.#flush();
    const { results, failed } = response;
    if (failed.length === 0) {
      for (let i = 0; i < sent.length; i++) sent[i]?.resolve(results[i]);
      return;
    }
    const broken = new Set(failed);
    for (const [i, { resolve, reject }] of sent.entries()) {
      if (broken.has(i)) reject(this.#failure(String(results[i])));
      else resolve(results[i]);
    }
  }

  #watchDisk(): void {
    const now = this.#options.clock.now();
    const took = now - this.#sentAt;
    if (took < SLOW || now - this.#warnedAt < WARN_EVERY) return;
    this.#warnedAt = now;
    const { file, log } = this.#options;
    log.warn({ file, took }, 'a transaction took long; is the disk slow or overloaded?');
  }

  #failure(cause: string): PpgError {
    const { file, log } = this.#options;
    this.#failures.say((unsaid) => log.error({ file, cause, ...unsaid }, 'the store failed'));
    return new PpgError('PPG_E_STORE', `The store failed: ${cause}`);
  }

  /** The thread is gone: nobody may wait for it, and nothing more may be promised. */
  #broke(cause: string): void {
    if (this.#state === 'closed' || this.#state === 'broken') return;
    this.#state = 'broken';
    this.#options.log.error(
      { file: this.#options.file, cause },
      'the database thread ended; the store takes nothing more',
    );
    const waiting = [...(this.#sent ?? []), ...this.#queue.flatMap((batch) => batch.waiting)];
    this.#sent = undefined;
    this.#queue = [];
    for (const { reject } of waiting) reject(new PpgError('PPG_E_STORE', `The database thread ended: ${cause}`));
    this.#closed?.();
    this.#options.onBroken?.(cause);
  }
}

/**
 * Makes the file, so that what subscribers are sent is readable by nobody else; SQLite gives its other files the same
 * mode. A file that is there is not touched: closing any descriptor of it would drop every lock of this process on it.
 */
function createPrivately(file: string): void {
  try {
    mkdirSync(dirname(file), { recursive: true });
    if (!existsSync(file)) closeSync(openSync(file, 'ax', 0o600));
  } catch (error) {
    throw new PpgError('PPG_E_STORE', `The database ${file} cannot be made: ${messageOf(error)}`, { cause: error });
  }
}

function notOpened(file: string, answer: Response | Error): PpgError {
  const cause = answer instanceof Error ? answer.message : answer.type === 'not-opened' ? answer.message : answer.type;
  if (!(answer instanceof Error) && answer.type === 'not-opened' && answer.locked) {
    return new PpgError(
      'PPG_E_STORE_LOCKED',
      `The database ${file} is in use by another process. Stop the other gateway, or give this one a file of its own.`,
    );
  }
  return new PpgError('PPG_E_STORE', `The database ${file} cannot be opened: ${cause}`);
}

/** From Node 22.18 on; older ones have no such feature, or say no. */
const readsTypeScript = Boolean((process.features as { typescript?: unknown }).typescript);

/**
 * Starts the thread from the built file, or from the source when that is what runs. A thread does not inherit tsx
 * from --import, so it gets it first, unless Node reads TypeScript by itself.
 */
function startWorker(workerData: ThreadOptions, workerUrl: URL | undefined): Worker {
  const source = import.meta.url.endsWith('.ts');
  const url = workerUrl ?? new URL(source ? './worker.ts' : './worker.js', import.meta.url);
  if (!url.pathname.endsWith('.ts') || readsTypeScript) return new Worker(url, { workerData, execArgv: [] });
  const home = pathToFileURL(createRequire(import.meta.url).resolve('tsx/package.json'));
  const tsx = new URL('dist/esm/api/index.mjs', home).href;
  const boot = `import(${JSON.stringify(tsx)}).then((tsx) => { tsx.register(); return import(${JSON.stringify(url.href)}); })`;
  return new Worker(boot, { eval: true, workerData, execArgv: [] });
}
