import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import {
  AVP,
  type Avp,
  answerTo,
  COMMAND,
  DiameterFramer,
  type DiameterMessage,
  group,
  numberOf,
  octets,
  text,
  textOf,
  unsigned,
  VENDOR_3GPP,
  write,
} from './diameter.ts';

/** 3GPP TS 29.229 section 5. */
const CX = 16_777_216;
/** RFC 6733 section 7.1: DIAMETER_SUCCESS; 3GPP TS 29.229 section 6.2: DIAMETER_ERROR_USER_UNKNOWN. */
const SUCCESS = 2001;
const USER_UNKNOWN = 5001;
/** RFC 6733 section 8.11: NO_STATE_MAINTAINED. */
const NO_STATE = 1;
/** 3GPP TS 29.229 section 6.3.17: PERMANENT_TERMINATION. */
const PERMANENT_TERMINATION = 0;

/** 3GPP TS 29.229 section 6.3.15, those that a test meets. */
export const ASSIGNMENT = {
  registration: 1,
  reRegistration: 2,
  unregisteredUser: 3,
  timeoutDeregistration: 4,
  userDeregistration: 5,
} as const;

/** A Server-Assignment-Request as it came. */
export interface Assignment {
  readonly identity: string;
  readonly type: number;
}

export interface Profile {
  readonly privateIdentity: string;
  /** 3GPP TS 29.228 annex B. */
  readonly xml: string;
}

export interface HssOptions {
  /** What it calls itself. */
  readonly host: string;
  readonly realm: string;
  /** Who has a public identity; undefined: nobody. */
  readonly profile: (identity: string) => Profile | undefined;
}

/** A home subscriber server on loopback that knows Cx (3GPP TS 29.228) well enough for registrations without authentication. */
export class Hss {
  readonly assignments: Assignment[] = [];
  /** Resolves once an S-CSCF has asked whether it is still there: it does so when it may send requests. */
  readonly watched: Promise<void>;
  #onWatched: () => void = () => undefined;
  readonly #options: HssOptions;
  readonly #server: Server;
  readonly #peers = new Map<Socket, string>();
  #requests = 0;

  private constructor(options: HssOptions) {
    this.#options = options;
    this.#server = createServer((socket) => this.#serve(socket));
    this.watched = new Promise((resolve) => {
      this.#onWatched = resolve;
    });
  }

  static async start(options: HssOptions): Promise<Hss> {
    const hss = new Hss(options);
    hss.#server.maxConnections = 4;
    hss.#server.listen(0, '127.0.0.1');
    await once(hss.#server, 'listening');
    return hss;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Takes the registration of public identities away (Registration-Termination-Request) from every S-CSCF that is connected. */
  terminate(privateIdentity: string, identities: readonly string[]): void {
    for (const [socket, peer] of this.#peers) {
      const id = ++this.#requests;
      const avps = [
        text(AVP.sessionId, `${this.#options.host};${id};0`),
        CX_OF_3GPP,
        unsigned(AVP.authSessionState, NO_STATE),
        ...this.#origin(),
        text(AVP.destinationHost, peer),
        text(AVP.destinationRealm, this.#options.realm),
        text(AVP.userName, privateIdentity),
        ...identities.map((identity) => text(AVP.publicIdentity, identity, VENDOR_3GPP)),
        group(
          AVP.deregistrationReason,
          [
            unsigned(AVP.reasonCode, PERMANENT_TERMINATION, VENDOR_3GPP),
            text(AVP.reasonInfo, 'the subscription has ended', VENDOR_3GPP),
          ],
          VENDOR_3GPP,
        ),
      ];
      const { registrationTermination: command } = COMMAND;
      socket.write(write({ request: true, command, application: CX, hopByHop: id, endToEnd: id, avps }));
    }
  }

  async stop(): Promise<void> {
    for (const socket of this.#peers.keys()) socket.destroy();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, 'close');
  }

  #serve(socket: Socket): void {
    const framer = new DiameterFramer();
    this.#peers.set(socket, '');
    socket.setNoDelay(true);
    socket.on('close', () => this.#peers.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => {
      try {
        for (const message of framer.push(chunk)) if (message.request) this.#answer(message, socket);
      } catch {
        socket.destroy(); // what is no Diameter cannot be answered
      }
    });
  }

  #answer(request: DiameterMessage, socket: Socket): void {
    if (request.command === COMMAND.capabilities) this.#peers.set(socket, textOf(request, AVP.originHost) ?? '');
    const avps = this.#avps(request);
    if (avps !== undefined) socket.write(write(answerTo(request, avps)));
    if (request.command === COMMAND.watchdog) this.#onWatched();
    if (request.command === COMMAND.disconnect) socket.end();
  }

  #avps(request: DiameterMessage): readonly Avp[] | undefined {
    switch (request.command) {
      case COMMAND.capabilities:
        return [
          ...this.#result(SUCCESS),
          // RFC 6733 section 4.3.1: address family 1 is IPv4
          octets(AVP.hostIpAddress, Buffer.from([0, 1, 127, 0, 0, 1])),
          unsigned(AVP.vendorId, VENDOR_3GPP),
          text(AVP.productName, 'hss'),
          unsigned(AVP.supportedVendorId, VENDOR_3GPP),
          CX_OF_3GPP,
        ];
      case COMMAND.watchdog:
      case COMMAND.disconnect:
        return this.#result(SUCCESS);
      case COMMAND.serverAssignment:
        return this.#assigned(request);
      default:
        return undefined; // its sender runs into its own timeout
    }
  }

  #assigned(request: DiameterMessage): readonly Avp[] {
    const identity = textOf(request, AVP.publicIdentity) ?? '';
    const profile = this.#options.profile(identity);
    this.assignments.push({ identity, type: numberOf(request, AVP.serverAssignmentType) ?? -1 });
    return [
      text(AVP.sessionId, textOf(request, AVP.sessionId) ?? ''),
      CX_OF_3GPP,
      unsigned(AVP.authSessionState, NO_STATE),
      ...this.#result(profile === undefined ? USER_UNKNOWN : SUCCESS),
      ...(profile === undefined ? [] : [text(AVP.userName, profile.privateIdentity)]),
      ...(profile === undefined ? [] : [text(AVP.userData, profile.xml, VENDOR_3GPP)]),
    ];
  }

  #result(code: number): readonly Avp[] {
    return [unsigned(AVP.resultCode, code), ...this.#origin()];
  }

  #origin(): readonly Avp[] {
    return [text(AVP.originHost, this.#options.host), text(AVP.originRealm, this.#options.realm)];
  }
}

const CX_OF_3GPP: Avp = group(AVP.vendorSpecificApplicationId, [
  unsigned(AVP.vendorId, VENDOR_3GPP),
  unsigned(AVP.authApplicationId, CX),
]);
