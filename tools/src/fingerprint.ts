import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './paths.ts';
import type { Workload } from './workloads.ts';

/**
 * Changes when a process would run other code or with another environment: then `make up` starts it
 * again. Code is known by the names, sizes and times of compiled files, other files by their content;
 * certificates are read again by whoever uses them, and need no restart.
 */
export function workloadFingerprint({ packages }: Workload, environment: NodeJS.ProcessEnv): string {
  const hash = createHash('sha256');
  for (const [name, value] of Object.entries(environment).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(`${name}=${value}\n`);
    if (name.endsWith('_FILE') && !name.startsWith('TLS_') && value !== undefined)
      hash.update(readFileSync(value));
  }
  for (const name of packages) for (const line of listing(join(root, name, 'dist'))) hash.update(line);
  for (const file of ['proto/gen/descriptors.binpb', 'package-lock.json'])
    hash.update(stamp(join(root, file)));
  return hash.digest('base64url');
}

function listing(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.js') && !file.endsWith('.test.js'))
    .sort()
    .map((file) => `${file} ${stamp(join(folder, file))}\n`);
}

function stamp(file: string): string {
  const { mtimeMs, size } = statSync(file);
  return `${mtimeMs} ${size}`;
}
