import { createServer, type Server } from 'node:http';
import { readPap } from '../../lib/codec/pap/read.ts';
import { writeResultNotificationResponse } from '../../lib/codec/pap/write.ts';

export interface SeenNotification {
  readonly state: string;
  readonly code: number;
}

/** The Push Initiator's end of result notification. */
export class NotificationSink {
  /** What came, by push-id. */
  readonly seen: Map<string, SeenNotification[]> = new Map();
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const message = readPap(Buffer.concat(chunks));
        if (message.message !== 'resultnotification-message') {
          response.writeHead(400).end();
          return;
        }
        const { pushId, state, code, address, papVersion } = message;
        const seen = this.seen.get(pushId) ?? [];
        this.seen.set(pushId, [...seen, { state, code }]);
        response.writeHead(202, { 'Content-Type': 'application/xml' });
        response.end(writeResultNotificationResponse({ papVersion, pushId, address, code: 1000, desc: 'OK' }));
      });
    });
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as { port: number }).port}/notify`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
