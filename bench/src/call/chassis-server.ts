// A contender's server: a service on the chassis, as any is; KEYS is what users' tokens are verified with.
import { implement } from '@weft/chassis/server/implement';
import { runService } from '@weft/chassis/service';
import { ProductServiceService } from '@weft/proto/shop/catalog/v1/product';
import { product } from '../product.ts';

const { getProduct } = ProductServiceService;

await runService({
  name: 'catalog',
  build: () => ({
    services: [implement({ getProduct }, { getProduct: async ({ id }) => ({ ...product, id }) })],
    tokens: { keys: async () => JSON.parse(process.env['KEYS'] ?? '') },
  }),
});
