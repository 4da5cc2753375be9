import { bytesToUuid } from '@weft/chassis/data/uuid';
import type { FeedSource } from '@weft/chassis/feed/source';
import type { Handlers } from '@weft/chassis/server/implement';
import { ProductState, type ProductFeedServiceService } from '@weft/proto/shop/catalog/v1/feed';

/** The handlers of shop.catalog.v1.ProductFeedService. */
export function productFeedService(source: FeedSource): Handlers<ProductFeedServiceService> {
  return {
    async *watchProducts({ afterSequence }, { signal }) {
      for await (const { entries, ...batch } of source.watch(afterSequence, signal))
        yield {
          ...batch,
          changes: entries.map(({ sequence, key, value }) => ({
            sequence,
            productId: bytesToUuid(key),
            product: value && ProductState.decode(value),
          })),
        };
    },
  };
}
