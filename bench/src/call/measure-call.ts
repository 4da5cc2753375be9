import { env, loadConfig } from '@weft/chassis/config';
import getPort from 'get-port';
import { cpuUs, startChild, type Child } from '../child.ts';
import { audience, createFixture, issuer, type Fixture } from '../fixture.ts';
import { onInterrupt } from '../interrupted.ts';
import { tableOf, type Column } from '../table.ts';
import type { Calls, Load } from './calls.ts';

const concurrency = 32;
const warmUpSeconds = 4;
const schema = {
  rounds: env.integer('BENCH_ROUNDS', { default: 8, min: 1, max: 100 }),
  seconds: env.number('BENCH_SECONDS', { default: 1, min: 0.1, max: 60 }),
};

interface Round extends Calls {
  /** Of each process, user and kernel mode, a call. */
  readonly callerUs: number;
  readonly serverUs: number;
}

const columns: readonly Column<Round>[] = [
  ['caller', (round) => round.callerUs, 1],
  ['server', (round) => round.serverUs, 1],
  ['both µs', (round) => round.callerUs + round.serverUs, 1],
  ['calls/s', (round) => round.count / round.seconds, 0],
  ['p50 ms', (round) => round.p50Ms, 2],
  ['p99 ms', (round) => round.p99Ms, 2],
];

interface Pair {
  readonly name: string;
  readonly caller: Child;
  readonly server: Child;
  readonly rounds: Round[];
}

/**
 * One unary call from service to service over mutual TLS, each a process: bare grpc-js against all that the
 * chassis does. They take turns, round by round, so that what else the machine does hits all alike. Throws
 * when a call fails.
 */
export async function measureCall(say: (text: string) => void): Promise<void> {
  const { rounds, seconds } = loadConfig(schema);
  const fixture = await createFixture();
  const children: Child[] = [];
  const remove = async () => {
    await Promise.all(children.map((child) => child.stop()));
    fixture.remove();
  };
  const through = onInterrupt(remove);
  try {
    say(
      `\nGetProduct, service to service over mutual TLS, ${concurrency} calls at a time; CPU µs a call, median of ${rounds} rounds of ${seconds} s`,
    );
    const pairs = [
      await bare(fixture, children),
      await chassis('chassis', fixture, children),
      await chassis('chassis, user token', fixture, children, fixture.token),
    ];
    for (const pair of pairs) await load(pair, { concurrency, seconds: warmUpSeconds });
    for (let round = 0; round < rounds; round++)
      for (const pair of pairs) pair.rounds.push(await load(pair, { concurrency, seconds }));
    const both = { of: (round: Round) => round.callerUs + round.serverUs, reference: 'grpc-js' };
    say(tableOf(pairs, columns, both));
  } finally {
    through();
    await remove();
  }
}

async function bare({ tls }: Fixture, children: Child[]): Promise<Pair> {
  const port = await getPort();
  const server = await child('bare-server', { ...tls.catalog, PORT: String(port) }, [port], children);
  const caller = await child('bare-caller', { ...tls.edge, UPSTREAM: `127.0.0.1:${port}` }, [], children);
  return { name: 'grpc-js', caller, server, rounds: [] };
}

/** Both processes have everything on that a service has: metrics, admin port, discovery, limits. */
async function chassis(name: string, fixture: Fixture, children: Child[], token?: string): Promise<Pair> {
  const { tls, keys, userContract } = fixture;
  const [port, admin, callerPort, callerAdmin] = await Promise.all([
    getPort(),
    getPort(),
    getPort(),
    getPort(),
  ]);
  const common = {
    REGISTRY: `static:catalog=127.0.0.1:${port}`,
    LOG_LEVEL: 'warn',
    TOKEN_ISSUER: issuer,
    TOKEN_AUDIENCE: audience,
    ...(token === undefined ? {} : { DESCRIPTORS: userContract, TOKEN: token }),
  };
  const ports = (grpc: number, adminPort: number) => ({
    GRPC_PORT: String(grpc),
    ADMIN_PORT: String(adminPort),
  });
  const server = await child(
    'chassis-server',
    { ...tls.catalog, ...common, ...ports(port, admin), KEYS: keys },
    [port],
    children,
  );
  const caller = await child(
    'chassis-caller',
    {
      ...tls.edge,
      ...common,
      ...ports(callerPort, callerAdmin),
      TOKEN_KEYS: 'shop.identity.v1.KeyService/GetKeySet',
    },
    [callerPort],
    children,
  );
  return { name, caller, server, rounds: [] };
}

async function child(
  name: string,
  environment: Readonly<Record<string, string>>,
  ports: readonly number[],
  children: Child[],
): Promise<Child> {
  const started = await startChild([new URL(`${name}.js`, import.meta.url).pathname], environment, ports);
  children.push(started);
  return started;
}

async function load({ caller, server }: Pair, wanted: Load): Promise<Round> {
  const cpu = () => [cpuUs(caller.pid), cpuUs(server.pid)] as const;
  const before = cpu();
  const calls = (await caller.ask(wanted)) as Calls;
  const after = cpu();
  const [callerUs, serverUs] = [(after[0] - before[0]) / calls.count, (after[1] - before[1]) / calls.count];
  return { ...calls, callerUs, serverUs };
}
