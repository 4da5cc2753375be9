import type { Timestamp } from '@weft/proto/google/protobuf/timestamp';
import type { Product } from '@weft/proto/shop/catalog/v1/product';

/** A decoded product as JSON.stringify can take it, as one writes that by hand: 64-bit integers and times as text. */
export function printable(value: Product): object {
  return {
    ...value,
    price: value.price && { ...value.price, units: String(value.price.units) },
    createTime: iso(value.createTime),
    updateTime: iso(value.updateTime),
  };
}

function iso(time: Timestamp | undefined): string | undefined {
  return time && new Date(Number(time.seconds) * 1000 + time.nanos / 1e6).toISOString();
}
