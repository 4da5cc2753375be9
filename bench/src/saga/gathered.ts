/** As Acknowledgements of the chassis gathers them. */
const most = 64;
const withinMs = 5;

const deletion = /^(?<head>.*? IN \()(?<ids>.*?)(?<middle>\)\s+AND .* IN \()(?<pairs>.*)(?<tail>\))$/s;

/** Makes one statement of the deletions of delivered messages that come within 5 ms, 64 at most. */
export class Gathered {
  readonly #send: (sql: string) => Promise<void>;
  readonly #sending = new Set<Promise<void>>();
  #batch: string[] = [];
  #timer: NodeJS.Timeout | undefined;
  #failure: unknown;

  constructor(send: (sql: string) => Promise<void>) {
    this.#send = send;
  }

  add(sql: string): void {
    this.#batch.push(sql);
    if (this.#batch.length >= most) this.#start();
    else this.#timer ??= setTimeout(() => this.#start(), withinMs);
  }

  /** Resolves when all are done; fails when one has failed. */
  async flush(): Promise<void> {
    this.#start();
    await Promise.all(this.#sending);
    if (this.#failure !== undefined) throw this.#failure;
  }

  #start(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const parts = this.#batch.splice(0).map((sql) => deletion.exec(sql)?.groups ?? {});
    const [first] = parts;
    if (first === undefined) return;
    const all = (name: string) => parts.map((part) => part[name]).join(', ');
    const { head, middle, tail } = first;
    const sending = this.#send(`${head}${all('ids')}${middle}${all('pairs')}${tail}`)
      .catch((error: unknown) => (this.#failure ??= error))
      .finally(() => this.#sending.delete(sending)) as Promise<void>;
    this.#sending.add(sending);
  }
}
