import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { databaseAnswers, etcdAnswers, startDatabase, startEtcd } from '@weft/chassis/testing/servers';
import { rm } from 'node:fs/promises';
import { containerLog, containerRuns, dockerAnswers, runContainer, type Container } from './docker.ts';
import { ensureLocalServers, missingServers, type ServerBinary } from './local-servers.ts';
import type { Ports } from './ports.ts';
import type { Processes } from './processes.ts';
import { databaseRootPassword } from './secrets.ts';
import { waitFor } from './wait-for.ts';

const containerTimeoutMs = 180_000;

/** Where etcd and the database of `make up` come from. */
export interface Sources {
  readonly etcd: Source;
  readonly database: Source;
  /** The Debian packages that were installed to get there. */
  readonly installed: readonly string[];
}
export type Source = { readonly kind: 'given'; readonly url: string } | { readonly kind: 'local' | 'docker' };

export interface Place {
  readonly folder: string;
  readonly ports: Ports;
  readonly processes: Processes;
}

/** A server that can be used, and whether this call started it. */
export interface Found {
  readonly url: string;
  readonly started: boolean;
}

/**
 * What ETCD_URL and DATABASE_ADMIN_URL name; else programs on this machine; else Docker, if it answers;
 * else Debian's packages, installed here; else an error that says what to do.
 */
export async function chooseSources(environment: NodeJS.ProcessEnv = process.env): Promise<Sources> {
  const given = (variable: string): Source => {
    const url = environment[variable];
    return url === undefined || url === '' ? { kind: 'local' } : { kind: 'given', url };
  };
  const sources = { etcd: given('ETCD_URL'), database: given('DATABASE_ADMIN_URL') };
  let installed: readonly string[] = [];
  const wanted: ServerBinary[] = [];
  if (sources.etcd.kind === 'local') wanted.push('etcd');
  if (sources.database.kind === 'local') wanted.push('mariadbd');
  const missing = missingServers(wanted);
  if (missing.length > 0 && (await dockerAnswers())) {
    if (missing.includes('etcd')) sources.etcd = { kind: 'docker' };
    if (missing.includes('mariadbd')) sources.database = { kind: 'docker' };
  } else {
    installed = await ensureLocalServers(missing);
  }
  return { ...sources, installed };
}

/** Starts etcd unless it runs. Its data are leases, so it starts empty. `url` is as REGISTRY takes it. */
export async function ensureEtcd(source: Source, { folder, ports, processes }: Place): Promise<Found> {
  if (source.kind === 'given')
    return given(source.url, 'ETCD_URL', etcdAnswers(httpUrl(source.url)), etcdUrl(source.url));
  const { ETCD_PORT: port, ETCD_PEER_PORT: peerPort } = ports;
  const url = `etcd://127.0.0.1:${port}`;
  const fingerprint = `${source.kind} ${port} ${peerPort}`;
  const answers = () => etcdAnswers(httpUrl(url));
  if (await isRunning(processes, 'etcd', fingerprint, answers)) return { url, started: false };
  await processes.end('etcd');
  const logFile = processes.logFile('etcd');
  const record = { name: 'etcd', fingerprint, logFile, ports: [port, peerPort], url };
  if (source.kind === 'local') {
    const dataDir = join(folder, 'data');
    await rm(join(dataDir, 'etcd'), { recursive: true, force: true });
    const onStart = (pid: number) => processes.record({ ...record, pid });
    await startEtcd({ dataDir, port, peerPort, log: logFile, detached: true, onStart });
  } else {
    await startContainer(processes, record, answers, {
      name: containerName(folder, 'etcd'),
      image: process.env['ETCD_IMAGE'] ?? 'quay.io/coreos/etcd:v3.5.21',
      port,
      inside: 2379,
      args: [
        '/usr/local/bin/etcd',
        '--listen-client-urls=http://0.0.0.0:2379',
        `--advertise-client-urls=http://127.0.0.1:${port}`,
      ],
    });
  }
  return { url, started: true };
}

/** Starts the database unless it runs. `url` is its administrator's. */
export async function ensureDatabase(source: Source, { folder, ports, processes }: Place): Promise<Found> {
  if (source.kind === 'given')
    return given(source.url, 'DATABASE_ADMIN_URL', databaseAnswers(source.url), source.url);
  const port = ports.DATABASE_PORT;
  const fingerprint = `${source.kind} ${port}`;
  const known = processes.records.get('database')?.url;
  if (
    known !== undefined &&
    (await isRunning(processes, 'database', fingerprint, () => databaseAnswers(known)))
  )
    return { url: known, started: false };
  await processes.end('database');
  const logFile = processes.logFile('database');
  const record = { name: 'database', fingerprint, logFile, ports: [port] };
  if (source.kind === 'local') {
    const onStart = (pid: number) => processes.record({ ...record, pid });
    const dataDir = join(folder, 'data');
    const server = await startDatabase({ dataDir, port, log: logFile, detached: true, onStart });
    processes.record({ ...record, pid: server.pid, url: server.adminUrl });
    return { url: server.adminUrl, started: true };
  }
  const password = databaseRootPassword(folder);
  const url = `mysql://root:${password}@127.0.0.1:${port}/mysql`;
  const name = containerName(folder, 'database');
  await startContainer(processes, { ...record, url }, () => databaseAnswers(url), {
    name,
    image: process.env['DATABASE_IMAGE'] ?? 'mariadb:11.4',
    port,
    inside: 3306,
    environment: { MARIADB_ROOT_PASSWORD: password },
    volume: [name, '/var/lib/mysql'],
    args: [
      '--skip-name-resolve',
      '--character-set-server=utf8mb4',
      '--collation-server=utf8mb4_unicode_ci',
      '--default-time-zone=+00:00',
    ],
  });
  return { url, started: true };
}

/** Containers and volumes of this clone: two clones on one machine do not share them. */
export function containerName(folder: string, server: 'etcd' | 'database'): string {
  return `weft-${server}-${createHash('sha256').update(folder).digest('hex').slice(0, 8)}`;
}

async function given(
  shown: string,
  variable: string,
  answers: Promise<boolean>,
  url: string,
): Promise<Found> {
  if (await answers) return { url, started: false };
  throw new Error(`nothing answers at ${variable} (${shown.replace(/:[^:@/]+@/, ':***@')})`);
}

async function isRunning(
  processes: Processes,
  name: string,
  fingerprint: string,
  answers: () => Promise<boolean>,
): Promise<boolean> {
  const record = processes.records.get(name);
  if (record?.fingerprint !== fingerprint) return false;
  const runs =
    record.container === undefined
      ? processes.running(name, fingerprint) !== undefined
      : await containerRuns(record.container);
  return runs && (await answers());
}

async function startContainer(
  processes: Processes,
  record: Omit<Parameters<Processes['record']>[0], 'pid'>,
  answers: () => Promise<boolean>,
  container: Container,
): Promise<void> {
  processes.record({ ...record, pid: 0, container: container.name });
  await runContainer(container);
  if (await waitFor(answers, containerTimeoutMs)) return;
  throw new Error(`the container ${container.name} does not answer:\n${await containerLog(container.name)}`);
}

const httpUrl = (url: string) => url.split(',')[0]?.replace(/^(etcd:\/\/)?(?!http)/, 'http://') ?? url;
const etcdUrl = (url: string) =>
  url
    .replace(/^(https?|etcd):\/\//, '')
    .replace(/^/, 'etcd://')
    .replace(/\/$/, '');
