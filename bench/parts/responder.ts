import { once } from 'node:events';
import { createServer } from 'node:http';
import { portOf, runPart } from './part.ts';

export interface ResponderCommands {
  port(): number;
}

const ACCEPTED =
  '<?xml version="1.0"?><!DOCTYPE pap PUBLIC "-//WAPFORUM//DTD PAP 2.0//EN" ' +
  '"http://www.openmobilealliance.org/tech/DTD/pap_2.0.dtd"><pap><push-response push-id="x" ' +
  'reply-time="2026-01-01T00:00:00Z"><response-result code="1001" desc="Accepted"></response-result></push-response></pap>';

/** A bare Node HTTP server: collects the body and answers 202. What an endpoint costs that does nothing. */
runPart(async (): Promise<ResponderCommands> => {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      Buffer.concat(chunks);
      response.writeHead(202, { 'Content-Type': 'application/xml', 'Content-Length': ACCEPTED.length });
      response.end(ACCEPTED);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: () => portOf(server.address()) };
});
