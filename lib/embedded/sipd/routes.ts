/**
 * Who takes which verb. A multimap, as on drachtio-server: a client that asks twice for a verb gets two turns in the
 * round robin.
 */
export class Routes<Client> {
  readonly #takers = new Map<string, Client[]>();
  readonly #next = new Map<string, number>();

  /** `verb` in lower case. */
  add(verb: string, client: Client): void {
    const takers = this.#takers.get(verb);
    if (takers === undefined) this.#takers.set(verb, [client]);
    else takers.push(client);
  }

  /** Takes the client off every verb. */
  remove(client: Client): void {
    for (const [verb, takers] of this.#takers) {
      const left = takers.filter((taker) => taker !== client);
      if (left.length > 0) this.#takers.set(verb, left);
      else {
        this.#takers.delete(verb);
        this.#next.delete(verb);
      }
    }
  }

  /** Turns that `client` has over all verbs. */
  countOf(client: Client): number {
    let count = 0;
    for (const takers of this.#takers.values()) for (const taker of takers) if (taker === client) count++;
    return count;
  }

  /**
   * The client whose turn it is, or undefined when nobody takes the verb. One that is not `usable` (its connection is
   * being closed) is passed over.
   */
  pick(verb: string, usable: (client: Client) => boolean = () => true): Client | undefined {
    const takers = this.#takers.get(verb);
    if (takers === undefined) return undefined;
    const turn = (this.#next.get(verb) ?? 0) % takers.length;
    for (let passed = 0; passed < takers.length; passed++) {
      const at = (turn + passed) % takers.length;
      const client = takers[at];
      if (client === undefined || !usable(client)) continue;
      this.#next.set(verb, at + 1);
      return client;
    }
    return undefined;
  }
}
