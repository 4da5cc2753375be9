import { isDeepStrictEqual } from 'node:util';
import pc from 'picocolors';

/** A story that is told step by step, each step with what it must show. The first that does not ends it. */
export class Story {
  #step = 0;
  readonly #write: (text: string) => void;

  constructor(write: (text: string) => void = (text) => process.stdout.write(text)) {
    this.#write = write;
  }

  /** Tells a step and runs it. What it returns is for the steps that follow. */
  async step<T>(sentence: string, run: (check: Check) => Promise<T>): Promise<T> {
    this.#step += 1;
    this.#write(`${pc.dim(String(this.#step).padStart(2))} ${sentence}\n`);
    const startedAt = performance.now();
    const check: Check = {
      note: (text) => this.#write(pc.dim(`     ${text}\n`)),
      equal: (what, found, expected) => {
        const ok = isDeepStrictEqual(found, expected);
        this.#write(`   ${ok ? pc.green('✓') : pc.red('✗')} ${what}: ${show(found)}\n`);
        if (!ok)
          throw new Error(`step ${this.#step}: ${what} is ${show(found)} and should be ${show(expected)}`);
      },
    };
    try {
      return await run(check);
    } finally {
      this.#write(pc.dim(`     ${Math.round(performance.now() - startedAt)} ms\n`));
    }
  }
}

export interface Check {
  note(text: string): void;
  /** Tells what was found; throws if it is not what was expected. */
  equal(what: string, found: unknown, expected: unknown): void;
}

const show = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
