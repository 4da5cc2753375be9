import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
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
import { root } from '../paths.ts';

/** A command that takes longer hangs. */
const commandLimitMs = 150_000;

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
  const guard = guardOf(folder);
  const shell: RepositoryCopy['shell'] = (command, env) => runInShell(command, folder, env);
  const remove = async () => {
    guard.kill('SIGKILL');
    if (existsSync(join(folder, '.weft/processes.json'))) await shell('make down');
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    for (const path of sourcesAndCompiled())
      cpSync(join(root, path), join(folder, path), { recursive: true, preserveTimestamps: true });
    linkDependencies(folder);
  } catch (error) {
    await remove();
    throw error;
  }
  return { folder, shell, remove };
}

function sourcesAndCompiled(): readonly string[] {
  const list = ['ls-files', '-coz', '--exclude-standard'];
  const listed = execFileSync('git', list, { cwd: root, encoding: 'utf8' }).split('\0');
  const sources = listed.filter((file) => file !== '' && !/(^|\/)node_modules$/.test(file));
  const packages = sources.filter((file) => /(^|\/)tsconfig\.json$/.test(file)).map((file) => dirname(file));
  const compiled = packages.flatMap((path) => [`${path}/dist`, `${path}/tsconfig.tsbuildinfo`]);
  // What git lists may have been deleted since.
  return [...new Set([...sources, 'proto/gen', ...compiled])].filter((path) => existsSync(join(root, path)));
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

/** What the run of the tests set for itself is not there, and nobody's servers are used. */
const foreign = /^(WEFT_.*|JEST_.*|NODE_OPTIONS|MAKE.*|MFLAGS|ETCD_URL|DATABASE_ADMIN_URL|\w+_PORT)$/;

/** In a group of its own, so that all of it can be ended. */
async function runInShell(command: string, cwd: string, env: NodeJS.ProcessEnv = {}): Promise<string> {
  const inherited = Object.entries(process.env).filter(([name]) => !foreign.test(name));
  const child = spawn('bash', ['-euo', 'pipefail', '-c', command], {
    cwd,
    env: { ...Object.fromEntries(inherited), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (said += text));
  const limit = setTimeout(
    () => child.pid !== undefined && process.kill(-child.pid, 'SIGTERM'),
    commandLimitMs,
  );
  const [code] = (await once(child, 'close')) as [number | null];
  clearTimeout(limit);
  if (code !== 0) throw new Error(`exit ${code}: ${command}\n${said}`);
  return said;
}

/** Where the tests are killed before they clean up, this ends what `make up` started here. */
function guardOf(folder: string) {
  const script = 'while kill -0 "$1" 2>/dev/null; do sleep 1; done; make -C "$0" down; rm -rf "$0"';
  const guard = spawn('sh', ['-c', script, folder, String(process.pid)], { stdio: 'ignore', detached: true });
  guard.unref();
  return guard;
}
