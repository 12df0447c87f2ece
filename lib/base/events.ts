/** Event name to the value its listeners get. */
export type EventMap = Record<string, unknown>;

export type Listener<T> = (value: T) => void;

/**
 * Typed events by which lower layers tell upper ones what happened. A listener that throws is
 * reported to `onError` and never disturbs the emitter: a metric must not lose a push.
 */
export class Events<M extends EventMap> {
  readonly #listeners = new Map<keyof M, Set<Listener<never>>>();
  readonly #onError: (error: unknown) => void;

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  /** Adds a listener; the function it returns takes it off again. */
  on<K extends keyof M>(name: K, listener: Listener<M[K]>): () => void {
    let set = this.#listeners.get(name);
    if (set === undefined) {
      set = new Set();
      this.#listeners.set(name, set);
    }
    set.add(listener as Listener<never>);
    return () => set.delete(listener as Listener<never>);
  }

  emit<K extends keyof M>(name: K, value: M[K]): void {
    const set = this.#listeners.get(name);
    if (set === undefined) return;
    for (const listener of set) {
      try {
        (listener as Listener<M[K]>)(value);
      } catch (error) {
        this.#onError(error);
      }
    }
  }

  /** True when somebody listens: lets a hot path skip building an event nobody wants. */
  has(name: keyof M): boolean {
    return (this.#listeners.get(name)?.size ?? 0) > 0;
  }
}
