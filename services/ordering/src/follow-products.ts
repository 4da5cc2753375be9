import { client } from '@weft/chassis/client/client';
import type { Mesh } from '@weft/chassis/client/mesh';
import type { Database } from '@weft/chassis/data/database';
import { followFeed, type FollowedFeed } from '@weft/chassis/feed/follow';
import type { Logger } from '@weft/chassis/logger';
import { ProductFeedServiceService, type ProductChange } from '@weft/proto/shop/catalog/v1/feed';
import { clearCopy, copyProducts } from './product-copy.ts';
import type { Tables } from './tables.ts';

/** Keeps `product_copy` as the catalog's feed tells it. */
export function followProducts(database: Database<Tables>, mesh: Mesh, logger: Logger): FollowedFeed {
  const catalog = client(ProductFeedServiceService, mesh);
  return followFeed<Tables, ProductChange>({
    feed: 'products',
    database,
    logger,
    async *watch(afterSequence, signal) {
      for await (const { changes, ...batch } of catalog.watchProducts({ afterSequence }, { signal }))
        yield { ...batch, entries: changes };
    },
    clear: clearCopy,
    apply: copyProducts,
  });
}
