import { describe, expect, test } from '@jest/globals';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import type { ExportedSpan } from '@weft/chassis/testing/otlp-receiver';
import { GetProductRequest } from '@weft/proto/shop/catalog/v1/product';
import { expectOk, Rest, until } from '../rest.ts';
import type { World } from './world.ts';

const clientSpan = '00f067aa0ba902b7';
const id = (digit: string) => digit.repeat(32);
const traceparent = (traceId: string, sampled = '01') => ({
  traceparent: `00-${traceId}-${clientSpan}-${sampled}`,
});

/** A trace as a tree: `service KIND name`, each level two spaces deeper. */
function tree(spans: readonly ExportedSpan[], parent: string, depth = 0): string[] {
  const children = spans.filter(({ parentSpanId }) => parentSpanId === parent);
  return children.flatMap(({ service, kind, name, spanId }) => [
    `${'  '.repeat(depth)}${service} ${kind} ${name}`,
    ...tree(spans, spanId, depth + 1),
  ]);
}

/** What is exported of running shops, as a collector receives it. */
export function traces(world: () => World): void {
  const ofTrace = (traceId: string) => world().ofTrace(traceId);

  describe('one trace', () => {
    test('goes from the REST request through every hop of the saga to its SQL, and continues that of the client', async () => {
      const traceId = id('a');
      const body = { items: [{ productId: world().product.id, quantity: 1 }] };
      const order = expectOk(
        await world().rest.post('/v1/orders', body, world().buyer.token, traceparent(traceId)),
      );
      await world().rest.settled(world().buyer.token, order.id);
      const lastHop = 'shop.catalog.v1.StockService/Commit';
      const spans = await until(
        async () => ofTrace(traceId),
        (all) =>
          all.some(({ name, kind }) => name === lastHop && kind === 'SERVER') &&
          all.some(({ kind, name }) => kind === 'SERVER' && name === 'POST /v1/orders') &&
          tree(all, clientSpan).length === all.length,
        20_000,
      );
      const lines = tree(spans, clientSpan).filter(
        (line) => !/ transaction$| CLIENT [A-Z]|KeyService/.test(line),
      );
      expect(lines.map((line) => line.trim())).toEqual([
        'edge SERVER POST /v1/orders',
        'edge CLIENT shop.ordering.v1.OrderService/PlaceOrder',
        'ordering SERVER shop.ordering.v1.OrderService/PlaceOrder',
        'ordering INTERNAL saga.deliver',
        'ordering CLIENT shop.catalog.v1.StockService/Reserve',
        'catalog SERVER shop.catalog.v1.StockService/Reserve',
        'catalog INTERNAL saga.deliver',
        'catalog CLIENT shop.identity.v1.WalletService/Charge',
        'identity SERVER shop.identity.v1.WalletService/Charge',
        'identity INTERNAL saga.deliver',
        'identity CLIENT shop.ordering.v1.OrderSagaService/Confirm',
        'ordering SERVER shop.ordering.v1.OrderSagaService/Confirm',
        'ordering INTERNAL saga.deliver',
        'ordering CLIENT shop.catalog.v1.StockService/Commit',
        `catalog SERVER ${lastHop}`,
      ]);
      const deliveries = spans.filter(({ name }) => name === 'saga.deliver');
      expect(deliveries.map(({ attributes, links }) => [attributes['weft.saga.id'], links])).toEqual(
        deliveries.map(() => [order.id, []]),
      );
      expect(spans.map(({ status }) => status).filter((status) => status === 'ERROR')).toEqual([]);

      const one = (service: string, kind: string, name: string) =>
        spans.find((span) => span.service === service && span.kind === kind && span.name.startsWith(name))
          ?.attributes;
      const method = 'shop.ordering.v1.OrderService/PlaceOrder';
      expect(one('edge', 'SERVER', 'POST')).toEqual({
        'http.request.method': 'POST',
        'url.scheme': 'http',
        'url.path': '/v1/orders',
        'http.route': '/v1/orders',
        'http.response.status_code': 200,
        'network.protocol.version': '1.1',
        'rpc.method': method,
        'rpc.status_code': 'OK',
      });
      const call = { 'rpc.system.name': 'grpc', 'rpc.method': method, 'rpc.status_code': 'OK' };
      expect(one('edge', 'CLIENT', method)).toEqual({ ...call, 'server.address': 'ordering' });
      expect(one('ordering', 'SERVER', method)).toEqual(call);
      expect(one('catalog', 'CLIENT', 'UPDATE reservation')).toMatchObject({
        'db.system.name': 'mysql',
        'db.namespace': 'weft_catalog',
        'db.operation.name': 'BATCH',
        'db.query.summary': 'UPDATE reservation; SELECT reservation',
        'db.query.text': expect.stringContaining('WHERE reservation.saga_id = ?'),
        'server.address': '127.0.0.1',
        'server.port': expect.any(Number),
      });
    }, 40_000);

    test.each([
      ['Connect', 'b'],
      ['gRPC', 'e'],
    ])(
      'of a call by %s has its hops too, and says how the call ended',
      async (protocol, digit) => {
        const traceId = id(digit);
        await (protocol === 'gRPC' ? byGrpc : byConnect)(world(), traceId);
        const path = 'shop.catalog.v1.ProductService/GetProduct';
        const spans = await until(
          async () => ofTrace(traceId),
          (all) => all.length >= 4 && tree(all, clientSpan).length === all.length,
          20_000,
        );
        expect(tree(spans, clientSpan)).toEqual([
          `edge SERVER POST /${path}`,
          `  edge CLIENT ${path}`,
          `    catalog SERVER ${path}`,
          expect.stringMatching(/^ {6}catalog CLIENT SELECT product/),
        ]);
        // The caller's failure is none of the server's.
        expect(spans.map(({ kind, status }) => [kind, status])).toEqual(
          expect.arrayContaining([
            ['SERVER', 'UNSET'],
            ['CLIENT', 'ERROR'],
          ]),
        );
        const server = spans.filter(({ kind }) => kind === 'SERVER');
        for (const { attributes, status } of server) {
          expect([attributes['rpc.status_code'], attributes['error.type'], status]).toEqual([
            'NOT_FOUND',
            undefined,
            'UNSET',
          ]);
        }
      },
      30_000,
    );

    test('is recorded where the client says so, and nowhere where it says no', async () => {
      const edge = await world().system.start('edge', {
        instance: 2,
        env: { OTEL_TRACES_SAMPLER_ARG: '0', RATE_LIMIT_PER_ADDRESS: '1000/s' },
      });
      const never = new Rest(`http://127.0.0.1:${world().system.process(edge).port}`);
      const read = (through: Rest, headers = {}) =>
        through.call('GET', '/v1/products?pageSize=1', { headers });
      expectOk(await read(world().rest, traceparent(id('d'), '00')));
      expectOk(await read(never));
      expectOk(await read(never, traceparent(id('c'))));
      await until(
        async () => ofTrace(id('c')),
        (all) => new Set(all.map(({ service }) => service)).size === 2,
        20_000,
      );
      expect(ofTrace(id('d'))).toEqual([]);
      // What the second edge began by itself is in nobody's export; the client's trace is in it once.
      const roots = world().receiver.spans.filter(
        ({ kind, name }) => kind === 'SERVER' && name === 'GET /v1/products',
      );
      expect(roots.filter(({ traceId }) => traceId === id('c'))).toHaveLength(1);
    }, 40_000);
  });
}

const unknownProduct = '01a20000-0000-7000-8000-000000000000';

async function byConnect({ system }: World, traceId: string): Promise<void> {
  const answer = await fetch(`${system.edgeUrl}/shop.catalog.v1.ProductService/GetProduct`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...traceparent(traceId) },
    body: JSON.stringify({ id: unknownProduct }),
  });
  expect(answer.status).toBe(404);
}

async function byGrpc({ system }: World, traceId: string): Promise<void> {
  const client = new Client(new URL(system.edgeUrl).host, credentials.createInsecure());
  const metadata = new Metadata();
  metadata.set('traceparent', traceparent(traceId).traceparent);
  const error = await new Promise((resolve) =>
    client.makeUnaryRequest(
      '/shop.catalog.v1.ProductService/GetProduct',
      (request: GetProductRequest) => Buffer.from(GetProductRequest.encode(request).finish()),
      (bytes) => bytes,
      GetProductRequest.fromPartial({ id: unknownProduct }),
      metadata,
      {},
      resolve,
    ),
  );
  client.close();
  expect(error).toMatchObject({ code: 5 });
}
