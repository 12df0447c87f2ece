import { createServer } from 'node:http';
import type { ResultNotification } from '../../codec/pap/messages.ts';
import { readPap } from '../../codec/pap/read.ts';
import { PAP_CONTENT_TYPE, writeResultNotificationResponse } from '../../codec/pap/write.ts';
import { PAP } from '../../model/result-codes.ts';

/** The Push Initiator's own web server, where result notifications arrive. */
export interface Sink {
  readonly url: string;
  close(): Promise<void>;
}

const MAX_BODY = 64 * 1024;

/** Listens on a free port of loopback and answers every result notification with 202 and 1000 (WAP-247). */
export function startSink(onNotification: (notification: ResultNotification) => void): Promise<Sink> {
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    let size = 0;
    req.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_BODY) req.destroy();
      else chunks.push(chunk);
    });
    req.on('end', () => {
      try {
        const message = readPap(Buffer.concat(chunks));
        if (message.message !== 'resultnotification-message') throw new Error(`a ${message.message} came`);
        onNotification(message);
        const { pushId, address, papVersion } = message;
        const answer = writeResultNotificationResponse({ papVersion, pushId, address, code: PAP.OK, desc: 'OK' });
        res.writeHead(202, { 'content-type': PAP_CONTENT_TYPE }).end(answer);
      } catch (error) {
        res.writeHead(400, { 'content-type': 'text/plain' }).end(String(error));
      }
    });
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      resolve({
        url: `http://127.0.0.1:${port}/notify`,
        close: () =>
          new Promise((closed) => {
            server.close(() => closed());
            server.closeAllConnections();
          }),
      });
    });
  });
}
