import { isDeepStrictEqual } from 'node:util';
import { env, loadConfig } from '@weft/chassis/config';
import getPort from 'get-port';
import { onInterrupt } from '../interrupted.ts';
import { residentMb } from '../system/process-usage.ts';
import { cpuUs, startChild, type Child } from '../child.ts';
import { contenders, type Contender, type Wire } from './contenders.ts';
import { createFixture, type Fixture } from '../fixture.ts';
import { load, type LoadOptions } from './load.ts';
import { productPath } from '../product.ts';
import { tableOf, type Column } from '../table.ts';

const connections = 32;
const schema = {
  rounds: env.integer('BENCH_ROUNDS', { default: 8, min: 1, max: 100 }),
  seconds: env.number('BENCH_SECONDS', { default: 1, min: 0.1, max: 60 }),
  upstream: env.oneOf('BENCH_UPSTREAM', ['both', 'plaintext', 'mutual TLS'], { default: 'both' }),
};

/** What one round has shown of a contender. */
interface Round {
  /** Of its process, user and kernel mode, a request. */
  readonly cpuUs: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly residentMb: number;
}

const columns: readonly Column<Round>[] = [
  ['CPU µs', (round) => round.cpuUs, 1],
  ['req/s', (round) => round.perSecond, 0],
  ['p50 ms', (round) => round.p50Ms, 2],
  ['p99 ms', (round) => round.p99Ms, 2],
  ['RSS MB', (round) => round.residentMb, 0],
];

interface Running {
  readonly contender: Contender;
  readonly child: Child;
  readonly target: Pick<LoadOptions, 'port' | 'request' | 'body'>;
  readonly rounds: Round[];
}

/**
 * The same read of one product through every contender, each a process of its own before the same
 * upstream. They take turns, round by round, so that what else the machine does hits all alike; the
 * figures are medians over the rounds. Throws when one answers anything else than the others.
 */
export async function measureEdge(say: (text: string) => void): Promise<void> {
  const { rounds, seconds, upstream: wanted } = loadConfig(schema);
  const fixture = await createFixture();
  const children: Child[] = [];
  const remove = async () => {
    await Promise.all(children.map((child) => child.stop()));
    fixture.remove();
  };
  const through = onInterrupt(remove);
  try {
    const [plain, tls] = [await getPort(), await getPort()];
    const upstream = await startChild(
      [new URL('upstream.js', import.meta.url).pathname],
      { ...fixture.tls.catalog, PORT: String(plain), TLS_PORT: String(tls), KEYS: fixture.keys },
      [plain, tls],
    );
    children.push(upstream);
    for (const wire of [
      { name: 'plaintext', address: `127.0.0.1:${plain}` },
      { name: 'mutual TLS', address: `127.0.0.1:${tls}` },
    ] as const) {
      if (wanted !== 'both' && wanted !== wire.name) continue;
      say(
        `\nGET /v1/products/{id}, ${connections} connections, upstream over ${wire.name}; median of ${rounds} rounds of ${seconds} s`,
      );
      const running = await startAll(fixture, wire, children, say);
      for (const each of running) await warmUp(each);
      for (let round = 0; round < rounds; round++)
        for (const each of running) each.rounds.push(await oneRound(each, seconds));
      say(
        tableOf(
          running.map(({ contender: { name }, rounds: list }) => ({ name, rounds: list })),
          columns,
          { of: (round) => round.cpuUs, reference: 'Fastify + grpc-js' },
        ),
      );
      for (const { child } of running) await child.stop();
    }
  } finally {
    through();
    await remove();
  }
}

async function startAll(
  fixture: Fixture,
  wire: Wire,
  children: Child[],
  say: (text: string) => void,
): Promise<Running[]> {
  const running: Running[] = [];
  let expected: unknown;
  for (const contender of contenders(fixture, wire)) {
    const [port, admin] = [await getPort(), await getPort()];
    const ports = { PORT: String(port), HTTP_PORT: String(port), ADMIN_PORT: String(admin) };
    const child = await startChild(contender.args, { ...contender.env, ...ports }, [port]);
    children.push(child);
    const body = await firstAnswer(port, contender);
    say(`  ${contender.name}: ${body.toString()}`);
    const json: unknown = JSON.parse(body.toString());
    expected ??= json;
    if (!isDeepStrictEqual(json, expected)) throw new Error(`${contender.name} answers something else`);
    running.push({ contender, child, target: { port, request: requestOf(contender), body }, rounds: [] });
  }
  return running;
}

async function firstAnswer(port: number, { token, name }: Contender): Promise<Buffer> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const answer = await fetch(`http://127.0.0.1:${port}${productPath}`, { headers });
  if (answer.status !== 200) throw new Error(`${name}: ${answer.status} ${await answer.text()}`);
  return Buffer.from(await answer.arrayBuffer());
}

function requestOf({ token }: Contender): Buffer {
  const lines = [
    `GET ${productPath} HTTP/1.1`,
    'host: shop.test',
    'accept: application/json',
    'user-agent: bench',
    ...(token === undefined ? [] : [`authorization: Bearer ${token}`]),
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`);
}

/** Until everything is compiled and the heap has its size. */
async function warmUp({ target }: Running): Promise<void> {
  let sent = 0;
  for (const endsAt = Date.now() + 15_000; sent < 10_000 && Date.now() < endsAt;)
    sent += (await load({ ...target, connections, seconds: 0.5 })).count;
}

async function oneRound({ child, target }: Running, seconds: number): Promise<Round> {
  const before = cpuUs(child.pid);
  const result = await load({ ...target, connections, seconds });
  const used = cpuUs(child.pid) - before;
  const at = (share: number) => result.durationsMs[Math.ceil(result.count * share) - 1] ?? NaN;
  return {
    cpuUs: used / result.count,
    perSecond: result.count / result.seconds,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    residentMb: residentMb(child.pid),
  };
}
