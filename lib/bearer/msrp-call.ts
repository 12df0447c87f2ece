import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import { type MessageMedia, readMessageMedia, writeMessageSdp } from '../codec/sdp/message-media.ts';
import type { DeliveryResult } from '../model/delivery.ts';
import type { MsrpCapabilities } from '../model/device-capabilities.ts';
import type { HeaderField } from '../model/push.ts';
import { PAP } from '../model/result-codes.ts';
import type { MsrpEndpoint } from '../msrp/endpoint.ts';
import { remoteOfAnswer } from '../msrp/remote.ts';
import type { MsrpSession } from '../msrp/session.ts';
import type { SipAnswer, SipDialog } from '../sip/leg.ts';
import type { SipSender } from '../sip/sender.ts';
import type { Addressed } from './addressed.ts';
import { inviteOutcome, mismatch } from './msrp-outcome.ts';
import type { StatusReadings } from './sip-outcome.ts';

export interface MsrpCaller {
  readonly sender: Pick<SipSender, 'invite'>;
  readonly endpoint: MsrpEndpoint;
  readonly clock: Clock;
  /** What we say of who connects (RFC 6135). */
  readonly setup: 'active' | 'passive' | 'actpass';
  /** Offer TLS, and nothing else. */
  readonly secure: boolean;
  /** Milliseconds that a device may ring. */
  readonly ringTime: number;
  readonly readings?: StatusReadings | undefined;
}

/** A dialog with its MSRP session. */
export interface MsrpCall {
  readonly session: MsrpSession;
  /** What the device takes in it. */
  readonly takes: MsrpCapabilities;
  /** No relay is between. */
  readonly direct: boolean;
  readonly leg: string | undefined;
  /** Messages sent in it so far. */
  messages: number;
  /** Hangs up. Never rejects. */
  end(): Promise<void>;
}

export type CallResult =
  | { readonly kind: 'call'; readonly call: MsrpCall }
  | {
      readonly kind: 'none';
      readonly result: DeliveryResult & { readonly leg?: string };
      /** What refused the INVITE; undefined where nothing did. */
      readonly answer?: SipAnswer;
    };

const SDP: HeaderField = { name: 'Content-Type', value: 'application/sdp' };

/** Calls the target and offers a session to send in. Never rejects. */
export async function call(
  caller: MsrpCaller,
  way: Addressed,
  headers: readonly HeaderField[],
  target: 'device' | 'aor',
  given: AbortSignal,
): Promise<CallResult> {
  const { sender, endpoint, clock, setup, secure } = caller;
  let session: MsrpSession;
  try {
    session = endpoint.open(secure);
  } catch (error) {
    return none(noRoom(messageOf(error)));
  }
  const body = writeMessageSdp({
    host: endpoint.host,
    sessionId: String(clock.now()),
    port: session.uri.port,
    secure,
    path: session.path,
    setup,
    acceptTypes: ['*'],
    acceptWrappedTypes: ['*'],
    maxSize: undefined,
    fingerprint: secure ? endpoint.fingerprint : undefined,
    direction: 'sendonly',
  });
  const enough = new AbortController();
  const timer = clock.setTimeout(() => enough.abort(), caller.ringTime);
  const { answer, leg } = await sender.invite(
    { method: 'INVITE', uri: way.uri, headers: [...way.headers, ...headers, SDP], body },
    { signal: AbortSignal.any([enough.signal, given]) },
  );
  clock.clearTimeout(timer);
  if (answer.kind !== 'dialog') {
    session.close();
    return { ...none(inviteOutcome(answer, target, caller.readings), leg), answer };
  }
  const { dialog } = answer;
  try {
    const media = readMessageMedia(dialog.remoteBody);
    const remote = remoteOfAnswer(media, setup, secure);
    if (media === undefined || media.direction === 'sendonly' || media.direction === 'inactive')
      throw new Error('the device takes no messages in it');
    const made = joined(session, dialog, media, remote.path.length === 1, leg);
    session.connect(remote);
    return { kind: 'call', call: made };
  } catch (error) {
    session.close();
    await dialog.end();
    return none(mismatch(`the answer to the INVITE: ${messageOf(error)}`), leg);
  }
}

/** Whichever ends takes the other with it. */
function joined(
  session: MsrpSession,
  dialog: SipDialog,
  media: MessageMedia,
  direct: boolean,
  leg: string | undefined,
): MsrpCall {
  dialog.on('end', (reason) => session.lost(`the call has ended: ${reason}`));
  session.onEnd(() => void dialog.end());
  const end = async (): Promise<void> => {
    session.close();
    await dialog.end();
  };
  return { session, takes: takesOf(media), direct, leg, messages: 0, end };
}

/** RFC 4975 section 8.6: accept-types is mandatory; who leaves it out has said nothing. */
const takesOf = ({ acceptTypes, acceptWrappedTypes, maxSize }: MessageMedia): MsrpCapabilities => ({
  ...(acceptTypes.length > 0 && { types: acceptTypes }),
  wrappedTypes: acceptWrappedTypes,
  ...(maxSize !== undefined && { maxSize }),
});

const none = (result: DeliveryResult, leg?: string): Extract<CallResult, { kind: 'none' }> => ({
  kind: 'none',
  result: leg === undefined ? result : { ...result, leg },
});

const noRoom = (cause: string): DeliveryResult => ({
  kind: 'retry',
  why: 'error',
  scope: 'device',
  code: PAP.SERVICE_UNAVAILABLE,
  cause,
});
