// A contender's caller: bare grpc-js over mutual TLS, with ts-proto's types. UPSTREAM and TLS_* say how.
import { credentials, makeClientConstructor, type Client, type ServiceError } from '@grpc/grpc-js';
import {
  ProductServiceService,
  type GetProductRequest,
  type Product,
} from '@weft/proto/shop/catalog/v1/product';
import { product } from '../product.ts';
import { serveLoads } from './calls.ts';
import { tlsFiles } from './tls-files.ts';

interface ProductClient extends Client {
  getProduct(
    request: GetProductRequest,
    options: { deadline: number },
    done: (error: ServiceError | null, answer: Product) => void,
  ): void;
}

const { ca, cert, key } = tlsFiles();
const ProductClient = makeClientConstructor(ProductServiceService, 'ProductService');
const client = new ProductClient(process.env['UPSTREAM'] ?? '', credentials.createSsl(ca, key, cert), {
  'grpc.enable_channelz': 0,
  // An IP address may not be sent as server name (RFC 6066, section 3).
  'grpc.ssl_target_name_override': 'localhost',
}) as unknown as ProductClient;

serveLoads(
  () =>
    new Promise((resolve, reject) => {
      client.getProduct({ id: product.id }, { deadline: Date.now() + 2_000 }, (error, answer) =>
        error === null && answer.id === product.id ? resolve(answer) : reject(error ?? new Error('another')),
      );
    }),
);
