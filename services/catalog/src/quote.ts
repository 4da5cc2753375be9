/** What is asked for. */
export interface OrderedItem {
  readonly productId: string;
  readonly quantity: number;
}

/** What the catalog has of a product. */
export interface Offer {
  readonly name: string;
  readonly priceMinor: bigint;
  readonly available: number;
}

/** An item, named and priced. */
export interface QuotedLine extends OrderedItem {
  readonly name: string;
  readonly priceMinor: bigint;
}

export type Quote =
  | { readonly kind: 'quoted'; readonly lines: readonly QuotedLine[]; readonly totalMinor: bigint }
  | { readonly kind: 'refused'; readonly reason: 'PRODUCT_NOT_FOUND' | 'OUT_OF_STOCK' | 'PRICE_CHANGED' };

/**
 * Prices an order from the catalog's own prices, in exact minor units, or says why it cannot be: an unknown
 * product, too few pieces, a total other than the expected one; the first of these that holds.
 */
export function quote(
  items: readonly OrderedItem[],
  offers: ReadonlyMap<string, Offer>,
  expectedTotalMinor?: bigint,
): Quote {
  const lines: QuotedLine[] = [];
  for (const { productId, quantity } of items) {
    const offer = offers.get(productId);
    if (offer === undefined) return { kind: 'refused', reason: 'PRODUCT_NOT_FOUND' };
    lines.push({ productId, quantity, name: offer.name, priceMinor: offer.priceMinor });
  }
  if (items.some((item) => (offers.get(item.productId)?.available ?? 0) < item.quantity))
    return { kind: 'refused', reason: 'OUT_OF_STOCK' };
  const totalMinor = lines.reduce((sum, line) => sum + line.priceMinor * BigInt(line.quantity), 0n);
  if (expectedTotalMinor !== undefined && expectedTotalMinor !== totalMinor)
    return { kind: 'refused', reason: 'PRICE_CHANGED' };
  return { kind: 'quoted', lines, totalMinor };
}
