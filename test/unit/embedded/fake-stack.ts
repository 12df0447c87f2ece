import { SipHeaders, type SipRequest, type SipResponse } from '../../../lib/codec/sip/message.ts';
import { respondTo } from '../../../lib/codec/sip/respond-to.ts';
import { writeSip } from '../../../lib/codec/sip/write.ts';
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
  TransactionFailure,
} from '../../../lib/stack/types.ts';

/** A request that the code under test has sent. */
export interface Sent {
  readonly request: SipRequest;
  readonly hop: Hop;
  respond(status: number, headers?: Record<string, string>): void;
  fail(failure: TransactionFailure): void;
}

export const FLOW: Flow = { protocol: 'udp', host: '192.0.2.1', port: 5062, localHost: '127.0.0.1', localPort: 5060 };

/** A stack without a network: a test hands requests in and answers those that come out. */
export class FakeStack implements SipStack {
  readonly listening: readonly ListenPoint[] = [{ protocol: 'udp', host: '127.0.0.1', port: 5060 }];
  readonly sent: Sent[] = [];
  readonly counters: StackCounters = {
    clientTransactions: 0,
    serverTransactions: 0,
    retransmissionsSent: 0,
    retransmissionsAbsorbed: 0,
    malformed: 0,
    connections: 0,
  };
  running = false;
  #handler: (transaction: ServerTransaction) => void = () => undefined;

  async start(): Promise<void> {
    this.running = true;
  }

  async stop(): Promise<void> {
    this.running = false;
  }

  onRequest(handler: (transaction: ServerTransaction) => void): void {
    this.#handler = handler;
  }

  request(request: SipRequest, hop: Hop, listener: ClientTransactionListener): ClientTransaction {
    this.sent.push({
      request,
      hop,
      respond: (status, headers = {}) => {
        const response = respondTo(request, status);
        for (const [name, value] of Object.entries(headers)) response.headers.add(name, value);
        response.headers.prepend('Via', 'SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKfake');
        listener.onResponse(response, FLOW, writeSip(response));
      },
      fail: (failure) => listener.onFailure(failure, new Error(failure)),
    });
    return { id: String(this.sent.length), request };
  }

  invite(request: SipRequest, hop: Hop, listener: ClientTransactionListener): InviteTransaction {
    return { ...this.request(request, hop, listener), cancel: () => undefined };
  }

  sendStateless(): void {}

  /** Hands a request in and answers what was responded to it so far; later responses go into the same list. */
  receive(request: SipRequest, flow: Flow = FLOW): SipResponse[] {
    const responses: SipResponse[] = [];
    this.#handler({
      id: 's1',
      request,
      raw: writeSip(request),
      flow,
      respond: (response) => responses.push(response),
      onTerminated: () => undefined,
    });
    return responses;
  }
}

/** A request with what every request has; `headers` replace or add. */
export function requestOf(method: string, uri: string, headers: Record<string, string> = {}, body = ''): SipRequest {
  const fields = new SipHeaders([
    { name: 'Via', value: 'SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bK1' },
    { name: 'From', value: '<sip:someone@example.com>;tag=1' },
    { name: 'To', value: '<sip:alice@example.com>' },
    { name: 'Call-ID', value: 'call' },
    { name: 'CSeq', value: `1 ${method}` },
  ]);
  for (const [name, value] of Object.entries(headers)) fields.set(name, value);
  return { kind: 'request', method, uri, headers: fields, body: Buffer.from(body) };
}
