import { ask, type Answer } from '@weft/tools/rest';
import { pick } from './random.ts';

/** Longer than any method's own limit. */
const timeoutMs = 7_000;

/** What a client of the edges has met. */
export interface Met {
  /** How often each operation was answered how: `order 200`, `read 503 UNAVAILABLE`, `order ECONNREFUSED`. */
  readonly answers: ReadonlyMap<string, number>;
  /** Seconds in which something was asked and nothing was answered well. */
  readonly unavailableSeconds: number;
}

/** Calls one of several edges, as a balancer in front of them would, and counts what comes back. */
export class Client {
  readonly #urls: readonly string[];
  readonly #random: () => number;
  readonly #startedAt = performance.now();
  readonly #answers = new Map<string, number>();
  readonly #seconds = new Map<number, boolean>();

  constructor(urls: readonly string[], random: () => number) {
    this.#urls = urls;
    this.#random = random;
  }

  /** Any of the edges. */
  get url(): string {
    return pick(this.#urls, this.#random);
  }

  /** The answer, whatever it says; undefined if there was none. */
  async call(
    operation: string,
    method: string,
    path: string,
    options: {
      readonly token?: string;
      readonly body?: object;
      readonly headers?: Record<string, string>;
    } = {},
  ): Promise<Answer | undefined> {
    const second = Math.floor((performance.now() - this.#startedAt) / 1000);
    try {
      const answer = await ask(this.url, method, path, { timeoutMs, ...options });
      this.#count(
        operation,
        answer.status < 400 ? String(answer.status) : `${answer.status} ${statusOf(answer)}`,
      );
      this.#seconds.set(second, this.#seconds.get(second) === true || isAnswered(answer));
      return answer;
    } catch (error) {
      this.#count(operation, codeOf(error));
      this.#seconds.set(second, this.#seconds.get(second) === true);
      return undefined;
    }
  }

  met(): Met {
    const bad = [...this.#seconds.values()].filter((well) => !well).length;
    return { answers: this.#answers, unavailableSeconds: bad };
  }

  #count(operation: string, outcome: string): void {
    const key = `${operation} ${outcome}`;
    this.#answers.set(key, (this.#answers.get(key) ?? 0) + 1);
  }
}

/** Whether it says something of the request, rather than that it could not be served now. */
export function isAnswered({ status }: Answer): boolean {
  return status < 500 && ![401, 403, 408, 429, 499].includes(status);
}

/** The gRPC code by name. */
export function statusOf({ body }: Answer): string {
  return (body as { readonly error?: { readonly status?: string } } | undefined)?.error?.status ?? '';
}

function codeOf(error: unknown): string {
  const { name, cause } = error as Error & { readonly cause?: { readonly code?: string } };
  return cause?.code ?? name;
}
