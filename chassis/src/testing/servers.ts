import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import getPort from 'get-port';
import { createConnection } from 'mysql2/promise';
import { requireBinary } from './binaries.ts';
import { createDatabase } from './create-database.ts';
import { ServerProcess } from './server-process.ts';

const startTimeoutMs = 30_000;
const loopback = '127.0.0.1';

/** Where a server keeps its data and listens, and how long it lives. */
export interface ServerOptions {
  /** Default: a temporary folder, removed with the server. */
  readonly dataDir?: string;
  /** Default: a free one. */
  readonly port?: number;
  /** The file that its output is appended to. Default: in the data folder. */
  readonly log?: string;
  /** True: the server outlives this process. Default: it never does, not even after a SIGKILL. */
  readonly detached?: boolean;
  /** Called with its pid as soon as it has one, before it is ready. */
  readonly onStart?: (pid: number) => void;
}

interface Server {
  readonly port: number;
  /** Of the running process: another one after a restart. */
  readonly pid: number;
  /** Ends it for good, and removes its data if they were temporary. */
  stop(): Promise<void>;
  /** Sends a signal (SIGSTOP freezes, SIGCONT thaws); resolves when a signal that ends it has done so. */
  kill(signal: NodeJS.Signals): Promise<void>;
}

/** An etcd of one node. */
export interface EtcdServer extends Server {
  /** As REGISTRY takes it. */
  readonly url: string;
  /** `http://host:port`, where `/health` and `/metrics` are. */
  readonly metricsUrl: string;
  /** Starts it again on the same port, with its data or, if `empty`, without; ends it first if it runs. */
  restart(options?: { readonly empty?: boolean }): Promise<void>;
}

/** What an etcd may have beside a server. */
export interface EtcdOptions extends ServerOptions {
  /** For the other members of its cluster. Default: a free one. */
  readonly peerPort?: number;
  /** Default: 127.0.0.1. */
  readonly host?: string;
  /** Its name, and all members of its cluster as etcd's `--initial-cluster` takes them. Default: alone. */
  readonly member?: { readonly name: string; readonly cluster: string };
  /** PEM files: it serves clients over TLS alone, and asks them for a certificate of this authority. */
  readonly tls?: { readonly caFile: string; readonly certFile: string; readonly keyFile: string };
  /** The beginning of its command line, such as `ip netns exec name`. */
  readonly through?: readonly string[];
}

/** A MariaDB server. */
export interface DatabaseServer extends Server {
  /** `mysql://` URL of a user who may do everything. */
  readonly adminUrl: string;
  /** A new, empty database and the URL of its only user, who may do everything in it and nothing elsewhere. */
  createDatabase(name: string): Promise<string>;
  /** Starts it again on the same port with its data; ends it first if it runs. */
  restart(): Promise<void>;
}

/** Starts etcd on loopback and waits until it serves. Throws with its last log lines if it does not. */
export async function startEtcd(options: EtcdOptions = {}): Promise<EtcdServer> {
  const { host = loopback, tls, through = [] } = options;
  const [command, ...before] = [...through, requireBinary('etcd-server', 'etcd')];
  const folder = await dataFolder(options.dataDir);
  const data = join(folder.path, 'etcd');
  const port = options.port ?? (await getPort({ host: loopback }));
  const client = `${tls === undefined ? 'http' : 'https'}://${host}:${port}`;
  const peer = `http://${host}:${options.peerPort ?? (await getPort({ host: loopback }))}`;
  const { name, cluster } = options.member ?? { name: 'weft', cluster: `weft=${peer}` };
  const metricsUrl = tls === undefined ? client : `http://${host}:${await getPort({ host: loopback })}`;
  const secure =
    tls === undefined
      ? []
      : [
          `--cert-file=${tls.certFile}`,
          `--key-file=${tls.keyFile}`,
          `--trusted-ca-file=${tls.caFile}`,
          '--client-cert-auth',
          `--listen-metrics-urls=${metricsUrl}`,
        ];
  // etcd reads every flag from ETCD_* too.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('ETCD_')));
  const launch = async () => {
    const server = new ServerProcess({
      name: 'etcd',
      command,
      args: [
        ...before,
        `--name=${name}`,
        `--data-dir=${data}`,
        `--listen-client-urls=${client}`,
        `--advertise-client-urls=${client}`,
        `--listen-peer-urls=${peer}`,
        `--initial-advertise-peer-urls=${peer}`,
        `--initial-cluster=${cluster}`,
        ...secure,
        '--logger=zap',
        '--log-level=warn',
      ],
      // etcd 3.4 refuses to start on arm64 without being told so.
      env: process.arch === 'arm64' ? { ...env, ETCD_UNSUPPORTED_ARCH: 'arm64' } : env,
      logFile: options.log ?? join(folder.path, 'etcd.log'),
      detached: options.detached ?? false,
      ...folder.temporary,
    });
    return ready(server, () => etcdAnswers(metricsUrl), options.onStart);
  };
  let server = await launch();
  return {
    url: `${tls === undefined ? 'etcd' : 'etcds'}://${host}:${port}`,
    metricsUrl,
    port,
    get pid() {
      return server.pid;
    },
    stop: () => server.stop(),
    kill: (signal) => server.kill(signal),
    restart: async ({ empty = false } = {}) => {
      await server.kill('SIGKILL');
      if (empty) await rm(data, { recursive: true, force: true });
      server = await launch();
    },
  };
}

