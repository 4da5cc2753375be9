import { execFile, execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
} from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { root } from '../paths.ts';

const run = promisify(execFile);

/** A copy of the repository in a temporary folder, to be changed. */
export interface RepositoryCopy {
  readonly folder: string;
  /** Runs a shell command in it, as a person would; resolves with what it said, or rejects with that. */
  shell(command: string, env?: NodeJS.ProcessEnv): Promise<string>;
  /** Ends what `make up` started in it, and removes it. */
  remove(): Promise<void>;
}

/**
 * Copies what git knows or would know, and what was compiled from it, so that only what is new takes time.
 * The dependencies are those of this repository: links, one for each.
 */
export async function copyRepository(): Promise<RepositoryCopy> {
  const folder = await mkdtemp(join(tmpdir(), 'weft-copy-'));
  const listed = execFileSync('git', ['ls-files', '-coz', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  });
  const files = listed.split('\0').filter((file) => file !== '' && existsSync(join(root, file)));
  const packages = new Set(
    files.filter((file) => file.endsWith('tsconfig.json')).map((file) => dirname(file)),
  );
  const compiled = [
    'proto/gen',
    ...[...packages].flatMap((path) => [`${path}/dist`, `${path}/tsconfig.tsbuildinfo`]),
  ];
  for (const path of [...files, ...compiled.filter((each) => existsSync(join(root, each)))])
    cpSync(join(root, path), join(folder, path), { recursive: true, preserveTimestamps: true });
  linkDependencies(folder);
  const environment = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(WEFT_|NODE_OPTIONS$|JEST_|MAKE|MFLAGS$)/.test(name)),
  );
  const shell: RepositoryCopy['shell'] = async (command, env = {}) => {
    const options = { cwd: folder, env: { ...environment, ...env }, maxBuffer: 2 ** 26 };
    try {
      const { stdout, stderr } = await run('bash', ['-euo', 'pipefail', '-c', command], options);
      return stdout + stderr;
    } catch (error) {
      const { stdout, stderr } = error as { stdout: string; stderr: string };
      throw new Error(`${command}\n${stdout}${stderr}`, { cause: error });
    }
  };
  return {
    folder,
    shell,
    async remove() {
      if (existsSync(join(folder, '.weft/processes.json'))) await shell('make down');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Packages of the workspace are linked relatively, so that the copy's are found. */
function linkDependencies(folder: string): void {
  const from = join(root, 'node_modules');
  const to = join(folder, 'node_modules');
  mkdirSync(join(to, '@weft'), { recursive: true });
  for (const name of readdirSync(from)) {
    if (name === '@weft' || name.startsWith('.weft')) continue;
    if (name === '.package-lock.json') cpSync(join(from, name), join(to, name));
    else symlinkSync(join(from, name), join(to, name));
  }
  for (const name of readdirSync(join(from, '@weft')))
    symlinkSync(readlinkSync(join(from, '@weft', name)), join(to, '@weft', name));
  for (const name of readdirSync(root)) {
    const nested = join(root, name, 'node_modules');
    if (name !== 'node_modules' && existsSync(nested))
      symlinkSync(nested, join(folder, name, 'node_modules'));
  }
  // What is linked is what the lockfile asks for.
  const now = new Date();
  utimesSync(join(to, '.package-lock.json'), now, now);
}
