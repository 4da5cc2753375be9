import type { Logger } from '../logger.ts';

/** Those who follow a value. One that throws is logged, and keeps neither the others nor the source from going on. */
export class Listeners<T> {
  readonly #logger: Logger;
  // Wrapped: the same function may follow twice, and each is ended by itself.
  readonly #all = new Set<{ readonly listener: (value: T) => void }>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  get size(): number {
    return this.#all.size;
  }

  /** Adds one, and tells it `first` unless that is undefined. Returns a function that ends it. */
  add(listener: (value: T) => void, first: T | undefined): () => void {
    const one = { listener };
    this.#all.add(one);
    if (first !== undefined) this.#tell(listener, first);
    return () => this.#all.delete(one);
  }

  tell(value: T): void {
    // One that comes or goes meanwhile is heeded: a Set is iterated as it is.
    for (const { listener } of this.#all) this.#tell(listener, value);
  }

  clear(): void {
    this.#all.clear();
  }

  #tell(listener: (value: T) => void, value: T): void {
    try {
      listener(value);
    } catch (error) {
      this.#logger.error({ err: error }, 'a listener of discovery failed');
    }
  }
}
