import { Code, type CodeName } from '../errors.ts';

/** What goes wrong on demand with the calls of one method: in development and tests only. */
export interface Fault {
  /** How long a call that is hit waits before it goes on or fails, milliseconds; 0 for not at all. */
  readonly delayMs: number;
  /** What a call that is hit fails with, its handler never asked; absent: it is only late. */
  readonly error?: CodeName;
  /** The share of the calls that are hit, above 0, at most 1. */
  readonly rate: number;
  /** When it ends, epoch milliseconds: also where the registry that would say so is away. */
  readonly untilMs: number;
}

/** Instead of a method: all of a workload's, health and reflection aside. */
export const everyMethod = '*';

const longestDelayMs = 600_000;

/**
 * Checks a fault, as read from JSON. Throws an Error that names every part of it that is wrong: the log
 * of a service shows it, and so does `make fault`.
 */
export function checkFault(value: unknown): Fault {
  const { delayMs = 0, error, rate = 1, untilMs } = (value ?? {}) as Record<string, unknown>;
  const faults: string[] = [];
  if (typeof delayMs !== 'number' || !(delayMs >= 0 && delayMs <= longestDelayMs))
    faults.push(`the delay is not 0 to ${longestDelayMs} ms`);
  if (error !== undefined && (typeof error !== 'string' || !Object.hasOwn(Code, error)))
    faults.push(`the error ${JSON.stringify(error)} is none of ${Object.keys(Code).join(', ')}`);
  if (typeof rate !== 'number' || !(rate > 0 && rate <= 1))
    faults.push('the rate is not above 0 and at most 1');
  if (typeof untilMs !== 'number' || !Number.isFinite(untilMs)) faults.push('it has no end');
  if (error === undefined && delayMs === 0) faults.push('it has neither a delay nor an error');
  if (faults.length > 0) throw new Error(faults.join('; '));
  return {
    delayMs: delayMs as number,
    rate: rate as number,
    untilMs: untilMs as number,
    ...(error === undefined ? {} : { error: error as CodeName }),
  };
}

/** A fault for people: `30% of calls wait 200 ms, then fail with UNAVAILABLE`. */
export function describeFault({ delayMs, error, rate }: Fault): string {
  const parts = [
    ...(delayMs > 0 ? [`wait ${delayMs} ms`] : []),
    ...(error === undefined ? [] : [`fail with ${error}`]),
  ];
  const who = rate === 1 ? 'all calls' : `${Number((rate * 100).toFixed(2))}% of calls`;
  return `${who} ${parts.join(', then ')}`;
}
