import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  create,
  createFileRegistry,
  fromBinary,
  getExtension,
  setExtension,
  toBinary,
} from '@bufbuild/protobuf';
import type { DescExtension, Message } from '@bufbuild/protobuf';
import { DurationSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { describe, expect, test } from '@jest/globals';
import { ContractError, loadContract } from './load-contract.ts';
import { sagaGraph } from './saga/graph.ts';

const bytes = readFileSync(fileURLToPath(import.meta.resolve('@weft/proto/descriptors.binpb')));

/** The contract with one option of one method changed; `undefined` takes the option away. */
function planted(method: string, option: string, change: object | undefined): Uint8Array {
  const set = fromBinary(FileDescriptorSetSchema, bytes);
  const extension = createFileRegistry(set).getExtension(`weft.v1.${option}`) as DescExtension;
  const target = set.file
    .flatMap((file) => file.service)
    .flatMap((service) => service.method)
    .find((candidate) => candidate.name === method);
  if (target?.options === undefined) throw new Error(`no method ${method}`);
  if (change === undefined) {
    delete target.options.$unknown;
  } else {
    const value = getExtension(target.options, extension) as Message;
    setExtension(target.options, extension, Object.assign(value, change));
  }
  return toBinary(FileDescriptorSetSchema, set);
}

const faultsOf = (set: Uint8Array): readonly string[] => {
  try {
    loadContract(set);
    return [];
  } catch (error) {
    if (error instanceof ContractError) return error.faults;
    throw error;
  }
};

test('reads access, limits and sagas from the options', () => {
  const { methods } = loadContract(bytes);
  expect(methods.get('/shop.catalog.v1.ProductService/CreateProduct')).toMatchObject({
    servedBy: 'catalog',
    access: { kind: 'roles', roles: ['admin'] },
    timeoutMs: 5000,
    maxAttempts: 1,
  });
  expect(methods.get('/shop.catalog.v1.ProductService/GetProduct')?.maxAttempts).toBe(3);
  expect(methods.get('/shop.ordering.v1.OrderService/WatchOrder')?.timeoutMs).toBeUndefined();
});

test('a hedge is for reads that are tried more than once', () => {
  const { methods } = loadContract(bytes);
  expect(methods.get('/shop.catalog.v1.ProductService/GetProduct')?.hedgeAfterMs).toBe(100);
  expect(methods.get('/shop.catalog.v1.ProductService/ListProducts')?.hedgeAfterMs).toBeUndefined();
  const after = (ms: number) =>
    create(DurationSchema, { seconds: BigInt(Math.floor(ms / 1_000)), nanos: (ms % 1_000) * 1e6 });
  const wrong: [string, object][] = [
    ['CreateProduct', { hedgeAfter: after(50) }],
    ['RevokeSession', { hedgeAfter: after(50) }],
    ['WatchRevocations', { hedgeAfter: after(50) }],
    ['GetProduct', { hedgeAfter: after(50), maxAttempts: 1 }],
  ];
  for (const [method, call] of wrong)
    expect(faultsOf(planted(method, 'call', call))).toEqual([
      expect.stringMatching(`${method}: hedge_after is for unary methods with NO_SIDE_EFFECTS`),
    ]);
  expect(faultsOf(planted('GetProduct', 'call', { hedgeAfter: after(2_000) }))).toEqual([
    expect.stringMatching('hedge_after must lie between 0 and the timeout'),
  ]);
});

test('a unary method that says no timeout has the default, which may be none', () => {
  const path = '/shop.catalog.v1.ProductService/GetProduct';
  const silent = planted('GetProduct', 'call', undefined);
  const timeoutMs = (options?: Parameters<typeof loadContract>[1]) =>
    loadContract(silent, options).methods.get(path)?.timeoutMs;
  expect(timeoutMs()).toBe(10_000);
  expect(timeoutMs({ defaultTimeoutMs: 500 })).toBe(500);
  expect(timeoutMs({ defaultTimeoutMs: Infinity })).toBeUndefined();
});

test('what ends a saga is refused last, unless its method says otherwise', () => {
  const priorityOf = (set: Uint8Array, path: string) => loadContract(set).methods.get(path)?.priority;
  const release = '/shop.catalog.v1.StockService/Release';
  expect(priorityOf(bytes, release)).toBe('CRITICAL');
  expect(priorityOf(bytes, '/shop.catalog.v1.StockService/Reserve')).toBe('USER');
  expect(priorityOf(bytes, '/shop.catalog.v1.ProductService/GetProduct')).toBe('USER');
  expect(priorityOf(planted('Release', 'call', { priority: 3 }), release)).toBe('BATCH');
});

test('finds the steps of a saga in their order', () => {
  const graph = sagaGraph(loadContract(bytes), 'place-order');
  expect(graph.steps.map((step) => step.descriptor.name)).toEqual(['Reserve', 'Charge']);
  expect(graph.start.saga?.deadlineMs).toBe(30_000);
});

test('a method that says nothing of access is denied to everyone', () => {
  const { methods } = loadContract(planted('GetProduct', 'access', undefined));
  expect(methods.get('/shop.catalog.v1.ProductService/GetProduct')?.access).toEqual({ kind: 'denied' });
});

describe('a contract that cannot be enforced names the fault:', () => {
  test.each([
    ['two access rules at once', 'GetMe', 'access', { public: true }, 'exactly one of'],
    ['retries of what is not idempotent', 'TopUp', 'call', { maxAttempts: 2 }, 'needs an idempotency_level'],
    ['more attempts than allowed', 'GetMe', 'call', { maxAttempts: 9 }, 'at most 3'],
    ['a saga with a fault', 'Reserve', 'saga', { undo: '' }, 'Reserve (shop/catalog/v1/stock.proto): a STEP'],
    ['a decision with a fault', 'CancelOrder', 'saga', { must: [] }, 'a DECIDE needs must'],
  ])('%s', (_, method, option, change, expected) => {
    expect(faultsOf(planted(method, option, change)).join('\n')).toContain(expected);
  });

  test('and all faults at once', () => {
    const faults = faultsOf(planted('Reserve', 'saga', { undo: '', next: '' }));
    expect(faults.length).toBeGreaterThan(1);
  });
});
