import { Product } from '@weft/proto/shop/catalog/v1/product';

/** The product that the upstream answers, whatever is asked for. */
export const product: Product = Product.fromPartial({
  id: '0190b8a2-7c1e-7f3a-9d52-4be1c0a7d201',
  sku: 'BOBBIN-42',
  name: 'A bobbin of waxed linen thread',
  description: 'Fifty metres, for leather and for books.',
  price: { currencyCode: 'EUR', units: 12n, nanos: 990_000_000 },
  stock: { available: 37, reserved: 2 },
  tags: ['thread', 'linen'],
  etag: '"3"',
  createTime: { seconds: 1_780_000_000n, nanos: 123_000_000 },
  updateTime: { seconds: 1_780_086_400n, nanos: 456_000_000 },
});

/** The same as ProtoJSON, in the text that the bare server answers. */
export const productJson = JSON.stringify({
  id: product.id,
  sku: product.sku,
  name: product.name,
  description: product.description,
  price: { currencyCode: 'EUR', units: '12', nanos: 990_000_000 },
  stock: { available: 37, reserved: 2 },
  tags: product.tags,
  etag: product.etag,
  createTime: '2026-05-28T20:26:40.123Z',
  updateTime: '2026-05-29T20:26:40.456Z',
});

export const productPath = `/v1/products/${product.id}`;
