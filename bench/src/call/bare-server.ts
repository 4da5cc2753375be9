// A contender's server: bare grpc-js over mutual TLS, with ts-proto's types. PORT and TLS_* say how.
import { Server, ServerCredentials, type handleUnaryCall } from '@grpc/grpc-js';
import {
  ProductServiceService,
  type GetProductRequest,
  type Product,
} from '@weft/proto/shop/catalog/v1/product';
import { product } from '../product.ts';
import { tlsFiles } from './tls-files.ts';

const { ca, cert, key } = tlsFiles();
const getProduct: handleUnaryCall<GetProductRequest, Product> = (call, done) =>
  done(null, { ...product, id: call.request.id });
const server = new Server({ 'grpc.enable_channelz': 0 });
server.addService({ getProduct: ProductServiceService.getProduct }, { getProduct });
server.bindAsync(
  `127.0.0.1:${process.env['PORT']}`,
  ServerCredentials.createSsl(ca, [{ private_key: key, cert_chain: cert }], true),
  (error) => {
    if (error !== null) throw error;
  },
);
