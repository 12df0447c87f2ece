import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../../base/errors.ts';
import { batchRunner } from './batch.ts';
import { passGate } from './gate.ts';
import type { Request, Response, ThreadOptions } from './messages.ts';
import { openRoom, type Room } from './room.ts';

/** The thread that owns the database: a slow disk holds it up, and never a SIP timer. */
function run(port: MessagePort, options: ThreadOptions): void {
  const tell = (response: Response): void => port.postMessage(response);
  let room: Room;
  try {
    room = openRoom(options);
  } catch (error) {
    const message = messageOf(error);
    tell({ type: 'not-opened', locked: /SQLITE_BUSY|database is locked/.test(`${codeOf(error)} ${message}`), message });
    port.close();
    return;
  }
  const runBatch = batchRunner(room, options.gate === undefined ? () => undefined : passGate(options.gate));
  port.on('message', (request: Request) => {
    if (request.type === 'batch') {
      tell({
        type: 'done',
        ...runBatch(request.operations, request.bodies === undefined ? NO_BODIES : Buffer.from(request.bodies)),
      });
      return;
    }
    room.db.close();
    tell({ type: 'closed' });
    port.close();
  });
  tell({ type: 'opened' });
}

const NO_BODIES = Buffer.alloc(0);

const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';

if (parentPort !== null) run(parentPort, workerData as ThreadOptions);
