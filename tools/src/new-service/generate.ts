import { existsSync, readFileSync, statSync, symlinkSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import spawn from 'nano-spawn';
import { Changes } from './changes.ts';
import { conflicts } from './conflicts.ts';
import type { ServiceNames } from './names.ts';
import { registrations } from './registration.ts';
import type { Steps } from '../steps.ts';
import { readSample, renamed } from './template.ts';

const lockfile = 'package-lock.json';
/** npm writes it at the end of an installation. */
const installed = 'node_modules/.package-lock.json';

export interface GenerateOptions {
  /** The repository's root. */
  readonly root: string;
  readonly steps: Steps;
  /** Aborted when the person at the keyboard changes their mind. */
  readonly signal: AbortSignal;
}

/**
 * Makes a service: its contract, its package, and its place in every list of services. Returns the paths of
 * the files, the changed ones first. What stands against it is said before anything is written; an error or
 * an abort on the way leaves nothing behind.
 */
export async function generateService(
  names: ServiceNames,
  { root, steps, signal }: GenerateOptions,
): Promise<readonly string[]> {
  const sample = readSample(join(root, 'tools/templates/service'));
  const faults = conflicts(root, names, sample);
  if (faults.length > 0) throw new Error(faults.join('\n'));
  const files = renamed(sample, names);
  const changed = Object.entries(registrations).map(
    ([path, change]) =>
      [path, change(readFileSync(join(root, path), 'utf8'), names.service, names.resource.kebab)] as const,
  );
  const changes = new Changes(root);
  try {
    changes.keep(lockfile);
    for (const [path, text] of [...changed, ...files]) changes.write(path, text);
    const written = [...changed.map(([path]) => path), ...files.keys()];
    const run: Run = (program, ...args) => spawn(program, args, { cwd: root, signal });
    // Names are longer or shorter than the sample's, and lines break elsewhere.
    const formatted = written.filter((path) => /\.(ts|js|json)$/.test(path));
    await steps.run('format', () => run('oxfmt', ...formatted));
    await steps.run('lockfile', () => link(root, names.service, changes, run));
    signal.throwIfAborted();
    return written;
  } catch (error) {
    changes.undo();
    throw signal.aborted ? signal.reason : error;
  }
}

type Run = (program: string, ...args: string[]) => Promise<unknown>;

/** Puts the package where npm would put it. It needs nothing that is not installed, so nothing is fetched. */
async function link(root: string, service: string, changes: Changes, run: Run): Promise<void> {
  const isCurrent = existsSync(join(root, installed)) && age(root, installed) <= age(root, lockfile);
  await run(
    'npm',
    'install',
    '--package-lock-only',
    '--ignore-scripts',
    '--offline',
    '--no-audit',
    '--no-fund',
  );
  changes.made(`node_modules/@weft/${service}`);
  symlinkSync(`../../services/${service}`, join(root, `node_modules/@weft/${service}`));
  // Else the next `make` would install everything again for the sake of this link.
  if (isCurrent) utimesSync(join(root, installed), new Date(), new Date());
}

function age(root: string, path: string): number {
  return Date.now() - statSync(join(root, path)).mtimeMs;
}
