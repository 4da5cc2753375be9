// A contender's caller: a service on the chassis, calling another through the mesh; with TOKEN, for a user.
import { client } from '@weft/chassis/client/client';
import { runService } from '@weft/chassis/service';
import { ProductServiceService } from '@weft/proto/shop/catalog/v1/product';
import { product } from '../product.ts';
import { serveLoads } from './calls.ts';

const token = process.env['TOKEN'];
const options = token === undefined ? {} : { metadata: ['authorization', `Bearer ${token}`] };

await runService({
  name: 'edge',
  build({ mesh }) {
    const products = client(ProductServiceService, mesh);
    serveLoads(async () => {
      const { id } = await products.getProduct({ id: product.id }, options);
      if (id !== product.id) throw new Error(`another product: ${id}`);
    });
    return { services: [] };
  },
});
