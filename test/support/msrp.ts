import { systemClock } from '../../lib/base/clock.ts';
import { silentLogger } from '../../lib/base/log.ts';
import { parsePath } from '../../lib/codec/msrp/uri.ts';
import type { Fingerprint } from '../../lib/codec/sdp/message-media.ts';
import { MsrpEndpoint, type MsrpEndpointOptions } from '../../lib/msrp/endpoint.ts';
import { Incoming, type IncomingOptions, type ReceivedMessage } from '../../lib/msrp/incoming.ts';
import type { OutgoingMessage } from '../../lib/msrp/outgoing.ts';
import type { MsrpSession } from '../../lib/msrp/session.ts';

/** An MSRP endpoint on loopback, running. */
export async function msrpEndpoint(more: Partial<MsrpEndpointOptions> = {}): Promise<MsrpEndpoint> {
  const listen = { host: '127.0.0.1', port: 0 };
  const endpoint = new MsrpEndpoint({ clock: systemClock, log: silentLogger, listen, ...more });
  await endpoint.start();
  return endpoint;
}

/** Takes every message and reports those whose sender asked for it, unless `onMessage` is given. */
export function taking(more: Partial<IncomingOptions> = {}): { taker: Incoming; messages: ReceivedMessage[] } {
  const messages: ReceivedMessage[] = [];
  const taker = new Incoming({
    maxSize: 64 * 1024 * 1024,
    onMessage: (message, session) => {
      messages.push(message);
      const { length } = message.body;
      if (message.wantsReport) session.report(message.head, `1-${length}/${length}`, 200, 'OK');
    },
    ...more,
  });
  return { taker, messages };
}

/** Joins two sessions as SDP would; `active` connects. */
export function join(
  active: MsrpSession,
  passive: MsrpSession,
  prints: { active?: Fingerprint | undefined; passive?: Fingerprint | undefined } = {},
  greet = false,
): void {
  const side = (session: MsrpSession, role: 'active' | 'passive', print: Fingerprint | undefined) => ({
    path: parsePath(session.path),
    role,
    fingerprints: print === undefined ? [] : [print],
  });
  passive.connect(side(active, 'passive', prints.active));
  active.connect(side(passive, 'active', prints.passive), greet);
}

/** A message to send. */
export const outgoing = (body: Buffer, more: Partial<OutgoingMessage> = {}): OutgoingMessage => ({
  messageId: 'message-1',
  contentType: 'application/octet-stream',
  headers: [],
  body,
  successReport: true,
  ...more,
});
