import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** An image as its OCI archive says, unpacked. */
export interface Image {
  readonly rootfs: string;
  /** All of its files, bytes. */
  readonly bytes: number;
  readonly config: {
    readonly User?: string;
    readonly Env?: readonly string[];
    readonly Entrypoint?: readonly string[];
    readonly WorkingDir?: string;
    readonly Labels?: Readonly<Record<string, string>>;
  };
}

interface Descriptor {
  readonly digest: string;
}

/** Unpacks an OCI archive (github.com/opencontainers/image-spec) into a folder, as root. */
export function unpack(archive: string, folder: string): Image {
  const layout = join(folder, 'layout');
  const rootfs = join(folder, 'rootfs');
  for (const path of [layout, rootfs]) mkdirSync(path, { recursive: true });
  execFileSync('tar', ['-C', layout, '-xf', archive]);
  const blob = ({ digest }: Descriptor) => join(layout, 'blobs', digest.replace(':', '/'));
  const json = (file: string): unknown => JSON.parse(readFileSync(file, 'utf8'));
  const index = json(join(layout, 'index.json')) as { readonly manifests: readonly Descriptor[] };
  const manifest = json(blob(index.manifests[0] as Descriptor)) as {
    readonly config: Descriptor;
    readonly layers: readonly Descriptor[];
  };
  for (const layer of manifest.layers)
    execFileSync('tar', ['-C', rootfs, '--numeric-owner', '-xpf', blob(layer)]);
  const { config } = json(blob(manifest.config)) as Pick<Image, 'config'>;
  const bytes = Number(execFileSync('du', ['-sb', rootfs], { encoding: 'utf8' }).split('\t')[0]);
  return { rootfs, bytes, config };
}

/** A running container. */
export interface RunningContainer {
  readonly child: ChildProcess;
  readonly logFile: string;
  /** Sends SIGTERM; resolves with the exit code and how long it took. */
  stop(): Promise<{ readonly code: number | null; readonly ms: number }>;
}

/**
 * Starts an image's own command with runc as the chart has it: the image's user, a root file system that cannot be
 * written, no capabilities, no new privileges. Its network is this machine's. `mounts` are there, read-only.
 */
export function startContainer(
  image: Image,
  name: string,
  folder: string,
  options: {
    readonly env?: NodeJS.ProcessEnv;
    readonly args?: readonly string[];
    readonly mounts?: readonly string[];
  },
): RunningContainer {
  const { env = {}, args = [], mounts = [] } = options;
  const { User = '', Env = [], Entrypoint = [], WorkingDir = '/' } = image.config;
  const [uid, gid] = User.split(':').map(Number);
  const variables = { ...Object.fromEntries(Env.map((one) => one.split(/=(.*)/s).slice(0, 2))), ...env };
  const readOnly = ['rbind', 'ro'];
  const bundle = {
    ociVersion: '1.0.2',
    root: { path: image.rootfs, readonly: true },
    process: {
      user: { uid, gid },
      args: [...Entrypoint, ...args],
      env: Object.entries(variables).map(([variable, value]) => `${variable}=${String(value)}`),
      cwd: WorkingDir,
      noNewPrivileges: true,
      capabilities: {},
    },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755'] },
      { destination: '/etc/resolv.conf', type: 'bind', source: '/etc/resolv.conf', options: readOnly },
      ...mounts.map((path) => ({ destination: path, type: 'bind', source: path, options: readOnly })),
    ],
    linux: { namespaces: [{ type: 'pid' }, { type: 'mount' }, { type: 'ipc' }, { type: 'uts' }] },
  };
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'config.json'), JSON.stringify(bundle));
  const logFile = join(folder, 'log');
  const log = openSync(logFile, 'a');
  const runc = ['--root', join(folder, 'state')];
  const child = spawn('runc', [...runc, 'run', '--bundle', folder, name], { stdio: ['ignore', log, log] });
  return {
    child,
    logFile,
    async stop() {
      const startedAt = performance.now();
      if (child.exitCode !== null) return { code: child.exitCode, ms: 0 };
      const exit = once(child, 'exit');
      execFileSync('runc', [...runc, 'kill', name, 'TERM']);
      const [code] = (await exit) as [number | null];
      return { code, ms: performance.now() - startedAt };
    },
  };
}
