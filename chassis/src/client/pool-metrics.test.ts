import { afterAll, expect, test } from '@jest/globals';
import { Metadata } from '@grpc/grpc-js';
import { metrics } from '@opentelemetry/api';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import type { UnaryResult } from './mesh.ts';
import { ServiceError } from '../errors.ts';
import { echoContract } from '../testing/echo.ts';
import { eventually } from '../testing/eventually.ts';
import { playMesh } from '../testing/played-mesh.ts';

class Reader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}
const reader = new Reader();
metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
afterAll(() => metrics.disable());

const contract = echoContract('test.Echo', {
  read: { idempotent: true },
  write: {},
  hedged: { hedgeAfterMs: 5, timeoutMs: 5_000 },
});

/** Each metric's values by their attributes that are not the service's name. */
async function scrape(): Promise<Record<string, Record<string, unknown>>> {
  const { resourceMetrics } = await reader.collect();
  return Object.fromEntries(
    resourceMetrics.scopeMetrics
      .flatMap(({ metrics: all }) => all)
      .map(({ descriptor, dataPoints }) => [
        descriptor.name.replace('weft.client.', ''),
        Object.fromEntries(
          dataPoints.map(({ attributes, value }) => {
            const { 'weft.service': _, ...others } = attributes;
            return [Object.values(others).join(), value];
          }),
        ),
      ]),
  );
}

test('a pool publishes its attempts, retries, ejections and instances, from 0 on', async () => {
  const down = () => Promise.reject(new ServiceError('UNAVAILABLE', 'DOWN', 'down'));
  const played = playMesh(contract, { a: { unary: down }, b: { unary: down } });
  const { mesh } = played;
  mesh.prepare(['test.Echo']);
  const before = await scrape();
  expect(before).toMatchObject({
    attempts: { '': 0 },
    retries: { '': 0 },
    'retries.forbidden': { '': 0 },
    hedges: { '': 0 },
    'hedges.won': { '': 0 },
    ejections: { consecutive: 0, rate: 0 },
    picks: { own: 0, other: 0 },
    panic: { '': 0 },
    'breaker.refused': { '': 0 },
    'breaker.state': { closed: 1, open: 0, half_open: 0 },
    'breaker.transitions': { closed: 0, open: 0, half_open: 0 },
    unserved: { '': 0 },
    waiting: { '': 0 },
    'retry.budget': { '': 10 },
    instances: { ready: 2, not_serving: 0, ejected: 0, connecting: 0 },
  });
  const read = () => mesh.unary('/test.Echo/read', Buffer.of()).catch(() => undefined);
  for (let i = 0; i < 10; i += 1) await read();
  const after = await scrape();
  expect(after).toMatchObject({
    ejections: { consecutive: 1, rate: 0 },
    instances: { ready: 1, ejected: 1, connecting: 0 },
  });
  const { attempts, retries, picks } = after;
  expect(picks).toEqual({ own: attempts?.[''], other: 0 });
  expect(Number(attempts?.['']) - Number(retries?.[''])).toBe(10);
  expect(Number(retries?.[''])).toBeGreaterThanOrEqual(10);
  expect(Number(after['retries.forbidden']?.[''])).toBeGreaterThan(0);
  played.tell([]);
  await expect(mesh.unary('/test.Echo/write', Buffer.of(), { timeoutMs: 20 })).rejects.toMatchObject({
    reason: 'NO_INSTANCE',
  });
  expect(await scrape()).toMatchObject({
    unserved: { '': 1 },
    instances: { ready: 0, ejected: 0, connecting: 0 },
  });
  await mesh.close();
});

test('picks are counted by zone', async () => {
  const answer = { message: Buffer.of(), headers: new Metadata(), trailers: new Metadata() };
  const behaviour = { unary: async () => answer };
  const zones = { a: 'here', b: 'there' };
  const played = playMesh(contract, { a: behaviour, b: behaviour }, { zone: 'here', zones });
  const { mesh } = played;
  const call = () => mesh.unary('/test.Echo/write', Buffer.of());
  for (let i = 0; i < 3; i += 1) await call();
  played.setReady('a', false);
  for (let i = 0; i < 2; i += 1) await call();
  expect((await scrape())['picks']).toEqual({ own: 3, other: 2 });
  await mesh.close();
});

test('hedges are counted, and those that won', async () => {
  const answers = [Promise.withResolvers<UnaryResult>(), Promise.withResolvers<UnaryResult>()];
  const asked = [0, 0];
  const behaviour = (i: 0 | 1) => ({
    unary: () => {
      asked[i] = (asked[i] ?? 0) + 1;
      return answers[i]?.promise ?? Promise.reject(new Error('no answer'));
    },
  });
  const { mesh } = playMesh(contract, { a: behaviour(0), b: behaviour(1) });
  const call = mesh.unary('/test.Echo/hedged', Buffer.of());
  const first = asked[0] === 1 ? 0 : 1;
  await eventually(() => expect(asked).toEqual([1, 1]));
  expect(await scrape()).toMatchObject({
    attempts: { '': 2 },
    hedges: { '': 1 },
    'hedges.won': { '': 0 },
    retries: { '': 0 },
  });
  const result = { message: Buffer.of(), headers: new Metadata(), trailers: new Metadata() };
  answers[1 - first]?.resolve(result);
  expect(await call).toBe(result);
  expect(await scrape()).toMatchObject({ hedges: { '': 1 }, 'hedges.won': { '': 1 } });
  await mesh.close();
});

test('a thousand instances that come and go are no more series than two', async () => {
  const played = playMesh(contract, { a: {} });
  const { mesh } = played;
  mesh.prepare(['test.Echo']);
  const few = JSON.stringify(
    Object.entries(await scrape()).map(([name, series]) => [name, Object.keys(series)]),
  );
  for (let i = 0; i < 1_000; i += 1) played.tell([`10.0.0.1:${i + 1}`]);
  const many = Object.entries(await scrape()).map(([name, series]) => [name, Object.keys(series)]);
  expect(JSON.stringify(many)).toBe(few);
  await mesh.close();
});
