import type { FieldViolation } from '@weft/chassis/errors';
import { moneyViolations, toMinor } from '@weft/chassis/resource/money';
import { textViolations } from '@weft/chassis/resource/text';
import type { Product } from '@weft/proto/shop/catalog/v1/product';

/** The shop's one currency. */
export const currency = 'EUR';

/** A thousand million euro: with the limits of an order its total stays far below an int64 of cents. */
const maxPriceMinor = 100_000_000_000n;
const maxTags = 20;

/** Most pieces of one product, an int32 as in the contract; held pieces count too. */
export const maxPieces = 2_147_483_647;

/** What an admin may change of a product, by the proto names of the fields. */
export const changeableFields = ['sku', 'name', 'description', 'price', 'tags'] as const;
export type ChangeableField = (typeof changeableFields)[number];
export const fixedFields = ['id', 'stock', 'etag', 'create_time', 'update_time'] as const;

/** What an admin decides about a product. */
export interface ProductDetails {
  readonly sku: string;
  readonly name: string;
  readonly description: string;
  readonly priceMinor: bigint;
  readonly tags: readonly string[];
}

/** Which of the changeable fields a request sets (AIP-134, without an update mask). */
export function populatedFields(product: Product): ChangeableField[] {
  const unset: Record<ChangeableField, boolean> = {
    sku: product.sku === '',
    name: product.name === '',
    description: product.description === '',
    price: product.price === undefined,
    tags: product.tags.length === 0,
  };
  return changeableFields.filter((field) => !unset[field]);
}

/** Everything that is wrong with these fields of a product, each as its path in the request. */
export function productViolations(product: Product, fields: ReadonlySet<ChangeableField>): FieldViolation[] {
  const rules: Record<ChangeableField, () => FieldViolation[]> = {
    sku: () => skuViolations(product.sku),
    name: () => textViolations('product.name', product.name, { min: 1, max: 200 }),
    description: () =>
      textViolations('product.description', product.description, { max: 4000, multiline: true }),
    price: () => moneyViolations('product.price', product.price, { currency, min: 1n, max: maxPriceMinor }),
    tags: () => tagViolations(product.tags),
  };
  return changeableFields.filter((field) => fields.has(field)).flatMap((field) => rules[field]());
}

/** What is wrong with the stock that a new product begins with; none is none on stock. */
export function initialStockViolations(product: Product): FieldViolation[] {
  const available = product.stock?.available ?? 0;
  if (available >= 0) return [];
  return [{ field: 'product.stock.available', description: 'must not be negative' }];
}

/** The values of these fields. Call it only when they have no violations. */
export function detailsOf(product: Product, fields: ReadonlySet<ChangeableField>): Partial<ProductDetails> {
  return {
    ...(fields.has('sku') && { sku: product.sku }),
    ...(fields.has('name') && { name: product.name }),
    ...(fields.has('description') && { description: product.description }),
    ...(fields.has('price') && product.price !== undefined && { priceMinor: toMinor(product.price) }),
    ...(fields.has('tags') && { tags: product.tags }),
  };
}

/** Text as it is compared when searching: whatever its case and its composition. */
export function folded(text: string): string {
  return text.normalize('NFC').toUpperCase();
}

/** What a query is looked for in; no query contains the line break between the parts. */
export function searchText(details: Pick<ProductDetails, 'sku' | 'name' | 'tags'>): string {
  return folded([details.name, details.sku, ...details.tags].join('\n'));
}

/** What is wrong with a search query. */
export function queryViolations(query: string): FieldViolation[] {
  return textViolations('query', query, { max: 200 });
}

function skuViolations(sku: string): FieldViolation[] {
  const field = 'product.sku';
  if (sku === '') return [{ field, description: 'is required' }];
  if (/^[A-Za-z0-9._-]{1,64}$/.test(sku)) return [];
  return [{ field, description: 'must be 1 to 64 letters, digits, dots, dashes and underscores' }];
}

function tagViolations(tags: readonly string[]): FieldViolation[] {
  if (tags.length > maxTags) return [{ field: 'product.tags', description: `has more than ${maxTags} tags` }];
  return tags.flatMap((tag, at) => textViolations(`product.tags[${at}]`, tag, { min: 1, max: 40 }));
}
