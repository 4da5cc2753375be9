import { feedSource } from '@weft/chassis/feed/source';
import { implement } from '@weft/chassis/server/implement';
import type { DataServiceOptions } from '@weft/chassis/service';
import { ProductFeedServiceService } from '@weft/proto/shop/catalog/v1/feed';
import { ProductServiceService } from '@weft/proto/shop/catalog/v1/product';
import { StockServiceService } from '@weft/proto/shop/catalog/v1/stock';
import { migrations } from './migrations/index.ts';
import { feed, publishUntold } from './product-feed.ts';
import { productFeedService } from './product-feed-service.ts';
import { productService } from './product-service.ts';
import { stockBooks } from './stock-books.ts';
import { stockService } from './stock-service.ts';
import type { Tables } from './tables.ts';

/** The catalog, as the chassis runs it. */
export const catalog: DataServiceOptions<Tables, Record<never, never>> = {
  name: 'catalog',
  migrations,
  async build({ database, saga, logger }) {
    saga.audit(stockBooks);
    await publishUntold(database);
    const source = feedSource(database, feed, logger);
    return {
      services: [
        implement(ProductServiceService, productService(database)),
        implement(ProductFeedServiceService, productFeedService(source)),
        implement(StockServiceService, stockService(saga)),
      ],
      background: [source.background],
    };
  },
};
