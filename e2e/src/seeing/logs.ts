import { describe, expect, test } from '@jest/globals';
import { until, type Json } from '../rest.ts';
import type { World } from './world.ts';

/** The lines of real processes. */
export function logs(world: () => World): void {
  const lineOf = async (name: string, requestId: string): Promise<Json> => {
    const lines = await until(
      async () => (await world().logOf(name)).filter((line) => line.requestId === requestId),
      (found) => found.length > 0,
    );
    expect(lines).toHaveLength(1);
    return lines[0];
  };
  const ask = (path: string, requestId: string, token?: string, body?: unknown) =>
    world().rest.call(body === undefined ? 'GET' : 'POST', path, {
      token,
      body,
      headers: { 'x-request-id': requestId },
    });

  describe('logs', () => {
    test('have one line for a call that went well, at debug, in the edge and behind it, with the same trace', async () => {
      await ask(`/v1/products/${world().product.id}`, 'log-well');
      const [edge, catalog] = await Promise.all([lineOf('edge', 'log-well'), lineOf('catalog', 'log-well')]);
      expect(edge).toMatchObject({
        level: 'debug',
        method: 'GET',
        route: '/v1/products/{id}',
        rpc: 'shop.catalog.v1.ProductService/GetProduct',
        status: 200,
        trace_id: expect.stringMatching(/^[0-9a-f]{32}$/),
      });
      expect(catalog).toMatchObject({
        level: 'debug',
        method: '/shop.catalog.v1.ProductService/GetProduct',
        code: 'OK',
        caller: 'edge',
        trace_id: edge.trace_id,
      });
    });

    test('have no warning for what a client did wrong', async () => {
      await ask('/v1/products/01a20000-0000-7000-8000-000000000000', 'log-none');
      const [edge, catalog] = await Promise.all([lineOf('edge', 'log-none'), lineOf('catalog', 'log-none')]);
      expect(edge).toMatchObject({
        level: 'debug',
        code: 'NOT_FOUND',
        reason: 'PRODUCT_NOT_FOUND',
        status: 404,
      });
      expect(catalog).toMatchObject({
        level: 'debug',
        code: 'NOT_FOUND',
        reason: 'PRODUCT_NOT_FOUND',
        caller: 'edge',
        trace_id: edge.trace_id,
      });
      await ask('/v1/orders', 'log-who', 'no.real.token', { items: [] });
      expect(await lineOf('edge', 'log-who')).toMatchObject({ level: 'debug', code: 'UNAUTHENTICATED' });
    });

    test('have nothing of what was sent', async () => {
      const password = 'correct-horse-battery-staple';
      const body = { email: 'somebody@example.com', password };
      expect((await ask('/v1/sessions', 'log-secret', undefined, body)).status).toBe(401);
      await lineOf('identity', 'log-secret');
      for (const name of ['edge', 'identity', 'ordering', 'catalog']) {
        const text = JSON.stringify(await world().logOf(name));
        expect([name, text.includes(password), text.includes(world().buyer.token)]).toEqual([
          name,
          false,
          false,
        ]);
        expect(text).not.toContain('somebody@example.com');
      }
    });
  });
}
