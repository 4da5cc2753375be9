import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import type { Manifest } from './packages.ts';

const run = promisify(execFile);
const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];
/** What compiles every package here; a repository of its own declares it itself. */
const compilers = ['typescript', '@types/node'];

/** Packs packages as npm would publish them; answers the tarball of each by the package's name. */
export async function pack(
  root: string,
  paths: readonly string[],
  to: string,
): Promise<ReadonlyMap<string, Packed>> {
  const packages = paths.map((path) => join(root, path));
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', to, ...packages];
  const { stdout } = await run('npm', args, { cwd: root, maxBuffer: 2 ** 26 });
  const all = JSON.parse(stdout) as readonly {
    readonly name: string;
    readonly filename: string;
    readonly files: readonly { readonly path: string }[];
  }[];
  return new Map(
    all.map(({ name, filename, files }) => [
      name,
      { tarball: join(to, filename), files: files.map(({ path }) => path) },
    ]),
  );
}

export interface Packed {
  readonly tarball: string;
  /** What is in it. */
  readonly files: readonly string[];
}

/** Installs tarballs, and from the registry what they need, in a new empty folder. */
export async function install(folder: string, tarballs: ReadonlyMap<string, Packed>): Promise<void> {
  mkdirSync(folder);
  writeJson(join(folder, 'package.json'), {
    private: true,
    type: 'module',
    dependencies: Object.fromEntries([...tarballs].map(([name, { tarball }]) => [name, `file:${tarball}`])),
  });
  await run('npm', ['install', ...quiet], { cwd: folder });
}

/**
 * Puts a service's package into a folder of its own, outside of the repository, and compiles it there: with
 * the tarballs in place of the packages beside it, the compiler, and the options of the compiler, which the
 * repository has in its root.
 */
export async function liftOut(
  root: string,
  path: string,
  folder: string,
  tarballs: ReadonlyMap<string, Packed>,
): Promise<void> {
  const made = /^(dist|node_modules|tsconfig\.tsbuildinfo)$/;
  mkdirSync(folder);
  for (const name of readdirSync(join(root, path)).filter((entry) => !made.test(entry)))
    cpSync(join(root, path, name), join(folder, name), { recursive: true });
  cpSync(join(root, 'tsconfig.base.json'), join(folder, 'tsconfig.base.json'));
  const { references: _, ...options } = readJson<{ references: unknown }>(join(folder, 'tsconfig.json'));
  writeJson(join(folder, 'tsconfig.json'), { ...options, extends: './tsconfig.base.json' });
  const own = readJson<Manifest>(join(folder, 'package.json'));
  const repository = readJson<Manifest & { readonly overrides: object }>(join(root, 'package.json'));
  const packed = (name: string) => {
    const found = tarballs.get(name);
    return found === undefined ? {} : { [name]: `file:${found.tarball}` };
  };
  writeJson(join(folder, 'package.json'), {
    ...own,
    dependencies: {
      ...own.dependencies,
      ...Object.assign({}, ...Object.keys(own.dependencies ?? {}).map(packed)),
    },
    devDependencies: {
      ...own.devDependencies,
      ...Object.fromEntries(compilers.map((name) => [name, repository.devDependencies?.[name]])),
    },
    overrides: repository.overrides,
  });
  await run('npm', ['install', ...quiet], { cwd: folder });
  await run(join(folder, 'node_modules/.bin/tsc'), ['-p', '.'], { cwd: folder });
}

/** Runs a lifted service's own tests; answers what jest said. */
export async function testIn(folder: string): Promise<string> {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(WEFT_|JEST_|NODE_OPTIONS$)/.test(name)),
  );
  const { stdout, stderr } = await run('npm', ['test'], { cwd: folder, env, maxBuffer: 2 ** 26 }).catch(
    (error: { stdout: string; stderr: string }) => {
      throw new Error(`${basename(folder)}: its tests fail\n${error.stdout}${error.stderr}`);
    },
  );
  return stdout + stderr;
}

function readJson<T>(file: string): T {
  return JSON.parse(readFileSync(file, 'utf8')) as T;
}

function writeJson(file: string, content: object): void {
  writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`);
}
