import { once } from 'node:events';
import { createServer } from 'node:net';
import { HttpFrames } from './http-frame.ts';
import { micros, portOf, runPart } from './part.ts';

/** What has come to the sink, or to the device, since the last reset. */
export interface Seen {
  readonly distinct: number;
  readonly repeated: number;
  /** When the last one came that had not come before; monotonic, microseconds. */
  readonly lastAt: number;
}

export interface SinkCommands {
  port(): number;
  reset(): void;
  seen(): Seen;
}

const BODY =
  '<?xml version="1.0"?><!DOCTYPE pap PUBLIC "-//WAPFORUM//DTD PAP 2.0//EN" ' +
  '"http://www.openmobilealliance.org/tech/DTD/pap_2.0.dtd"><pap>' +
  '<resultnotification-response push-id="x" code="1000" desc="OK"></resultnotification-response></pap>';

/** A PI's receiver of result notifications: reads one, counts it, says OK. */
const ANSWER: Buffer = Buffer.from(
  `HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`,
);

const PUSH_ID = 'push-id="';

runPart(async (): Promise<SinkCommands> => {
  const ids = new Set<string>();
  let [repeated, lastAt] = [0, 0];
  const server = createServer((socket) => {
    const frames = new HttpFrames();
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) =>
      frames.push(chunk, (message) => {
        socket.write(ANSWER);
        const at = message.indexOf(PUSH_ID) + PUSH_ID.length;
        const id = message.slice(at, message.indexOf('"', at));
        if (ids.has(id)) repeated++;
        else {
          ids.add(id);
          lastAt = micros();
        }
      }),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: () => portOf(server.address()),
    reset() {
      ids.clear();
      [repeated, lastAt] = [0, 0];
    },
    seen: () => ({ distinct: ids.size, repeated, lastAt }),
  };
});
