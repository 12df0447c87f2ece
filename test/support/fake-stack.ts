import { SipHeaders, type SipRequest, type SipResponse } from '../../lib/codec/sip/message.ts';
import { parseSip } from '../../lib/codec/sip/parse.ts';
import { respondTo } from '../../lib/codec/sip/respond-to.ts';
import { writeSip } from '../../lib/codec/sip/write.ts';
import type {
  ClientTransaction,
  ClientTransactionListener,
  Flow,
  Hop,
  InviteTransaction,
  ListenPoint,
  ServerTransaction,
  SipStack,
  StackCounters,
} from '../../lib/stack/types.ts';

export interface FakeClientTransaction extends ClientTransaction {
  readonly hop: Hop;
  readonly listener: ClientTransactionListener;
  /** The peer answers. */
  answer(status: number, headers?: readonly { name: string; value: string }[], body?: Buffer): void;
}

/** A SIP stack without a network: the test is the peer. */
export class FakeStack implements SipStack {
  readonly listening: readonly ListenPoint[] = [
    { protocol: 'udp', host: '127.0.0.1', port: 5070 },
    { protocol: 'tcp', host: '127.0.0.1', port: 5070 },
  ];
  readonly counters: Readonly<StackCounters> = {
    clientTransactions: 0,
    serverTransactions: 0,
    retransmissionsSent: 0,
    retransmissionsAbsorbed: 0,
    malformed: 0,
    connections: 0,
  };
  readonly sent: FakeClientTransaction[] = [];
  /** Called with each request that is sent, before `request` returns. */
  onSent: ((transaction: FakeClientTransaction) => void) | undefined;
  #handler: ((transaction: ServerTransaction) => void) | undefined;
  #serial = 0;

  start(): Promise<void> {
    return Promise.resolve();
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }

  onRequest(handler: (transaction: ServerTransaction) => void): void {
    this.#handler = handler;
  }

  request(request: SipRequest, hop: Hop, listener: ClientTransactionListener): ClientTransaction {
    const id = `z9hG4bK${++this.#serial}`;
    const headers = request.headers.clone().prepend('Via', `SIP/2.0/UDP 127.0.0.1:5070;branch=${id};rport`);
    const full: SipRequest = { ...request, headers };
    const transaction: FakeClientTransaction = {
      id,
      request: full,
      hop,
      listener,
      answer(status, fields = [], body = Buffer.alloc(0)) {
        const response = respondTo(full, status, { headers: fields, body });
        const flow: Flow = { ...hop, localHost: '127.0.0.1', localPort: 5070 };
        listener.onResponse(response, flow, writeSip(response));
      },
    };
    this.sent.push(transaction);
    this.onSent?.(transaction);
    return transaction;
  }

  invite(request: SipRequest, hop: Hop, listener: ClientTransactionListener): InviteTransaction {
    return Object.assign(this.request(request, hop, listener), { cancel: () => undefined });
  }

  sendStateless(): void {}

  /** A request comes from the network; answers what the server says to it, in order. */
  receive(raw: Buffer): SipResponse[] {
    const request = parseSip(raw);
    if (request.kind !== 'request') throw new Error('not a request');
    const responses: SipResponse[] = [];
    this.#handler?.({
      id: String(++this.#serial),
      request,
      raw,
      flow: { protocol: 'udp', host: '192.0.2.9', port: 5099, localHost: '127.0.0.1', localPort: 5070 },
      respond: (response) => void responses.push(response),
      onTerminated: () => undefined,
    });
    return responses;
  }
}

/** A request as a peer would send it. */
export function requestFrom(
  method: string,
  more: readonly (readonly [string, string])[] = [],
  body: string | Buffer = '',
): Buffer {
  const headers = new SipHeaders([
    { name: 'Via', value: 'SIP/2.0/UDP 192.0.2.9:5099;branch=z9hG4bKpeer' },
    { name: 'Max-Forwards', value: '70' },
    { name: 'From', value: '<sip:peer@example.com>;tag=p' },
    { name: 'To', value: '<sip:gateway@example.com>' },
    { name: 'Call-ID', value: 'call-1' },
    { name: 'CSeq', value: `1 ${method}` },
    ...more.map(([name, value]) => ({ name, value })),
  ]);
  const octets = typeof body === 'string' ? Buffer.from(body) : body;
  return writeSip({ kind: 'request', method, uri: 'sip:gateway@127.0.0.1:5070', headers, body: octets });
}
