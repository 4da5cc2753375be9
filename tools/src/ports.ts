import { createServer } from 'node:net';
import getPort from 'get-port';
import { env, loadConfig } from '@weft/chassis/config';

/** Every port of a system: the variable that sets it, and its default in `make up`. */
const defaults = {
  EDGE_PORT: 8080,
  CATALOG_PORT: 50051,
  IDENTITY_PORT: 50052,
  ORDERING_PORT: 50053,
  EDGE_ADMIN_PORT: 9080,
  CATALOG_ADMIN_PORT: 9051,
  IDENTITY_ADMIN_PORT: 9052,
  ORDERING_ADMIN_PORT: 9053,
  ETCD_PORT: 12379,
  ETCD_PEER_PORT: 12380,
  DATABASE_PORT: 13306,
};

export type PortName = keyof typeof defaults;
export type Ports = Readonly<Record<PortName, number>>;
const portNames = Object.keys(defaults) as PortName[];

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
