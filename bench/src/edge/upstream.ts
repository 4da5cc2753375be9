// What all contenders call: a grpc-js server that answers canned bytes. PORT: plaintext; TLS_PORT: mutual TLS.
import { readFileSync } from 'node:fs';
import { Server, ServerCredentials, type handleUnaryCall } from '@grpc/grpc-js';
import { HttpBody } from '@weft/proto/google/api/httpbody';
import { Product } from '@weft/proto/shop/catalog/v1/product';
import { product } from '../product.ts';

const env = (name: string) => process.env[name] ?? '';
const bytes = (value: Buffer) => value;
const answers = {
  '/shop.catalog.v1.ProductService/GetProduct': Product.encode(product).finish(),
  '/shop.identity.v1.KeyService/GetKeySet': HttpBody.encode(
    HttpBody.fromPartial({ contentType: 'application/json', data: Buffer.from(env('KEYS')) }),
  ).finish(),
};
const tls = ServerCredentials.createSsl(
  readFileSync(env('TLS_CA_FILE')),
  [{ private_key: readFileSync(env('TLS_KEY_FILE')), cert_chain: readFileSync(env('TLS_CERT_FILE')) }],
  true,
);

for (const [port, credentials] of [
  [env('PORT'), ServerCredentials.createInsecure()],
  [env('TLS_PORT'), tls],
] as const) {
  const server = new Server({ 'grpc.enable_channelz': 0 });
  for (const [path, answer] of Object.entries(answers)) {
    const handle: handleUnaryCall<Buffer, Buffer> = (_, done) => done(null, Buffer.from(answer));
    server.register(path, handle, bytes, bytes, 'unary');
  }
  server.bindAsync(`127.0.0.1:${port}`, credentials, (error) => {
    if (error !== null) throw error;
  });
}
