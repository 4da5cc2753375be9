import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '@weft/tools/paths';
import { freePorts } from '@weft/tools/ports';
import { Records } from '@weft/tools/records';
import { adminLogin, type AdminLogin } from '@weft/tools/secrets';

/** What `make up` starts, in a folder and on ports of its own, so that a shop that runs here is not touched. */
export interface PrivateSystem {
  readonly url: string;
  readonly admin: AdminLogin;
  /** Runs `make up` or `make down`; resolves to how long it took. */
  make(target: 'up' | 'down'): Promise<number>;
  pid(name: string): number;
  /** Of all that it has started on this machine, by name. */
  pids(): ReadonlyMap<string, number>;
  /** `mysql://` URL of the database's administrator. */
  databaseUrl(): string;
  /** Ends it and removes its data, once, however often it is asked to. */
  remove(): Promise<void>;
}

export async function privateSystem(): Promise<PrivateSystem> {
  const folder = await mkdtemp(join(tmpdir(), 'weft-bench-'));
  const ports = await freePorts();
  const env = {
    ...process.env,
    ...Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, String(port)])),
    WEFT_FOLDER: folder,
  };
  let ended: Promise<unknown> = Promise.resolve();
  const make = async (target: string) => {
    const startedAt = performance.now();
    const child = spawn('make', ['--no-print-directory', target], {
      cwd: root,
      env,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const exit = once(child, 'exit');
    ended = exit;
    const [code] = (await exit) as [number | null];
    if (code !== 0) throw new Error(`make ${target} ended with ${code}`);
    return performance.now() - startedAt;
  };
  const remove = async () => {
    // Only one make at a time may start and end processes.
    await ended;
    await make('down');
    await rm(folder, { recursive: true, force: true });
  };
  let removal: Promise<void> | undefined;
  return {
    url: `http://127.0.0.1:${ports.EDGE_PORT}`,
    get admin() {
      return adminLogin(folder);
    },
    make,
    pid: (name) => {
      const record = new Records(folder).get(name);
      if (record === undefined) throw new Error(`${name} does not run`);
      return record.pid;
    },
    pids: () =>
      new Map(
        new Records(folder)
          .all()
          .filter(({ container }) => container === undefined)
          .map(({ name, pid }) => [name, pid]),
      ),
    databaseUrl: () => {
      const url = process.env['DATABASE_ADMIN_URL'] || new Records(folder).get('database')?.url;
      if (url === undefined) throw new Error('the database does not run');
      return url;
    },
    remove: () => (removal ??= remove()),
  };
}