/**
 * Starts MariaDB on loopback, initialising its data folder if that is new, and waits until it serves.
 * Its administrator is reached by `adminUrl` alone; the password is another one after each start.
 */
export async function startDatabase(options: ServerOptions = {}): Promise<DatabaseServer> {
  const command = requireBinary('mariadb-server', 'mariadbd');
  const folder = await dataFolder(options.dataDir);
  const data = join(folder.path, 'mariadb');
  const user = process.getuid?.() === 0 ? ['--user=root'] : [];
  if (!existsSync(join(data, 'mysql'))) await installDatabase(data, user);
  const port = options.port ?? (await getPort({ host: loopback }));
  const password = randomBytes(18).toString('base64url');
  const adminUrl = `mysql://weft_admin:${password}@${loopback}:${port}/mysql`;
  const initFile = join(folder.path, 'mariadb-init.sql');
  writeFileSync(initFile, administrator(password), { mode: 0o600 });
  const durable = folder.temporary.temporaryFolder === undefined;
  const launch = async () => {
    const server = new ServerProcess({
      name: 'mariadbd',
      command,
      args: [
        '--no-defaults',
        ...user,
        `--datadir=${data}`,
        `--port=${port}`,
        `--bind-address=${loopback}`,
        `--socket=${join(data, 's')}`,
        `--pid-file=${join(data, 'pid')}`,
        `--init-file=${initFile}`,
        '--skip-name-resolve',
        '--character-set-server=utf8mb4',
        '--collation-server=utf8mb4_unicode_ci',
        '--default-time-zone=+00:00',
        '--max-connections=500',
        '--innodb-buffer-pool-size=64M',
        // At 1 a commit survives the loss of power, at 2 the loss of the process.
        `--innodb-flush-log-at-trx-commit=${durable ? 1 : 2}`,
      ],
      logFile: options.log ?? join(folder.path, 'mariadb.log'),
      detached: options.detached ?? false,
      ...folder.temporary,
    });
    return ready(server, () => databaseAnswers(adminUrl), options.onStart);
  };
  let server = await launch();
  return {
    port,
    adminUrl,
    get pid() {
      return server.pid;
    },
    createDatabase: (name) => createDatabase(adminUrl, name),
    stop: () => server.stop(),
    kill: (signal) => server.kill(signal),
    restart: async () => {
      await server.kill('SIGTERM');
      server = await launch();
    },
  };
}

async function dataFolder(given: string | undefined) {
  if (given === undefined) {
    const path = await mkdtemp(join(tmpdir(), 'weft-'));
    return { path, temporary: { temporaryFolder: path } };
  }
  mkdirSync(given, { recursive: true, mode: 0o700 });
  return { path: given, temporary: {} };
}

async function ready(
  server: ServerProcess,
  answers: () => Promise<boolean>,
  onStart: ServerOptions['onStart'],
): Promise<ServerProcess> {
  onStart?.(server.pid);
  try {
    await server.waitUntil(answers, startTimeoutMs);
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** Whether an etcd answers at this http URL and says that it is healthy. */
export async function etcdAnswers(url: string): Promise<boolean> {
  try {
    const answer = await fetch(`${url}/health`, { signal: AbortSignal.timeout(2_000) });
    return answer.ok;
  } catch {
    return false;
  }
}

/** Whether a database accepts a connection with this URL. */
export async function databaseAnswers(url: string): Promise<boolean> {
  try {
    const connection = await createConnection({ uri: url, connectTimeout: 2_000 });
    await connection.end();
    return true;
  } catch {
    return false;
  }
}

async function installDatabase(data: string, user: readonly string[]): Promise<void> {
  const install = requireBinary('mariadb-server', 'mariadb-install-db');
  // Without --skip-test-db its anonymous users would shadow ours.
  const args = ['--no-defaults', ...user, `--datadir=${data}`, '--skip-test-db', '--skip-name-resolve'];
  await promisify(execFile)(install, [...args, '--auth-root-authentication-method=socket']);
}

/** Runs before the first connection is accepted, so there is no moment with an open administrator. */
function administrator(password: string): string {
  return [
    `CREATE OR REPLACE USER 'weft_admin'@'${loopback}' IDENTIFIED BY '${password}';`,
    `GRANT ALL PRIVILEGES ON *.* TO 'weft_admin'@'${loopback}' WITH GRANT OPTION;`,
    '',
  ].join('\n');
}
