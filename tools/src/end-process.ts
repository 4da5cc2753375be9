import { removeContainer } from './docker.ts';
import { isAlive, type ProcessRecord } from './records.ts';
import { waitFor } from './wait-for.ts';

/** A service drains within 25 s. */
const graceMs = 27_000;
const pollMs = 20;

/**
 * Ends the process on record: SIGTERM, and SIGKILL if that has not helped in time. A process that only
 * got its pid is left alone. Resolves to how it ended.
 */
export async function endProcess(
  record: Pick<ProcessRecord, 'pid' | 'identity' | 'container'>,
  options: { readonly graceMs?: number } = {},
): Promise<'was gone' | 'ended' | 'killed'> {
  if (record.container !== undefined) return removeContainer(record.container);
  if (!isAlive(record)) return 'was gone';
  signal(record.pid, 'SIGTERM');
  // A frozen process takes a SIGTERM only when it is thawed.
  signal(record.pid, 'SIGCONT');
  if (await gone(record, options.graceMs ?? graceMs)) return 'ended';
  signal(record.pid, 'SIGKILL');
  if (await gone(record, graceMs)) return 'killed';
  throw new Error(`process ${record.pid} is still there after SIGKILL`);
}

function gone(record: Pick<ProcessRecord, 'pid' | 'identity'>, timeoutMs: number): Promise<boolean> {
  return waitFor(() => !isAlive(record), timeoutMs, pollMs);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
