import { execFileSync, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const chunk = Buffer.alloc(1 << 20, 1);

/** A small file system of its own. */
export interface BoundedDisk {
  readonly folder: string;
  /** Takes all the room that is left. */
  fill(): void;
  free(): void;
  /** Takes it away, with all that is on it. */
  remove(): void;
}

/** Mounts a tmpfs of so many MiB at `folder`. Throws where that is not allowed, or no Linux. */
export function mountBoundedDisk(folder: string, megabytes: number): BoundedDisk {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=700`, 'tmpfs', folder], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  // It goes when this process does, however that ends: then the pipe to this shell is closed.
  const guard = spawn('/bin/sh', ['-c', 'cat >/dev/null; sleep 0.3; umount -l "$1"', 'guard', folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  guard.unref();
  (guard.stdin as unknown as { unref(): void }).unref();
  const filler = join(folder, 'filler');
  return {
    folder,
    fill() {
      const file = openSync(filler, 'w');
      try {
        // Bounded by the size as well: nothing must ever fill a disk that is not ours.
        for (let i = 0; i <= megabytes; i++) writeSync(file, chunk);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      } finally {
        closeSync(file);
      }
    },
    free: () => rmSync(filler, { force: true }),
    remove() {
      guard.kill('SIGKILL');
      if (existsSync(folder)) execFileSync('umount', ['-l', folder], { stdio: 'ignore' });
    },
  };
}
