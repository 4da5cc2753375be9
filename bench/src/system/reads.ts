import { setTimeout as sleep } from 'node:timers/promises';
import { percentiles } from '@weft/tools/percentiles';
import { allProducts } from '@weft/tools/shop-api';
import { workloads } from '@weft/tools/workloads';
import { closedLoop } from './closed-loop.ts';
import { HttpClient } from './http-client.ts';
import type { PrivateSystem } from './private-system.ts';
import { cpuMs, residentMb } from './process-usage.ts';

const settleMs = 5_000;
const requests = 100_000;
const maxSeconds = 150;

/** Resident memory of the four processes, each and together. */
export function memory(system: PrivateSystem): { readonly text: string; readonly totalMb: number } {
  const each = workloads.map(({ name }) => ({ name, mb: residentMb(system.pid(name)) }));
  const totalMb = each.reduce((sum, { mb }) => sum + mb, 0);
  const parts = each.map(({ name, mb }) => `${name} ${Math.round(mb)}`).join(', ');
  return { text: `${Math.round(totalMb)} MB (${parts})`, totalMb };
}

/** Reads of single products through the edge: rate, latency, CPU; and what 100,000 of them do to memory. */
export async function measureReads(system: PrivateSystem): Promise<string> {
  const products = await allProducts(system.url);
  const client = new HttpClient(system.url, 32);
  const read = (index: number) => client.send('GET', `/v1/products/${products[index % products.length]?.id}`);
  // Until the heaps have the size that this load needs.
  await closedLoop({ workers: 32, count: 20_000, seconds: 30 }, read);
  await sleep(settleMs);
  const before = memory(system);
  const cpu = () => (['edge', 'catalog'] as const).map((name) => cpuMs(system.pid(name)));
  const [edgeBefore = 0, catalogBefore = 0] = cpu();
  const result = await closedLoop({ workers: 32, count: requests, seconds: maxSeconds }, read);
  const [edgeAfter = 0, catalogAfter = 0] = cpu();
  client.close();
  await sleep(settleMs);
  const after = memory(system);
  const each = (ms: number) => `${Math.round((ms * 1000) / result.count)} µs`;
  return [
    `REST reads           ${Math.round(result.count / result.seconds)}/s, 32 connections, ${percentiles(result.durationsMs)}`,
    `                     CPU each: edge ${each(edgeAfter - edgeBefore)}, catalog ${each(catalogAfter - catalogBefore)}`,
    `memory over ${result.count}   ${before.text} before, ${after.text} after: ${Math.round(after.totalMb - before.totalMb)} MB`,
  ].join('\n');
}
