import assert from 'node:assert/strict';
import { readAppMessage } from '../../lib/embedded/sipd/app-message.ts';
import { FrameReader } from '../../lib/embedded/sipd/frame.ts';
import { hopOf } from '../../lib/embedded/sipd/hop.ts';
import { parseCommand } from '../../lib/embedded/sipd/meta.ts';
import { bodyRefusal, frameRefusal, networkRefusal, requestRefusal } from '../../lib/embedded/sipd/refusals.ts';
import { toSrfCall } from '../../lib/sip/drachtio/frame.ts';
import type { FuzzTarget } from './fuzz.ts';
import { buffers, lines } from './tools.ts';

const _text = (octets: Buffer): string => octets.toString('utf8');

const FRAME = (payload: string): string => `${payload.length}#${payload}`;

/** The connection of an application to sipd. */
const frames: FuzzTarget = {
  name: 'drachtio',
  seeds: buffers(
    FRAME('u1|authenticate|secret') + FRAME('u2|route|message') + FRAME('u3|ping'),
    FRAME(
      'u4|sip||||\r\nMESSAGE sip:a@b SIP/2.0\r\nTo: <sip:a@b>\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi',
    ),
    FRAME('u5|sip|t1||sip:192.0.2.1;transport=tcp|\r\nSIP/2.0 200 OK\r\nContact: <sip:localhost>\r\n\r\n'),
  ),
  words: [
    '|',
    '#',
    '\r\n',
    '10#',
    '99999#',
    'u|sip|',
    'route|',
    'authenticate|',
    'SIP/2.0 ',
    'Contact: ',
    '@localhost',
    'INVITE ',
    '\0',
  ],
  run(octets) {
    const reader = new FrameReader((frame) => {
      frameRefusal(frame);
      const command = parseCommand(frame.payload);
      if (command.kind !== 'sip') return;
      const message = readAppMessage(command.message);
      if (typeof message === 'string') return;
      bodyRefusal(message);
      requestRefusal(message);
      hopOf('sip:a@b', command.route, [{ protocol: 'udp', host: '127.0.0.1', port: 5060 }]);
    });
    const size = 1 + (octets[octets.length - 1] ?? 0);
    for (let at = 0; at < octets.length; at += size) reader.push(octets.subarray(at, at + size));
    networkRefusal(octets);
  },
};

/** Lines: method and URI, then headers, then the body. */
const srfCall: FuzzTarget = {
  name: 'srf-call',
  seeds: [
    lines('MESSAGE sip:a@b', 'From: <sip:x>;tag=1', 'Content-Type: text/plain', '', 'hi'),
    lines('OPTIONS tel:+1;ext=2', '', ''),
  ],
  words: ['sip:', 'tel:+', '\r\n', ': ', 'Route: ', 'Authorization: ', '\0', 'é', '|', ';transport=', '?', '@'],
  run(octets) {
    const [head = '', body = ''] = octets.toString('latin1').split('\r\n\r\n', 2);
    const [first = '', ...rest] = head.split('\r\n');
    const [method = '', uri = ''] = first.split(' ', 2);
    const headers = rest.map((line) => {
      const colon = line.indexOf(':');
      return { name: line.slice(0, Math.max(0, colon)), value: line.slice(colon + 1) };
    });
    const call = toSrfCall({ method, uri, headers, body: Buffer.from(body, 'latin1') }, 'example.com');
    if (call.kind === 'cannot') return;
    assert.match(call.uri, /^sips?:[^\s]+$/i);
    for (const [name, value] of Object.entries(call.options.headers)) assert.doesNotMatch(name + value, /[\r\n\0]/);
  },
};

/** What passes between an application and drachtio-server. */
export const DRACHTIO_TARGETS: readonly FuzzTarget[] = [frames, srfCall];
