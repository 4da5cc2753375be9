import { etagOf } from '@weft/chassis/resource/etag';
import { fromMinor } from '@weft/chassis/resource/money';
import { toTimestamp } from '@weft/chassis/resource/timestamp';
import type { Product } from '@weft/proto/shop/catalog/v1/product';
import { currency } from './product.ts';
import type { StoredProduct } from './product-store.ts';

/** A stored product as the contract has it. */
export function productMessage(product: StoredProduct): Product {
  return {
    id: product.id,
    sku: product.sku,
    name: product.name,
    description: product.description,
    price: fromMinor(product.priceMinor, currency),
    stock: { available: product.available, reserved: product.reserved },
    tags: [...product.tags],
    etag: etagOf(product.version),
    createTime: toTimestamp(product.createdAt),
    updateTime: toTimestamp(product.updatedAt),
  };
}
