import { createServer } from 'node:net';
import getPort from 'get-port';
import { env, loadConfig } from '@weft/chassis/config';
import { workloads, type WorkloadName } from './workloads.ts';

const serverPorts = { ETCD_PORT: 12379, ETCD_PEER_PORT: 12380, DATABASE_PORT: 13306 };

type WorkloadPort = `${Uppercase<WorkloadName>}${'' | '_ADMIN'}_PORT`;
export type PortName = WorkloadPort | keyof typeof serverPorts;
export type Ports = Readonly<Record<PortName, number>>;

/** Every port of a system: the variable that sets it, and its default in `make up`. */
const defaults = {
  ...Object.fromEntries(
    workloads.flatMap(({ name, port, adminPort }) => {
      const variables = portVariables(name);
      return [
        [variables.port, port],
        [variables.adminPort, adminPort],
      ];
    }),
  ),
  ...serverPorts,
} as Ports;
const portNames = Object.keys(defaults) as PortName[];

/** The variables that set a workload's ports. */
export function portVariables(name: WorkloadName): { readonly port: PortName; readonly adminPort: PortName } {
  const upper = name.toUpperCase() as Uppercase<WorkloadName>;
  return { port: `${upper}_PORT`, adminPort: `${upper}_ADMIN_PORT` };
}

/** The ports that the environment asks for. Throws a ConfigError that names every fault. */
export function portsFromEnvironment(source: NodeJS.ProcessEnv = process.env): Ports {
  const schema = Object.fromEntries(
    portNames.map((name) => [name, env.integer(name, { default: defaults[name], min: 1, max: 65_535 })]),
  );
  return loadConfig(schema, source) as Ports;
}

/** Free ports, for tests. */
export async function freePorts(): Promise<Ports> {
  const entries = portNames.map(async (name) => [name, await getPort({ host: '127.0.0.1' })] as const);
  return Object.fromEntries(await Promise.all(entries)) as Ports;
}

/**
 * Throws an error that names each of these ports that another process holds, and the variable that
 * moves it.
 */
export async function assertFree(ports: Partial<Ports>): Promise<void> {
  const wanted = Object.entries(ports) as [PortName, number][];
  const taken = await Promise.all(
    wanted.map(async ([name, port]) => ((await isFree(port)) ? [] : [{ name, port }])),
  );
  const lines = taken
    .flat()
    .map(({ name, port }) => `port ${port} is taken: end what holds it, or choose another with ${name}=…`);
  if (lines.length > 0) throw new Error(lines.join('\n'));
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
