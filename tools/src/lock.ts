import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { weftFolder } from './paths.ts';

/** Gives back, when this process ends, the lock that bootstrap.sh took for it. */
export function releaseLockAtExit(): void {
  process.once('exit', () => rmSync(join(weftFolder, 'lock'), { recursive: true, force: true }));
}
