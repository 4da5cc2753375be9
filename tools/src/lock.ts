import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { weftFolder } from './paths.ts';

/** Gives back, when this process ends, the lock that bootstrap.sh took for it. */
export function releaseLockAtExit(): void {
  const lock = join(weftFolder, 'lock');
  process.once('exit', () => {
    if (holder(lock) === String(process.pid)) rmSync(lock, { recursive: true, force: true });
  });
}

function holder(lock: string): string | undefined {
  try {
    return readFileSync(join(lock, 'owner'), 'utf8').split('/')[0];
  } catch {
    // No lock: this tool was started without bootstrap.sh.
    return undefined;
  }
}
