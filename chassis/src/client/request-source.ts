type Result = IteratorResult<Uint8Array, undefined>;

/**
 * The requests of a call that streams them, over all its attempts. It knows whether any was pulled, since
 * then no attempt may be repeated, and what broke them off.
 */
export class RequestSource implements AsyncIterator<Uint8Array, undefined> {
  readonly #requests: AsyncIterable<Uint8Array>;
  #iterator: AsyncIterator<Uint8Array> | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(requests: AsyncIterable<Uint8Array>) {
    this.#requests = requests;
  }

  get pulled(): boolean {
    return this.#iterator !== undefined;
  }

  /** What `requests` threw. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  async next(): Promise<Result> {
    try {
      this.#iterator ??= this.#requests[Symbol.asyncIterator]();
      const result = await this.#iterator.next();
      return result.done === true ? { done: true, value: undefined } : result;
    } catch (error) {
      this.#failure ??= { error };
      throw error;
    }
  }

  /** The call is over: lets `requests` clean up. It is not waited for, as it may be in the middle of a pull. */
  end(): void {
    // The call's outcome is known already, so what cleaning up fails with changes nothing.
    this.#iterator?.return?.().catch(() => undefined);
  }
}
