import type { Logger } from './logger.ts';

/** A process is through after this long, whatever hangs. */
const shutdownLimitMs = 24_000;

/**
 * Runs `drain` on the first SIGTERM or SIGINT, then exits 0: at the latest after 24 s, also when `drain`
 * hangs or fails. A second signal exits 1 at once. An error that nobody caught is logged and exits 1.
 */
export function onShutdown(logger: Logger, drain: () => Promise<void>): void {
  let begun = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (begun) process.exit(1);
    begun = true;
    logger.info({ signal }, 'shutting down');
    const startedAt = Date.now();
    setTimeout(() => {
      logger.error('shutdown hangs: leaving without the rest');
      process.exit(0);
    }, shutdownLimitMs);
    drain()
      .catch((error: unknown) => logger.error({ err: error }, 'shutdown failed in part'))
      .finally(() => {
        logger.info({ ms: Date.now() - startedAt }, 'stopped');
        process.exit(0);
      });
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  process.on('uncaughtException', (error) => {
    logger.fatal({ err: error }, 'uncaught');
    process.exit(1);
  });
}

/** Why a process cannot start, in words for whoever starts it. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

/** Runs `start`; where it fails, says why in the log and exits 1. */
export async function startOrExit(logger: Logger, start: () => Promise<void>): Promise<void> {
  try {
    await start();
  } catch (error) {
    if (error instanceof StartError) logger.fatal({ causes: causesOf(error) }, error.message);
    else logger.fatal({ err: error }, 'cannot start');
    process.exit(1);
  }
}

/** The messages of an error's causes, the nearest first. */
function causesOf({ cause }: Error): string[] {
  if (!(cause instanceof Error)) return [];
  // Node's own connection errors may have no message but the code.
  const { code } = cause as NodeJS.ErrnoException;
  return [cause.message || (code ?? cause.name), ...causesOf(cause)];
}

/** Opens a port; where it is taken, the error names it and the variable that sets it. */
export async function openPort<T>(variable: string, port: number, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    const text = `${(error as NodeJS.ErrnoException).code} ${(error as Error).message}`;
    const why = text.includes('EADDRINUSE') ? 'is taken by another process' : 'cannot be opened';
    throw new StartError(`port ${port} (${variable}) ${why}`, { cause: error });
  }
}
