import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { Agent } from 'undici';
import { portOf, runPart } from './part.ts';
import { Slots } from './slots.ts';

export interface RelayOptions {
  readonly device: number;
  /** Port of the sink; without it nobody is notified. */
  readonly sink?: number | undefined;
}

export interface RelayCommands {
  port(): number;
}

/** As many as the gateway has to one origin. */
const CONNECTIONS = 16;

/** Datagrams without their answer at once: more overflow the receive buffer of a socket, and nothing is sent twice. */
const WINDOW = 64;

const ACCEPTED =
  '<?xml version="1.0"?><!DOCTYPE pap PUBLIC "-//WAPFORUM//DTD PAP 2.0//EN" ' +
  '"http://www.openmobilealliance.org/tech/DTD/pap_2.0.dtd"><pap><push-response push-id="x" ' +
  'reply-time="2026-01-01T00:00:00Z"><response-result code="1001" desc="Accepted"></response-result></push-response></pap>';

const CONTENT =
  '<?xml version="1.0"?>\r\n<!DOCTYPE si PUBLIC "-//WAPFORUM//DTD SI 1.0//EN" "http://www.wapforum.org/DTD/si.dtd">\r\n' +
  '<si><indication href="http://pi.example.com/?at=0" action="signal-high">You have mail</indication></si>';

/** As large as the gateway's, with a number that the device tells it by. */
const messageTo = (port: number, own: number): string =>
  [
    `MESSAGE sip:+358400000000@ims.localhost;user=phone SIP/2.0`,
    `Via: SIP/2.0/UDP 127.0.0.1:${own};branch=z9hG4bK{push:9}relay;rport`,
    'Max-Forwards: 70',
    'From: <sip:push@ims.localhost>;tag={push:9}relay',
    'To: <sip:+358400000000@ims.localhost>',
    'Call-ID: {push:9}relay@ims.localhost',
    'CSeq: 1 MESSAGE',
    'P-Asserted-Identity: <sip:push@ims.localhost>',
    `P-Charging-Vector: icid-value={push:9};icid-generated-at=ims.localhost;orig-ioi=ims.localhost`,
    'Accept-Contact: *;+g.oma.pusheventapp="wml.ua";require;explicit',
    'Request-Disposition: fork, parallel',
    'Date: Thu, 01 Jan 2026 00:00:00 GMT',
    'Expires: 604800',
    `X-Wap-Push-Id: {push:9}-${port}`,
    'Content-Type: text/vnd.wap.si',
    'X-Wap-Application-Id: x-wap-application:wml.ua',
    `Content-Length: ${CONTENT.length}`,
    '',
    CONTENT,
  ].join('\r\n');

const NOTIFICATION =
  '<?xml version="1.0"?><!DOCTYPE pap PUBLIC "-//WAPFORUM//DTD PAP 2.0//EN" ' +
  '"http://www.openmobilealliance.org/tech/DTD/pap_2.0.dtd"><pap><resultnotification-message ' +
  'push-id="{push:9}@pi.example.com" sender-address="sip:push@ims.localhost" received-time="2026-01-01T00:00:00Z" ' +
  'event-time="2026-01-01T00:00:00Z" message-state="delivered" code="1000" desc="OK"><address ' +
  'address-value="WAPPUSH=+358400000000/TYPE=PLMN@ppg.example.com"></address><quality-of-service ' +
  'priority="medium" delivery-method="confirmed"></quality-of-service></resultnotification-message></pap>';

/**
 * The do-nothing relay: the network I/O that a push cannot do without, in one process, and nothing else. HTTP in,
 * answered when its body is in; a datagram out; on the datagram that answers it, a notification by HTTP. It reads no
 * PAP and no SIP, keeps nothing, and forgets what is lost.
 */
runPart(async ({ device, sink }: RelayOptions): Promise<RelayCommands> => {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const message = new Slots(messageTo(device, portOf(socket.address())));
  const notification = new Slots(NOTIFICATION);
  const agent = new Agent({ connections: CONNECTIONS, pipelining: 1 });
  const origin = `http://127.0.0.1:${sink}`;
  let [waiting, pushes, answered, notified] = [0, 0, 0, 0];

  const send = (): void => {
    while (waiting > 0 && pushes - answered < WINDOW) {
      waiting--;
      message.set('push', pushes++);
      socket.send(Buffer.from(message.octets), device, '127.0.0.1');
    }
  };

  const server = createServer((request, response) => {
    request.resume();
    request.on('end', () => {
      response.writeHead(202, { 'Content-Type': 'application/xml', 'Content-Length': ACCEPTED.length });
      response.end(ACCEPTED);
      waiting++;
      send();
    });
  });
  socket.on('message', () => {
    answered++;
    send();
    if (sink === undefined) return;
    notification.set('push', notified++);
    const headers = { 'content-type': 'application/xml', accept: 'application/xml' };
    agent
      .request({ origin, path: '/', method: 'POST', headers, body: notification.octets.toString('latin1') })
      .then(({ body }) => body.arrayBuffer())
      .catch((error: unknown) => console.error('relay:', error));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: () => portOf(server.address()) };
});
