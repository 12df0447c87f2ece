import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import { formatPath } from '../codec/msrp/uri.ts';
import { type MessageMedia, readMessageMedia, writeMessageSdp } from '../codec/sdp/message-media.ts';
import type { BearerResult, DeliveryResult } from '../model/delivery.ts';
import type { MsrpCapabilities } from '../model/device-capabilities.ts';
import type { HeaderField } from '../model/push.ts';
import { PAP } from '../model/result-codes.ts';
import type { MsrpEndpoint } from '../msrp/endpoint.ts';
import type { MsrpRelay } from '../msrp/relay.ts';
import { remoteBehindRelay, remoteOfAnswer } from '../msrp/remote.ts';
import type { MsrpSession } from '../msrp/session.ts';
import type { SipAnswer, SipDialog } from '../sip/leg.ts';
import type { SipSender } from '../sip/sender.ts';
import type { Addressed } from './addressed.ts';
import { inviteOutcome, mismatch } from './msrp-outcome.ts';
import { saidBy, saying } from './said.ts';
import type { StatusReadings } from './sip-outcome.ts';

export interface MsrpCaller {
  readonly sender: Pick<SipSender, 'invite'>;
  readonly endpoint: MsrpEndpoint;
  readonly clock: Clock;
  /** What we say of who connects (RFC 6135). */
  readonly setup: 'active' | 'passive' | 'actpass';
  /** Offer TLS, and nothing else. */
  readonly secure: boolean;
  /** Our own relay, by which all sessions go (RFC 4976); it says whether they are over TLS. */
  readonly relay?: Pick<MsrpRelay, 'secure' | 'through'> | undefined;
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
      readonly result: BearerResult;
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
  const { sender, endpoint, clock, setup, relay } = caller;
  const secure = relay?.secure ?? caller.secure;
  const through = relay?.through;
  if (relay !== undefined && through === undefined) return none(noRoom('the MSRP relay is not there'));
  let session: MsrpSession;
  try {
    session = endpoint.open(secure);
  } catch (error) {
    return none(noRoom(messageOf(error)));
  }
  const [first = session.uri] = through?.path ?? [];
  const body = writeMessageSdp({
    host: first.host,
    sessionId: String(clock.now()),
    port: first.port,
    secure,
    path: formatPath([...(through?.path ?? []), session.uri]),
    // RFC 6135 is about who connects to whom; here each connects to a relay, or its relay does.
    setup: through === undefined ? setup : undefined,
    acceptTypes: ['*'],
    acceptWrappedTypes: ['*'],
    maxSize: undefined,
    fingerprint: secure && through === undefined ? endpoint.fingerprint : undefined,
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
    const remote = through === undefined ? remoteOfAnswer(media, setup, secure) : remoteBehindRelay(media);
    if (media === undefined || media.direction === 'sendonly' || media.direction === 'inactive')
      throw new Error('the device takes no messages in it');
    const made = joined(session, dialog, media, through === undefined && remote.path.length === 1, leg);
    session.connect(remote, false, through);
    return { kind: 'call', call: made };
  } catch (error) {
    session.close();
    await dialog.end();
    return none(saying(mismatch('the answer to the INVITE makes no session'), saidBy(messageOf(error))), leg);
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

const none = (result: BearerResult, leg?: string): Extract<CallResult, { kind: 'none' }> => ({
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
