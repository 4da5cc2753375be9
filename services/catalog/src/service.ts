import { implement } from '@weft/chassis/server/implement';
import type { DataServiceOptions } from '@weft/chassis/service';
import { ProductServiceService } from '@weft/proto/shop/catalog/v1/product';
import { StockServiceService } from '@weft/proto/shop/catalog/v1/stock';
import { migrations } from './migrations/index.ts';
import { productService } from './product-service.ts';
import { stockService } from './stock-service.ts';
import type { Tables } from './tables.ts';

/** The catalog, as the chassis runs it. */
export const catalog: DataServiceOptions<Tables, Record<never, never>> = {
  name: 'catalog',
  migrations,
  build: ({ database, saga }) => ({
    services: [
      implement(ProductServiceService, productService(database)),
      implement(StockServiceService, stockService(saga)),
    ],
  }),
};
