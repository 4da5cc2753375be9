import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import getPort from 'get-port';
import {
  startDatabase,
  startEtcd,
  type DatabaseServer,
  type EtcdServer,
} from '@weft/chassis/testing/servers';
import { all } from './all.ts';
import { identityFiles, type IdentityFiles } from './certificates.ts';
import { ensureDatabases, type DatabaseUrls } from './databases.ts';
import { callMethod, findMethod } from './grpc-call.ts';
import { readServedCalls } from './metrics.ts';
import { freePorts } from './ports.ts';
import { Processes } from './processes.ts';
import { registeredServices } from './etcd-state.ts';
import { adminLogin, type AdminLogin } from './secrets.ts';
import { bringUpShop, edgeUrl, startWorkload, type ShopOptions } from './shop.ts';
import { silent, type Steps } from './steps.ts';
import { workload, type WorkloadName } from './workloads.ts';

/** A running system of its own: what `make up` starts, for tests and measurements. */
export interface System {
  readonly edgeUrl: string;
  readonly admin: AdminLogin;
  /** As REGISTRY takes it. */
  readonly registryUrl: string;
  readonly databaseUrls: DatabaseUrls;
  readonly etcd: EtcdServer;
  readonly database: DatabaseServer;
  /** Certificate, key and CA of a workload or the operator. */
  identity(name: WorkloadName | 'operator'): IdentityFiles;
  /** A process by the name that `start` returned; the first of each workload has its name. */
  process(name: string): RunningProcess;
  /** `http://…/readyz` of a process. */
  readyUrl(name: string): string;
  /** Sends a signal; resolves when the process is gone, if the signal is one that ends it. */
  kill(name: string, signal: NodeJS.Signals): Promise<void>;
  /**
   * Starts a process and waits until it is ready: the workload's first again, on the ports it had, or,
   * with `instance` 2 and up, another beside it on ports of its own. Returns its name.
   */
  start(
    name: WorkloadName,
    options?: { readonly instance?: number; readonly env?: NodeJS.ProcessEnv },
  ): Promise<string>;
  /** Calls a gRPC method as the operator, with a user's token if given. JSON in and out; rejects with grpc-js's error. */
  call(method: string, request: object, token?: string): Promise<unknown>;
  /** The gRPC services that have an instance in etcd. */
  registered(): Promise<readonly string[]>;
  /** How many gRPC calls a process has served since it started, by its own metrics. */
  served(name: string): Promise<number>;
  /** Ends everything and removes its data. */
  stop(): Promise<void>;
}

export interface RunningProcess {
  readonly pid: number;
  /** Of gRPC; of HTTP for the edge. */
  readonly port: number;
  readonly adminPort: number;
}

/** Starts a whole system on free ports, with its data in a temporary folder. It ends with this process. */
export async function startSystem(options: { readonly steps?: Steps } = {}): Promise<System> {
  const steps = options.steps ?? silent;
  const folder = await mkdtemp(join(tmpdir(), 'weft-system-'));
  const processes = new Processes({ folder, detached: false });
  const servers: { stop(): Promise<void> }[] = [];
  const stop = async () => {
    await processes.endStarted();
    await Promise.all(servers.map((server) => server.stop()));
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const keep = <T extends { stop(): Promise<void> }>(server: T) => {
      servers.push(server);
      return server;
    };
    const [etcd, database] = await all([
      steps.run('etcd', async () => keep(await startEtcd())),
      steps.run('database', async () => keep(await startDatabase())),
    ]);
    const shop: ShopOptions = {
      folder,
      ports: await freePorts(),
      registry: etcd.url,
      databases: await ensureDatabases(database.adminUrl, folder),
      admin: adminLogin(folder),
      processes,
      steps,
    };
    await bringUpShop(shop);
    return { etcd, database, stop, ...operations(shop) };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** What can be done with a shop that {@link bringUpShop} has brought up. */
export type Operations = Omit<System, 'etcd' | 'database' | 'stop'>;

export function operations(shop: ShopOptions): Operations {
  const { processes, folder } = shop;
  const running = (name: string): RunningProcess => {
    const record = processes.records.get(name);
    const [adminPort, port] = record?.ports ?? [];
    if (record === undefined || adminPort === undefined || port === undefined)
      throw new Error(`${name} was not started`);
    return { pid: record.pid, port, adminPort };
  };
  return {
    edgeUrl: edgeUrl(shop),
    admin: shop.admin,
    registryUrl: shop.registry,
    databaseUrls: shop.databases,
    identity: (name) => identityFiles(folder, name),
    process: running,
    readyUrl: (name) => `http://127.0.0.1:${running(name).adminPort}/readyz`,
    kill: (name, signal) => processes.kill(name, signal),
    start: async (name, { instance = 1, env = {} } = {}) => {
      const as = instance === 1 ? name : `${name}-${instance}`;
      const port = () => getPort({ host: '127.0.0.1' });
      const own = name === 'edge' ? 'HTTP_PORT' : 'GRPC_PORT';
      const ports = instance === 1 ? {} : { [own]: String(await port()), ADMIN_PORT: String(await port()) };
      await startWorkload(workload(name), shop, { as, overrides: { ...ports, ...env } });
      return as;
    },
    call: (method, request, token) => {
      const { servedBy } = findMethod(method);
      if (servedBy === undefined) throw new Error(`the contract does not say who serves ${method}`);
      return callMethod({
        port: running(servedBy).port,
        identity: identityFiles(folder, 'operator'),
        method,
        request,
        token,
      });
    },
    registered: async () => [
      ...new Set((await registeredServices(shop.registry)).map(({ service }) => service)),
    ],
    served: async (name) => readServedCalls(running(name).adminPort),
  };
}
