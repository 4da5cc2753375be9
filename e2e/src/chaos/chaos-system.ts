import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import getPort from 'get-port';
import { ensureDatabases, type DatabaseUrls } from '@weft/tools/databases';
import { freePorts, portVariables } from '@weft/tools/ports';
import { Processes } from '@weft/tools/processes';
import { isAlive } from '@weft/tools/records';
import { adminLogin } from '@weft/tools/secrets';
import { bringUpShop, type ShopOptions } from '@weft/tools/shop';
import { silent } from '@weft/tools/steps';
import { operations, type Operations } from '@weft/tools/system';
import { workloads, type WorkloadName } from '@weft/tools/workloads';
import { startInfrastructure, type Infrastructure } from './infrastructure.ts';
import { startOneWayRelay, type OneWayRelay } from './one-way-relay.ts';

/** Services listen on the first; the mesh knows the second, where a relay passes on. Both are loopback. */
const [listenHost, advertiseHost] = ['127.0.0.1', '127.0.0.2'];
const instances = 2;

/** A whole system with several instances of everything, every link of which can be cut. */
export interface ChaosSystem extends Operations {
  readonly infrastructure: Infrastructure;
  /** Past the relays. */
  readonly databaseUrls: DatabaseUrls;
  readonly edgeUrls: readonly string[];
  /** The names of all processes: `catalog`, `catalog-2`, … */
  readonly processes: readonly string[];
  readonly links: ReadonlyMap<string, OneWayRelay>;
  readonly clockFolder: string;
  /** Kills a process. */
  takeDown(name: string): Promise<void>;
  /** Sends a signal that ends nothing; nothing happens if the process is gone. */
  signal(name: string, signal: NodeJS.Signals): void;
  /** The processes that ended by themselves. */
  crashed(): readonly string[];
  /** Starts a process that is down, on its ports, as an orchestrator does: until it runs. */
  startAgain(name: string): Promise<void>;
  stop(keep: boolean): Promise<void>;
}

/** Starts it in `folder`, which must be empty. */
export async function startChaosSystem(
  folder: string,
  diskMegabytes: number,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<ChaosSystem> {
  const clockFolder = join(folder, 'clock');
  mkdirSync(clockFolder, { recursive: true });
  const infrastructure = await startInfrastructure(folder, diskMegabytes, environment);
  const processes = new Processes({ folder, detached: false });
  const links = new Map<string, OneWayRelay>();
  const down = new Set<string>();
  let stopping = false;
  const stop = async (keep: boolean): Promise<void> => {
    stopping = true;
    const alive = processes.records.all().filter(isAlive);
    await Promise.all(alive.map(({ name }) => processes.kill(name, 'SIGKILL')));
    await processes.endStarted();
    for (const link of links.values()) link.close();
    await infrastructure.stop(keep);
    if (!keep) rmSync(folder, { recursive: true, force: true });
  };
  try {
    const ports = await freePorts();
    const link = async (name: string, host: string, from: number | undefined, to: number) => {
      const relay = await startOneWayRelay(
        { host, ...(from === undefined ? {} : { port: from }) },
        { port: to },
      );
      links.set(name, relay);
      return relay.port;
    };
    const databaseUrls = await ensureDatabases(infrastructure.adminUrl, folder, infrastructure.prefix);
    const databases: Record<string, string> = {};
    for (const [name, url] of Object.entries(databaseUrls))
      databases[name] = await relayed(url, (port) => link(`${name} → database`, listenHost, undefined, port));
    const registry =
      infrastructure.etcd === undefined
        ? infrastructure.registryUrl
        : await relayed(infrastructure.registryUrl, (port) =>
            link('all → etcd', listenHost, undefined, port),
          );
    const shop: ShopOptions = {
      folder,
      ports,
      registry,
      databases,
      admin: adminLogin(folder),
      processes,
      steps: silent,
      env: {
        ADVERTISE_HOST: advertiseHost,
        CHAOS_CLOCK_FOLDER: clockFolder,
        NODE_OPTIONS: `--import=${clockModule()}`,
      },
    };
    const names = new Map<string, { workload: WorkloadName; instance: number; env: NodeJS.ProcessEnv }>();
    for (const { name } of workloads)
      for (let instance = 1; instance <= instances; instance++) {
        const as = instance === 1 ? name : `${name}-${instance}`;
        const port = instance === 1 ? ports[portVariables(name).port] : await getPort({ host: listenHost });
        const own = name === 'edge' ? 'HTTP_PORT' : 'GRPC_PORT';
        const admin = String(await getPort({ host: listenHost }));
        const env = instance === 1 ? {} : { [own]: String(port), ADMIN_PORT: admin };
        names.set(as, { workload: name, instance, env });
        if (name !== 'edge') await link(`others → ${as}`, advertiseHost, port, port);
      }
    await bringUpShop(shop);
    const system = operations(shop);
    const start = async (name: string) => {
      const known = names.get(name);
      if (known === undefined) throw new Error(`no process is called ${name}`);
      await system.start(known.workload, { instance: known.instance, env: known.env });
    };
    const others = [...names].filter(([, { instance }]) => instance > 1).map(([name]) => name);
    await Promise.all(others.map(start));
    return {
      ...system,
      infrastructure,
      databaseUrls,
      links,
      clockFolder,
      processes: [...names.keys()],
      edgeUrls: [...names.keys()]
        .filter((name) => name.startsWith('edge'))
        .map((name) => `http://${listenHost}:${system.process(name).port}`),
      takeDown: async (name) => {
        down.add(name);
        await processes.kill(name, 'SIGKILL');
      },
      signal: (name, signal) => {
        const record = processes.records.get(name);
        if (record !== undefined && isAlive(record)) process.kill(record.pid, signal);
      },
      crashed: () => {
        const isDown = (name: string) => {
          const record = processes.records.get(name);
          return record === undefined || !isAlive(record);
        };
        return [...names.keys()].filter((name) => !down.has(name) && isDown(name));
      },
      startAgain: async (name) => {
        down.add(name);
        for (;;)
          try {
            await start(name);
            return void down.delete(name);
          } catch (error) {
            // What it needs at its start, such as its database, may be away.
            if (stopping) throw error;
          }
      },
      stop,
    };
  } catch (error) {
    await stop(false);
    throw error;
  }
}

/** The same URL on the port of a relay in front of its server. */
async function relayed(url: string, link: (to: number) => Promise<number>): Promise<string> {
  const parsed = new URL(url);
  parsed.port = String(await link(Number(parsed.port || 3306)));
  return parsed.href;
}

/** Beside this one, compiled or not. */
function clockModule(): string {
  const file = import.meta.url.endsWith('.ts') ? './shifted-clock.ts' : './shifted-clock.js';
  return fileURLToPath(new URL(file, import.meta.url));
}
