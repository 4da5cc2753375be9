import type { AddressInfo } from 'node:net';
import { createServer } from 'node:http';
import { startSystem, type System } from '@weft/tools/system';
import { allProducts } from '@weft/tools/shop-api';
import { onInterrupt } from '../interrupted.ts';
import { closedLoop } from './closed-loop.ts';
import { HttpClient } from './http-client.ts';
import { cpuMs } from './process-usage.ts';

const workers = 16;
const warmUps = 4_000;
const reads = 12_000;
const rounds = 2;
const processes = ['edge', 'catalog'] as const;

/** What a process is started with; undefined: traces are not exported. */
const variants = [
  { name: 'off', sampled: undefined },
  { name: '1%', sampled: 0.01 },
  { name: '100%', sampled: 1 },
] as const;

/** CPU of one read in the edge and in catalog, without tracing, with it at 1% and at 100%. */
export async function measureTracing(say: (text: string) => void): Promise<void> {
  const sink = await startSink();
  const system = await startSystem();
  const clean = async () => {
    sink.close();
    await system.stop();
  };
  const through = onInterrupt(clean);
  try {
    const products = await allProducts(system.edgeUrl);
    const best = new Map(variants.map(({ name }) => [name as string, processes.map(() => Infinity)]));
    // In turns, and the best of each: what else the machine does can only add.
    for (let round = 0; round < rounds; round += 1)
      for (const { name, sampled } of variants) {
        await restart(system, sampled === undefined ? {} : tracing(sink.url, sampled));
        const micros = await measure(system, products);
        best.set(
          name,
          (best.get(name) ?? micros).map((before, i) => Math.min(before, micros[i] ?? before)),
        );
      }
    for (const { name } of variants) {
      const each = processes.map((process, i) => `${process} ${Math.round(best.get(name)?.[i] ?? NaN)} µs`);
      say(`tracing ${name.padEnd(12)} ${each.join(', ')} of CPU per read`);
    }
  } finally {
    through();
    await clean();
  }
}

function tracing(url: string, sampled: number): NodeJS.ProcessEnv {
  return { OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_TRACES_SAMPLER_ARG: String(sampled) };
}

async function restart(system: System, env: NodeJS.ProcessEnv): Promise<void> {
  for (const name of processes) {
    await system.kill(name, 'SIGTERM');
    await system.start(name, { env });
  }
}

/** Microseconds of each process for one read. */
async function measure(system: System, products: readonly { readonly id: string }[]): Promise<number[]> {
  const client = new HttpClient(system.edgeUrl, workers);
  const read = (index: number) => client.send('GET', `/v1/products/${products[index % products.length]?.id}`);
  const cpu = () => processes.map((name) => cpuMs(system.process(name).pid));
  await closedLoop({ workers, count: warmUps, seconds: 60 }, read);
  const before = cpu();
  const { count } = await closedLoop({ workers, count: reads, seconds: 60 }, read);
  const after = cpu();
  client.close();
  return after.map((ms, i) => ((ms - (before[i] ?? 0)) * 1_000) / count);
}

/** Takes what is exported and keeps nothing of it. */
async function startSink(): Promise<{ readonly url: string; close(): void }> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
