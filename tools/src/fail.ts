import pc from 'picocolors';

/** Says on stderr what went wrong, without a stack: it is for the person at the keyboard. */
export function tell(error: unknown): void {
  process.stderr.write(`\n${pc.red('✗')} ${error instanceof Error ? error.message : String(error)}\n`);
}

/** Runs a tool: an error is told, and the process exits 1. */
export async function runTool(main: () => Promise<void>): Promise<void> {
  // Whoever reads the output has seen enough (`make status | head`).
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  try {
    await main();
  } catch (error) {
    tell(error);
    process.exitCode = 1;
  }
}
