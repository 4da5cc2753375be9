import { context, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { afterAll, afterEach, beforeAll, expect, test, jest } from '@jest/globals';
import { execute } from '../data/statement.ts';
import { uuidToBytes } from '../data/uuid.ts';
import { redrive } from './queued-messages.ts';
import { lapse, toyDatabases, type ToyDatabases } from './toy-databases.test.support.ts';
import { eventually } from '../testing/eventually.ts';
import { ToyShop } from './toy-shop.test.support.ts';

const exporter = new InMemorySpanExporter();
jest.setTimeout(30_000);

let databases: ToyDatabases;
let shop: ToyShop;

beforeAll(async () => {
  trace.setGlobalTracerProvider(
    new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }),
  );
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  databases = await toyDatabases();
});
afterEach(() => shop.stop());
afterAll(async () => {
  trace.disable();
  context.disable();
  propagation.disable();
  await databases.close();
});

/** Places an order within a span of its own; answers its ids. */
async function traced(): Promise<{ id: string; traceId: string }> {
  await shop.stock(10);
  const user = await shop.buyer(5);
  return trace.getTracer('test').startActiveSpan('request', async (span) => {
    const id = await shop.order(user, 1);
    span.end();
    return { id, traceId: span.spanContext().traceId };
  });
}

const confirmed = (id: string) => eventually(async () => (await shop.status(id)) === 'CONFIRMED');
const deliveries = (id: string) =>
  exporter
    .getFinishedSpans()
    .filter((span) => span.name === 'saga.deliver' && span.attributes['weft.saga.id'] === id);

test('what is sent at once belongs to the trace that queued it, from hop to hop, and the log says which', async () => {
  shop = new ToyShop(databases);
  shop.run();
  const { id, traceId } = await traced();
  await confirmed(id);
  await eventually(() => deliveries(id).length === 4);
  expect(new Set(deliveries(id).map((span) => span.spanContext().traceId))).toEqual(new Set([traceId]));
  const [event] = (await shop.sagas[0]?.events(id)) ?? [];
  expect(event?.traceId).toBe(traceId);
});

test('what is sent late is a trace of its own, linked to the one that queued it', async () => {
  shop = new ToyShop(databases);
  const { id, traceId } = await traced();
  await execute(
    databases.office.kysely,
    'UPDATE saga_outbox SET created_at = UTC_TIMESTAMP(3) - INTERVAL 6 SECOND',
  );
  await lapse(databases);
  shop.run();
  await confirmed(id);
  const [late] = deliveries(id);
  expect(late?.spanContext().traceId).not.toBe(traceId);
  expect(late?.parentSpanContext).toBeUndefined();
  expect(late?.links.map((link) => link.context.traceId)).toEqual([traceId]);
});

test('what an operator sends again is a trace of its own, however soon, linked to the one that queued it', async () => {
  shop = new ToyShop(databases);
  const { id, traceId } = await traced();
  const { kysely } = databases.office;
  await execute(kysely, "UPDATE saga_outbox SET state = 'parked' WHERE saga_id = ?", [uuidToBytes(id)]);
  await databases.office.transaction((tx) => redrive(tx, { $case: 'sagaId', value: uuidToBytes(id) }));
  shop.run();
  await confirmed(id);
  const [again] = deliveries(id);
  expect(again?.spanContext().traceId).not.toBe(traceId);
  expect(again?.links.map((link) => link.context.traceId)).toEqual([traceId]);
});

test('a statement has a span with its SQL and never its values', async () => {
  shop = new ToyShop(databases);
  exporter.reset();
  await trace.getTracer('test').startActiveSpan('request', async (span) => {
    await execute(databases.bank.kysely, 'SELECT ? AS secret', ['hunter2']);
    span.end();
  });
  const [statement] = exporter.getFinishedSpans();
  expect(statement?.name).toBe('SELECT');
  expect(statement?.attributes).toMatchObject({
    'db.system.name': 'mysql',
    'db.operation.name': 'SELECT',
    'db.query.text': 'SELECT ? AS secret',
    'server.address': '127.0.0.1',
  });
  expect(JSON.stringify(statement?.attributes)).not.toContain('hunter2');
});
