import type { SipRequest } from '../codec/sip/message.ts';
import { tagOf } from '../codec/sip/name-addr.ts';
import { branchOf, MAGIC_COOKIE, type Via } from '../codec/sip/via.ts';
import { DEFAULT_SIP_PORT } from './inbound.ts';

/** Key of a client transaction: branch and CSeq method (RFC 3261 section 17.1.3). */
export const clientKey = (branch: string, method: string): string => `${branch} ${method}`;

/**
 * Key of a server transaction (RFC 3261 section 17.2.3): branch, sent-by and method, ACK counting as its INVITE. A
 * branch without the magic cookie is of RFC 2543: then everything that identifies the request takes its place.
 */
export function serverKey(request: SipRequest, via: Via): string {
  const method = request.method === 'ACK' ? 'INVITE' : request.method;
  const branch = branchOf(via);
  if (branch?.startsWith(MAGIC_COOKIE) && branch.length > MAGIC_COOKIE.length)
    return `${branch} ${via.host.toLowerCase()}:${via.port ?? DEFAULT_SIP_PORT} ${method}`;
  return key2543(request, via, method, branch);
}

/**
 * The To tag of the request counts here, as section 17.2.3 has it for all but ACK: an ACK has the tag of the response, so
 * that INVITE and ACK are told apart from others without it.
 */
function key2543({ uri, headers }: SipRequest, via: Via, method: string, branch: string | undefined): string {
  const from = tagOf(headers.get('From') ?? '') ?? '';
  const to = method === 'INVITE' ? '' : (tagOf(headers.get('To') ?? '') ?? '');
  const number = Number.parseInt(headers.get('CSeq') ?? '', 10);
  const sentBy = `${via.host.toLowerCase()}:${via.port ?? DEFAULT_SIP_PORT}`;
  return JSON.stringify([uri, to, from, headers.get('Call-ID'), number, method, sentBy, branch]);
}

/** Transactions by key, never more than `limit`. */
export class TransactionTable<T extends { readonly key: string }> {
  readonly #limit: number;
  readonly #byKey = new Map<string, T>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#byKey.size;
  }

  get full(): boolean {
    return this.#byKey.size >= this.#limit;
  }

  find(key: string): T | undefined {
    return this.#byKey.get(key);
  }

  add(transaction: T): void {
    this.#byKey.set(transaction.key, transaction);
  }

  remove(transaction: T): void {
    this.#byKey.delete(transaction.key);
  }

  /** A copy, so that each may be removed while going through. */
  all(): T[] {
    return [...this.#byKey.values()];
  }
}
