import { expect, test } from '@jest/globals';
import { callMethod, findMethod } from './grpc-call.ts';
import { servedCalls } from './metrics.ts';

const nowhere = { port: 1, identity: { ca: '', cert: '', key: '' } };

test('a method that is not in the contracts is answered with those that are', () => {
  expect(findMethod('shop.catalog.v1.ProductService/GetProduct').servedBy).toBe('catalog');
  expect(() => findMethod('shop.catalog.v1.ProductService/Nope')).toThrow(/ProductService\/ListProducts/);
  expect(() => findMethod('Nope/Nope')).toThrow(/shop\.ordering\.v1\.OrderService/);
});

test('a field that the contract does not have is an error before anything is sent', async () => {
  const call = { ...nowhere, method: 'shop.catalog.v1.ProductService/GetProduct', request: { idd: '1' } };
  await expect(callMethod(call)).rejects.toThrow(/idd/);
});

test('served calls are summed over methods and outcomes, without health checks', () => {
  const metrics = [
    'rpc_server_call_duration_seconds_count{rpc_method="shop.A/B",x="1"} 3',
    'rpc_server_call_duration_seconds_count{rpc_method="shop.A/C"} 4',
    'rpc_server_call_duration_seconds_count{rpc_method="grpc.health.v1.Health/Check"} 50',
    'rpc_server_call_duration_seconds_sum{rpc_method="shop.A/B"} 9',
  ].join('\n');
  expect(servedCalls(metrics)).toBe(7);
});
