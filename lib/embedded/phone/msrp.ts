import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { type MessageMedia, readMessageMedia, writeMessageSdp } from '../../codec/sdp/message-media.ts';
import type { MsrpCertificate } from '../../msrp/certificate.ts';
import { MsrpEndpoint, type MsrpEndpointLimits } from '../../msrp/endpoint.ts';
import { Incoming, type ReceivedMessage } from '../../msrp/incoming.ts';
import { remoteOfOffer } from '../../msrp/remote.ts';
import type { MsrpSession } from '../../msrp/session.ts';
import type { ServerCall } from '../../stack/server-call.ts';

/** What a phone does wrong, or refuses, in its MSRP sessions. */
export interface MsrpScript {
  /** False: the answer to the INVITE has no path. */
  readonly path?: false;
  /** Answers every SEND with this. */
  readonly refuse?: { readonly status: number; readonly comment: string };
  /** `none`: keeps silent about what it got; `beyond`: reports more octets than there are; a number: reports that status. */
  readonly report?: 'none' | 'beyond' | number;
  /** Closes the connection once so many octets of a message have come. */
  readonly closeAfter?: number;
  /** Reads nothing more then. */
  readonly stallAfter?: number;
}

export interface PhoneMsrpOptions {
  /** Octets of the largest message that it says it takes. Default 64 MiB. */
  readonly maxSize?: number;
  /** Default `*`. */
  readonly acceptTypes?: readonly string[];
  /** What may be in a message/cpim. Default `*`. */
  readonly acceptWrappedTypes?: readonly string[];
  /** Who connects where the caller leaves it open; `active`: the phone. Default passive. */
  readonly setup?: 'active' | 'passive';
  /** For sessions over TLS; without it they are refused. */
  readonly tls?: MsrpCertificate;
  /** MSRP URIs of relays before its own, with spaces between (RFC 4976). */
  readonly relays?: string;
  readonly script?: MsrpScript;
  readonly limits?: Partial<MsrpEndpointLimits>;
}

export interface PhoneMsrpSetting extends PhoneMsrpOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly host: string;
  /** A message has come as a whole, in a session that `call` made. */
  readonly onMessage: (message: ReceivedMessage, call: ServerCall) => void;
}

const SDP = { name: 'Content-Type', value: 'application/sdp' };
const MIB = 1024 * 1024;

/** The MSRP of a phone: takes calls, and messages in them. */
export class PhoneMsrp {
  readonly endpoint: MsrpEndpoint;
  readonly #o: PhoneMsrpSetting;
  #script: MsrpScript;

  constructor(options: PhoneMsrpSetting) {
    this.#o = options;
    this.#script = options.script ?? {};
    const { clock, log, host, tls, limits } = options;
    const certificate = tls === undefined ? undefined : { ...tls, port: 0 };
    this.endpoint = new MsrpEndpoint({ clock, log, listen: { host, port: 0 }, tls: certificate, limits });
  }

  start(): Promise<void> {
    return this.endpoint.start();
  }

  stop(): Promise<void> {
    return this.endpoint.stop();
  }

  /** Behaves otherwise from the next message on. */
  play(script: MsrpScript): void {
    this.#script = script;
  }

  /** What it says of itself in an answer to OPTIONS (RFC 3261 section 11.2); the port counts for nothing there. */
  capabilities(): Buffer {
    return this.#sdp({ path: undefined, setup: undefined, port: 0, secure: false });
  }

  /** Takes a call, or refuses it with 488. */
  take(call: ServerCall): void {
    let session: MsrpSession | undefined;
    try {
      const media = readMessageMedia(call.request.body);
      const setup = roleFor(media, this.#o.setup);
      const remote = remoteOfOffer(media, setup);
      if (remote.path[0]?.secure === true && this.#o.tls === undefined) throw new Error('no certificate for TLS');
      const made = this.endpoint.open(media?.secure === true, this.#taker(call));
      session = made;
      const { relays } = this.#o;
      const path =
        this.#script.path === false ? undefined : relays === undefined ? made.path : `${relays} ${made.path}`;
      const body = this.#sdp({ path, setup, port: made.uri.port, secure: made.uri.secure });
      const dialog = call.accept({ headers: [SDP], body }, { onEnd: () => made.close() });
      made.onEnd(() => void dialog.end());
      made.connect(remote, true);
    } catch (error) {
      session?.close();
      this.#o.log.debug({ err: messageOf(error) }, 'a phone refused a call');
      call.reject(488);
    }
  }

  #taker(call: ServerCall): Incoming {
    const { maxSize = 64 * MIB, onMessage } = this.#o;
    return new Incoming({
      maxSize,
      refuses: () => this.#script.refuse,
      onOctets: (count, connection) => {
        const { closeAfter, stallAfter } = this.#script;
        if (closeAfter !== undefined && count >= closeAfter) connection.close('the script says so');
        if (stallAfter !== undefined && count >= stallAfter) connection.socket.pause();
      },
      onMessage: (message, session) => {
        this.#report(message, session);
        onMessage(message, call);
      },
    });
  }

  #report({ head, body, wantsReport }: ReceivedMessage, session: MsrpSession): void {
    const { report } = this.#script;
    if (!wantsReport || report === 'none') return;
    const { length } = body;
    if (report === 'beyond') session.report(head, `1-${length + 1}/${length + 1}`, 200, 'OK');
    else session.report(head, `1-${length}/${length}`, report ?? 200, report === undefined ? 'OK' : 'Scripted');
  }

  #sdp(own: {
    path: string | undefined;
    setup: 'active' | 'passive' | undefined;
    port: number;
    secure: boolean;
  }): Buffer {
    return writeMessageSdp({
      ...own,
      host: this.#o.host,
      sessionId: String(this.#o.clock.now()),
      acceptTypes: this.#o.acceptTypes ?? ['*'],
      acceptWrappedTypes: this.#o.acceptWrappedTypes ?? ['*'],
      maxSize: this.#o.maxSize,
      direction: 'sendrecv',
      fingerprint: own.secure ? this.endpoint.fingerprint : undefined,
    });
  }
}

/** RFC 6135 section 4.2: the answer has the other role; the offerer connects when he said nothing. */
function roleFor(media: MessageMedia | undefined, preferred: 'active' | 'passive' = 'passive'): 'active' | 'passive' {
  if (media?.setup === 'actpass') return preferred;
  return media?.setup === 'passive' ? 'active' : 'passive';
}
