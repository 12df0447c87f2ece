import type { Clock } from '../../base/clock.ts';
import { randomToken } from '../../base/ids.ts';
import { CPIM_TYPE, cpimHeader, writeCpimHead } from '../../codec/cpim/cpim.ts';
import { IMDN_HEADERS, IMDN_TYPE, writeImdn } from '../../codec/imdn/imdn.ts';
import { writeHeaderBlock } from '../../codec/mime/header-block.ts';
import { SipHeaders, type SipRequest } from '../../codec/sip/message.ts';
import { parseSipOnly } from '../../codec/sip/uri.ts';
import type { HeaderField } from '../../model/push.ts';
import type { Hop, SipStack } from '../../stack/types.ts';

/** What a phone tells of the pushes that ask for it (RFC 5438 section 7.2.1). */
export type PhoneImdn = 'delivered' | 'displayed' | 'failed' | 'forbidden' | 'error';

/** What the sender of a message wants to be told (RFC 5438 section 6.3). */
export interface ImdnWish {
  readonly messageId: string;
  /** Whom to tell: a SIP URI. */
  readonly sender: string;
  /** `positive-delivery`, `negative-delivery`, `display`, …, lower case. */
  readonly wants: readonly string[];
}

/** A notification that a phone sent, and what became of it. */
export interface ImdnSent {
  readonly messageId: string;
  readonly status: PhoneImdn;
  /** Final answer to its MESSAGE, or that there was none. */
  readonly answer: number | 'timeout' | 'transport';
}

/** `NS: imdn <urn:ietf:params:imdn>` (RFC 3862 section 3.4); the prefix is the sender's choice. */
const NAME_SPACE = /^([^\s<]+)\s*<([^<>]*)>$/;
/** The last thing of an address; what is before it is a name for people. */
const ADDRESS = /<([^<>]+)>\s*$/;

/** Reads the headers of a message/cpim; undefined when its sender wants nothing, or is nobody who can be told. */
export function imdnWish(headers: readonly HeaderField[]): ImdnWish | undefined {
  const prefix = headers
    .filter(({ name }) => name.toLowerCase() === 'ns')
    .map(({ value }) => NAME_SPACE.exec(value))
    .find((match) => match?.[2] === IMDN_HEADERS)?.[1];
  const of = (name: string): string | undefined =>
    prefix === undefined ? undefined : cpimHeader(headers, `${prefix}.${name}`);
  const messageId = of('Message-ID');
  const wants = (of('Disposition-Notification') ?? '')
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((word) => word !== '');
  const sender = ADDRESS.exec(cpimHeader(headers, 'From') ?? '')?.[1];
  if (!messageId || wants.length === 0 || sender === undefined || !isSipUri(sender)) return undefined;
  return { messageId, sender, wants };
}

function isSipUri(text: string): boolean {
  try {
    return parseSipOnly(text).user !== undefined;
  } catch {
    return false; // an im: or tel: URI, or none: this phone speaks SIP only
  }
}

/** A push that was answered. */
interface Told {
  readonly imdn?: ImdnWish;
  readonly answered: number | 'silent';
}

/** By name, since that a wild card holds message/cpim says nothing of what a device makes of it. */
export const withCpim = (accept: readonly string[]): readonly string[] => [...new Set([...accept, CPIM_TYPE])];

export interface ImdnTellerOptions {
  readonly stack: SipStack;
  readonly clock: Clock;
  /** Where requests of the phone go. */
  readonly hop: Hop;
  readonly aor: string;
  readonly status: PhoneImdn;
}

/**
 * Tells senders what became of their messages: a MESSAGE to each that asked (RFC 5438 section 7.2), by way of the core.
 * `delivered` and `failed` are told to those only who want to know; the rest is told to whoever asked for anything.
 */
export class ImdnTeller {
  readonly #o: ImdnTellerOptions;

  constructor(options: ImdnTellerOptions) {
    this.#o = options;
  }

  /** Undefined: the push was not taken, or its sender wants to know nothing of this. Never rejects. */
  tell({ imdn, answered }: Told): Promise<ImdnSent> | undefined {
    const { stack, hop, status } = this.#o;
    if (imdn === undefined || answered === 'silent' || answered >= 300) return undefined;
    const { messageId, sender, wants } = imdn;
    if (status === 'delivered' && !wants.includes('positive-delivery')) return undefined;
    if (status === 'failed' && !wants.includes('negative-delivery')) return undefined;
    return new Promise((resolve) => {
      const done = (answer: ImdnSent['answer']): void => resolve({ messageId, status, answer });
      stack.request(this.#message(sender, messageId), hop, {
        onResponse: ({ status: answer }) => {
          if (answer >= 200) done(answer);
        },
        onFailure: (failure) => done(failure),
      });
    });
  }

  #message(sender: string, messageId: string): SipRequest {
    const { aor, clock, status } = this.#o;
    const kind = status === 'displayed' ? 'display' : 'delivery';
    const head = writeCpimHead(
      [
        { name: 'From', value: `<${aor}>` },
        { name: 'To', value: `<${sender}>` },
        { name: 'NS', value: `imdn <${IMDN_HEADERS}>` },
        { name: 'imdn.Message-ID', value: randomToken() },
      ],
      writeHeaderBlock([
        { name: 'Content-Type', value: IMDN_TYPE },
        { name: 'Content-Disposition', value: 'notification' },
      ]),
    );
    const fields = [
      { name: 'Max-Forwards', value: '70' },
      { name: 'From', value: `<${aor}>;tag=${randomToken(8)}` },
      { name: 'To', value: `<${sender}>` },
      { name: 'Call-ID', value: randomToken() },
      { name: 'CSeq', value: '1 MESSAGE' },
      { name: 'Content-Type', value: CPIM_TYPE },
    ];
    const body = Buffer.concat([head, writeImdn({ messageId, kind, status }, { at: clock.now(), recipient: aor })]);
    return { kind: 'request', method: 'MESSAGE', uri: sender, headers: new SipHeaders(fields), body };
  }
}
