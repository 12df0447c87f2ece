import { isUtf8 } from 'node:buffer';
import { type AppMessage, isSdp } from './app-message.ts';
import { type Frame, LONGEST_FRAME, LONGEST_SHARED_FRAME } from './frame.ts';

/**
 * Where drachtio-server breaks: it crashes, cuts, drops or stalls without a word. The embedded server answers NOK with
 * the reason instead, so that code that works here works there. Each function gives the reason, or undefined.
 */
const CANNOT = 'drachtio-server cannot carry';

export function frameRefusal(frame: Frame): string | undefined {
  if (frame.tooLong)
    return `${CANNOT} a frame of ${frame.size} octets: beyond ${LONGEST_FRAME} its connection is stuck for ever`;
  if (frame.size > LONGEST_SHARED_FRAME && !frame.alone)
    return `${CANNOT} a frame of ${frame.size} octets beside others: beyond ${LONGEST_SHARED_FRAME} its stream is corrupted`;
  return undefined;
}

export function bodyRefusal(message: AppMessage): string | undefined {
  const { body } = message;
  if (body.length === 0) return undefined;
  if (body.includes(0)) return `${CANNOT} a body with NUL: it is cut there`;
  if (!isUtf8(body)) return `${CANNOT} a body that is not UTF-8`;
  const typed = message.fields.some((field) => field.name === 'Content-Type');
  return typed || isSdp(body) ? undefined : 'missing content-type';
}

export function requestRefusal(message: AppMessage): string | undefined {
  if (message.start.kind !== 'request') return undefined;
  const { method, uri } = message.start;
  if (uri.slice(0, 4).toLowerCase() === 'tel:') return `${CANNOT} a tel: request URI: it crashes`;
  if (!SENDABLE.has(method)) return `invalid request-uri: no request ${method} outside of a dialog`;
  return inDialogRefusal(message);
}

/** Of a request within a dialog, whose URI and route are the dialog's. */
export function inDialogRefusal(message: AppMessage): string | undefined {
  if (message.fields.some((field) => field.name.toLowerCase() === 'route'))
    return `${CANNOT} a Route header: it is dropped`;
  return bodyRefusal(message);
}

/** Methods that an application may send outside of a dialog. */
const SENDABLE = new Set([
  ...['INVITE', 'MESSAGE', 'OPTIONS', 'REGISTER', 'SUBSCRIBE', 'NOTIFY', 'PUBLISH', 'INFO', 'REFER'],
]);

/** Longest stretch without CRLF that drachtio-server takes from the network. */
const LONGEST_RUN = 8_192;

/** What drachtio-server answers 400 itself, of all that comes from the network. */
export function networkRefusal(raw: Buffer): string | undefined {
  if (raw.includes(0)) return 'NUL in the message';
  if (raw.length <= LONGEST_RUN) return undefined;
  let from = 0;
  while (raw.length - from > LONGEST_RUN) {
    const end = raw.indexOf('\r\n', from);
    if ((end < 0 ? raw.length : end) - from > LONGEST_RUN) return `more than ${LONGEST_RUN} octets without CRLF`;
    if (end < 0) return undefined;
    from = end + 2;
  }
  return undefined;
}
