import type { IncomingMessage, ServerResponse } from 'node:http';

/** Requests with `Expect: 100-continue` (RFC 9110 section 10.1.1) whose client waits to be asked for the body. */
const waiting = new WeakMap<IncomingMessage, ServerResponse>();

/** For `checkContinue` of a server of our own: the client waits until {@link inviteBody}, or until it has an answer. */
export function leaveWaiting(request: IncomingMessage, response: ServerResponse): void {
  waiting.set(request, response);
}

/** Asks for the body, once everything is known that could refuse it unread. Where Node has done so already: nothing. */
export function inviteBody(request: IncomingMessage): void {
  if (request.headers.expect === undefined) return;
  const response = waiting.get(request);
  waiting.delete(request);
  if (response !== undefined && !response.headersSent && !response.destroyed) response.writeContinue();
}
