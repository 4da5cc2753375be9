import { randomBytes } from 'node:crypto';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import {
  databaseAnswers,
  startDatabase,
  startEtcd,
  type DatabaseServer,
  type EtcdServer,
} from '@weft/chassis/testing/servers';
import { givenDatabase } from '@weft/chassis/testing/given-database';
import { mountBoundedDisk, type BoundedDisk } from './bounded-disk.ts';
import { kinds, type Fault, type Kind } from './schedule.ts';

/** Faults that cannot be had here, and why. */
export interface LeftOut {
  readonly kinds: readonly Kind[];
  readonly why: string;
}

/** The etcd and the database of a run: of its own, or given ones, which are used and not hurt. */
export interface Infrastructure {
  readonly etcd: EtcdServer | undefined;
  readonly database: DatabaseServer | undefined;
  readonly adminUrl: string;
  /** As REGISTRY takes it. */
  readonly registryUrl: string;
  /** What the names of the run's databases begin with. */
  readonly prefix: string;
  readonly leftOut: readonly LeftOut[];
  begin(fault: Fault): Promise<void>;
  end(fault: Fault): Promise<void>;
  /** Ends what it has started; with `keep` the data stay, in the folder or on the given server. */
  stop(keep: boolean): Promise<void>;
}

/**
 * Starts etcd and a database with its data on a small disk of its own, where this machine lets us mount one.
 * ETCD_URL and DATABASE_ADMIN_URL name servers to use instead.
 */
export async function startInfrastructure(
  folder: string,
  diskMegabytes: number,
  environment: NodeJS.ProcessEnv,
): Promise<Infrastructure> {
  const { ETCD_URL: etcdUrl = '', DATABASE_ADMIN_URL: databaseUrl = '' } = environment;
  const leftOut: LeftOut[] = [];
  if (etcdUrl !== '') leftOut.push({ kinds: kinds.etcd, why: 'etcd is given by ETCD_URL' });
  if (databaseUrl !== '')
    leftOut.push({ kinds: kinds.database, why: 'the database is given by DATABASE_ADMIN_URL' });
  const disk = databaseUrl === '' ? tryDisk(join(folder, 'disk'), diskMegabytes, leftOut) : undefined;
  const [etcd, database, given] = await Promise.all([
    etcdUrl === '' ? startEtcd({ dataDir: folder }) : undefined,
    databaseUrl === ''
      ? startDatabase({ dataDir: disk?.folder ?? folder, log: join(folder, 'mariadb.log') })
      : undefined,
    databaseUrl === '' ? undefined : givenDatabase(databaseUrl),
  ]);
  return {
    etcd,
    database,
    adminUrl: database?.adminUrl ?? databaseUrl,
    registryUrl: etcd?.url ?? `${etcdUrl.replace(/^http/, 'etcd')}/chaos-${randomBytes(4).toString('hex')}`,
    prefix: given?.prefix ?? 'weft_',
    leftOut,
    begin: ({ kind }) => begin(kind, etcd, database, disk),
    end: ({ kind }) => end(kind, etcd, database, disk),
    async stop(keep) {
      await etcd?.kill('SIGKILL');
      await database?.kill(keep ? 'SIGTERM' : 'SIGKILL');
      if (keep && disk !== undefined) cpSync(disk.folder, join(folder, 'database'), { recursive: true });
      disk?.remove();
      if (!keep) await given?.stop();
    },
  };
}

function tryDisk(folder: string, megabytes: number, leftOut: LeftOut[]): BoundedDisk | undefined {
  try {
    return mountBoundedDisk(folder, megabytes);
  } catch (error) {
    const why = `a small file system cannot be mounted here (${(error as Error).message.trim()})`;
    leftOut.push({ kinds: ['disk full'], why });
    return undefined;
  }
}

type Servers = [EtcdServer | undefined, DatabaseServer | undefined, BoundedDisk | undefined];

async function begin(kind: Kind, ...[etcd, database, disk]: Servers): Promise<void> {
  if (kind === 'database killed') await database?.kill('SIGKILL');
  if (kind === 'database frozen') await database?.kill('SIGSTOP');
  if (kind === 'disk full') disk?.fill();
  if (kind === 'etcd killed' || kind === 'etcd emptied') await etcd?.kill('SIGKILL');
  if (kind === 'etcd frozen') await etcd?.kill('SIGSTOP');
}

async function end(kind: Kind, ...[etcd, database, disk]: Servers): Promise<void> {
  if (kind === 'database killed') await database?.restart();
  if (kind === 'database frozen') await database?.kill('SIGCONT');
  if (kind === 'disk full') {
    disk?.free();
    // A server that gave up for want of room is started again, as its operator would.
    if (database !== undefined && !(await databaseAnswers(database.adminUrl))) await database.restart();
  }
  if (kind === 'etcd killed') await etcd?.restart();
  if (kind === 'etcd emptied') await etcd?.restart({ empty: true });
  if (kind === 'etcd frozen') await etcd?.kill('SIGCONT');
}
