import { SubprocessError } from 'nano-spawn';
import pc from 'picocolors';

const announceAfterMs = 1_500;

/** Tells, line by line, what is being done and how long each part took. */
export class Steps {
  readonly #write: (text: string) => unknown;

  constructor(write: (text: string) => unknown = (text) => process.stdout.write(text)) {
    this.#write = write;
  }

  /**
   * Runs one part. `tell` may add a note to its line; undefined as result of `tell` hides the line of a
   * part that had nothing to do. An error names the part.
   */
  async run<T>(name: string, work: () => Promise<T>, tell?: (result: T) => string | undefined): Promise<T> {
    const startedAt = performance.now();
    const timer = setTimeout(() => this.#write(pc.dim(`  … ${name}\n`)), announceAfterMs);
    try {
      const result = await work();
      const note = tell === undefined ? '' : tell(result);
      if (note !== undefined) this.#line(pc.green('✓'), name, startedAt, note);
      return result;
    } catch (error) {
      this.#line(pc.red('✗'), name, startedAt, 'failed');
      throw error instanceof StepError ? error : new StepError(name, error);
    } finally {
      clearTimeout(timer);
    }
  }

  #line(mark: string, name: string, startedAt: number, note: string): void {
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1).padStart(5);
    this.#write(`  ${mark} ${name.padEnd(24)} ${seconds} s${note === '' ? '' : pc.dim(`  ${note}`)}\n`);
  }
}

/** A part that failed. Its message names the part and says why. */
export class StepError extends Error {
  override readonly name = 'StepError';

  constructor(step: string, cause: unknown) {
    super(`${step}: ${cause instanceof Error ? cause.message : String(cause)}${lastLines(cause)}`, { cause });
  }
}

function lastLines(cause: unknown): string {
  if (!(cause instanceof SubprocessError)) return '';
  return ['', ...cause.output.split('\n').slice(-20)].join('\n  ');
}

/** Says nothing. */
export const silent = new Steps(() => undefined);
