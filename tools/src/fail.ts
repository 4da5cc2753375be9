import pc from 'picocolors';

/** Says on stderr what went wrong, without a stack: it is for the person at the keyboard. */
export function tell(error: unknown): void {
  process.stderr.write(`\n${pc.red('✗')} ${error instanceof Error ? error.message : String(error)}\n`);
}

/** Runs a tool: an error is told, and the process exits 1. */
export async function runTool(main: () => Promise<void>): Promise<void> {
  // Whoever reads the output has seen enough (`make up | head`): what was begun is finished all the same.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  try {
    await main();
  } catch (error) {
    tell(error);
    process.exitCode = 1;
  }
}
