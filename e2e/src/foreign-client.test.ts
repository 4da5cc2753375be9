import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  credentials,
  loadPackageDefinition,
  Metadata,
  type CallOptions,
  type ServiceClientConstructor,
} from '@grpc/grpc-js';
import { loadFileDescriptorSetFromBuffer } from '@grpc/proto-loader';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startSystem, type System } from '@weft/tools/system';
import { Rest } from './rest.ts';

// A client that shares nothing with ours but the contract: @grpc/proto-loader and grpc-js as they come.

type UnaryMethod = (
  request: object,
  metadata: Metadata,
  options: CallOptions,
  callback: (error: Error | null, response: unknown) => void,
) => void;

let system: System;
let ProductClient: ServiceClientConstructor;

beforeAll(async () => {
  system = await startSystem();
  const descriptors = readFileSync(fileURLToPath(import.meta.resolve('@weft/proto/descriptors.binpb')));
  const loaded = loadPackageDefinition(
    loadFileDescriptorSetFromBuffer(descriptors, { longs: String, enums: String, defaults: true }),
  );
  const { shop } = loaded as unknown as {
    shop: { catalog: { v1: Record<string, ServiceClientConstructor> } };
  };
  const client = shop.catalog.v1['ProductService'];
  if (client === undefined) throw new Error('the descriptor set has no ProductService');
  ProductClient = client;
}, 120_000);

afterAll(async () => {
  await system?.stop();
}, 60_000);

/** Calls a method of the catalog's ProductService with the operator's certificate, or with none. */
function call(method: string, request: object, { token = '', certificate = true } = {}): Promise<unknown> {
  const { ca, cert, key } = system.identity('operator');
  const secure = certificate
    ? credentials.createSsl(readFileSync(ca), readFileSync(key), readFileSync(cert))
    : credentials.createSsl(readFileSync(ca));
  const client = new ProductClient(`localhost:${system.process('catalog').port}`, secure);
  const metadata = new Metadata();
  if (token !== '') metadata.set('authorization', `Bearer ${token}`);
  const unary = (client as unknown as Record<string, UnaryMethod>)[method];
  if (unary === undefined) throw new Error(`the contract has no method ${method}`);
  return new Promise((resolve, reject) => {
    unary.call(client, request, metadata, { deadline: Date.now() + 5_000 }, (error, response) => {
      client.close();
      if (error === null) resolve(response);
      else reject(error);
    });
  });
}

test('lists products', async () => {
  await expect(call('ListProducts', { page_size: 2 })).resolves.toMatchObject({
    products: [{ price: { currency_code: 'EUR' } }, { price: { currency_code: 'EUR' } }],
    next_page_token: expect.stringMatching(/./),
  });
});

test("does with a user's token what the user may do, and no more", async () => {
  const rest = new Rest(system.edgeUrl);
  const admin = await rest.signIn(system.admin.email, system.admin.password);
  const product = await rest.product(admin, 1, 0);
  const request = { id: product.id, delta: 3 };
  await expect(call('AdjustStock', request)).rejects.toMatchObject({ code: 16 });
  await expect(call('AdjustStock', request, { token: (await rest.person()).token })).rejects.toMatchObject({
    code: 7,
  });
  await expect(call('AdjustStock', request, { token: admin })).resolves.toMatchObject({
    stock: { available: 3 },
  });
});

test('gets nowhere without a certificate of the mesh', async () => {
  await expect(call('ListProducts', {}, { certificate: false })).rejects.toMatchObject({ code: 14 });
});
