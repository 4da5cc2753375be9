// A contender: what one writes by hand for one route, Fastify and a grpc-js client with ts-proto's types.
// PORT says where, UPSTREAM whom to call; TLS_CA_FILE, TLS_CERT_FILE and TLS_KEY_FILE, if set, how.
import { readFileSync } from 'node:fs';
import { credentials, makeClientConstructor, status, type Client, type ServiceError } from '@grpc/grpc-js';
import {
  ProductServiceService,
  type GetProductRequest,
  type Product,
} from '@weft/proto/shop/catalog/v1/product';
import { fastify } from 'fastify';
import { printable } from './printable.ts';

type Unary<I, O> = (
  request: I,
  options: { deadline: number },
  done: (error: ServiceError | null, answer: O) => void,
) => void;
interface ProductClient extends Client {
  getProduct: Unary<GetProductRequest, Product>;
}

const text = { type: 'string' };
const integer = { type: 'integer' };
const object = (properties: object) => ({ type: 'object', properties });
const schema = object({
  id: text,
  sku: text,
  name: text,
  description: text,
  price: object({ currencyCode: text, units: text, nanos: integer }),
  stock: object({ available: integer, reserved: integer }),
  tags: { type: 'array', items: text },
  etag: text,
  createTime: text,
  updateTime: text,
});

const env = (name: string) => process.env[name] ?? '';
const file = (name: string) => readFileSync(env(name));
const upstreamCredentials =
  env('TLS_CA_FILE') === ''
    ? credentials.createInsecure()
    : credentials.createSsl(file('TLS_CA_FILE'), file('TLS_KEY_FILE'), file('TLS_CERT_FILE'));
const ProductClient = makeClientConstructor(ProductServiceService, 'ProductService');
const client = new ProductClient(env('UPSTREAM'), upstreamCredentials, {
  'grpc.enable_channelz': 0,
  // An IP address may not be sent as server name (RFC 6066, section 3).
  'grpc.ssl_target_name_override': 'localhost',
}) as unknown as ProductClient;

const httpStatus: Partial<Record<status, number>> = {
  [status.INVALID_ARGUMENT]: 400,
  [status.NOT_FOUND]: 404,
  [status.UNAVAILABLE]: 503,
  [status.DEADLINE_EXCEEDED]: 504,
};

const app = fastify();
app.get<{ Params: { id: string } }>(
  '/v1/products/:id',
  { schema: { response: { 200: schema } } },
  (request, reply) => {
    client.getProduct({ id: request.params.id }, { deadline: Date.now() + 2_000 }, (error, product) => {
      if (error === null) void reply.send(printable(product));
      else void reply.code(httpStatus[error.code] ?? 500).send({ error: error.details });
    });
  },
);
await app.listen({ host: '127.0.0.1', port: Number(env('PORT')) });
