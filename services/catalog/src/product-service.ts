import { isDuplicateKey, type Database } from '@weft/chassis/data/database';
import { isUuid, uuidv7 } from '@weft/chassis/data/uuid';
import { invalidArgument, ServiceError } from '@weft/chassis/errors';
import { requireEtag } from '@weft/chassis/resource/etag';
import { decodePageToken, encodePageToken, pageSize } from '@weft/chassis/resource/page';
import { updatedFields } from '@weft/chassis/resource/update-mask';
import type { Handlers } from '@weft/chassis/server/implement';
import type { ProductServiceService } from '@weft/proto/shop/catalog/v1/product';
import { productMessage } from './product-message.ts';
import * as store from './product-store.ts';
import {
  changeableFields,
  detailsOf,
  fixedFields,
  initialStockViolations,
  populatedFields,
  productViolations,
  queryViolations,
  type ProductDetails,
} from './product.ts';
import type { Tables } from './tables.ts';

const maxBatch = 100;

/** The handlers of shop.catalog.v1.ProductService. */
export function productService(database: Database<Tables>): Handlers<ProductServiceService> {
  const { kysely } = database;
  return {
    async listProducts({ pageSize: requested, pageToken, query }) {
      const violations = queryViolations(query);
      if (violations.length > 0) throw invalidArgument(...violations);
      const size = pageSize(requested);
      const scope = ['products', query];
      const before = decodePageToken(pageToken, scope);
      const found = await store.listProducts(kysely, { before, query, limit: size + 1 });
      const page = found.slice(0, size);
      const last = found.length > size ? page.at(-1) : undefined;
      return {
        products: page.map(productMessage),
        nextPageToken: last === undefined ? '' : encodePageToken(last.id, scope),
      };
    },

    async getProduct({ id }) {
      const product = isUuid(id) ? await store.productById(kysely, id) : undefined;
      if (product === undefined) throw notFound();
      return productMessage(product);
    },

    async batchGetProducts({ ids }) {
      if (ids.length === 0 || ids.length > maxBatch)
        throw invalidArgument({ field: 'ids', description: `must be 1 to ${maxBatch} ids` });
      if (!ids.every(isUuid)) throw notFound();
      const found = await store.productsByIds(kysely, [...new Set(ids)]);
      const byId = new Map(found.map((product) => [product.id, productMessage(product)]));
      const products = ids.map((id) => {
        const product = byId.get(id.toLowerCase());
        if (product === undefined) throw notFound(id);
        return product;
      });
      return { products };
    },

    async createProduct({ product }) {
      if (product === undefined) throw invalidArgument({ field: 'product', description: 'is required' });
      const all = new Set(changeableFields);
      const violations = [...productViolations(product, all), ...initialStockViolations(product)];
      if (violations.length > 0) throw invalidArgument(...violations);
      const id = uuidv7();
      const details = detailsOf(product, all) as ProductDetails;
      const created = await withUniqueSku(() =>
        database.transaction(async (tx) => {
          await store.insertProduct(tx, id, details, product.stock?.available ?? 0, new Date());
          return store.productById(tx, id);
        }),
      );
      return productMessage(required(created));
    },

    async updateProduct({ product, updateMask }) {
      if (product === undefined) throw invalidArgument({ field: 'product', description: 'is required' });
      const { fields, violations: maskViolations } = updatedFields({
        mask: updateMask,
        mutable: changeableFields,
        immutable: fixedFields,
        populated: populatedFields(product),
      });
      const violations = [...maskViolations, ...productViolations(product, fields)];
      if (violations.length > 0) throw invalidArgument(...violations);
      if (!isUuid(product.id)) throw notFound();
      const updated = await withUniqueSku(() =>
        database.transaction(async (tx) => {
          if (!(await store.lockProduct(tx, product.id))) throw notFound();
          const current = required(await store.productById(tx, product.id));
          requireEtag(product.etag, current.version);
          const masked = updateMask !== undefined && updateMask.length > 0;
          if (!masked && product.stock !== undefined && product.stock.available !== current.available)
            throw invalidArgument({ field: 'product.stock', description: 'is changed by AdjustStock' });
          if (fields.size === 0) return current;
          await store.updateProduct(
            tx,
            product.id,
            { ...current, ...detailsOf(product, fields) },
            new Date(),
          );
          return required(await store.productById(tx, product.id));
        }),
      );
      return productMessage(updated);
    },

    async deleteProduct({ id, etag }) {
      if (!isUuid(id)) throw notFound();
      await database.transaction(async (tx) => {
        // The stock first, as orders lock it: from here on nobody takes pieces, and nobody edits.
        const exists = (await store.lockStock(tx, id)) && (await store.lockProduct(tx, id));
        if (!exists) throw notFound();
        const product = required(await store.productById(tx, id));
        requireEtag(etag, product.version);
        if (product.reserved > 0)
          throw new ServiceError('FAILED_PRECONDITION', 'PRODUCT_RESERVED', 'open orders hold pieces of it');
        await store.deleteProduct(tx, id);
      });
      return {};
    },

    async adjustStock({ id, delta }) {
      if (delta === 0) throw invalidArgument({ field: 'delta', description: 'must not be 0' });
      if (!isUuid(id)) throw notFound();
      const { adjusted, product } = await database.transaction(async (tx) => ({
        adjusted: await store.adjustStock(tx, id, delta),
        product: await store.productById(tx, id),
      }));
      if (product === undefined) throw notFound();
      if (!adjusted) throw delta < 0 ? tooFew(product.available) : tooMany();
      return productMessage(product);
    },
  };
}

function notFound(id?: string): ServiceError {
  return new ServiceError(
    'NOT_FOUND',
    'PRODUCT_NOT_FOUND',
    id === undefined ? 'there is no such product' : `there is no product ${id}`,
  );
}

function tooFew(available: number): ServiceError {
  return new ServiceError('FAILED_PRECONDITION', 'OUT_OF_STOCK', `only ${available} pieces are available`);
}

function tooMany(): ServiceError {
  return new ServiceError('FAILED_PRECONDITION', 'STOCK_LIMIT_EXCEEDED', 'the stock would be too large');
}

function required<T>(row: T | undefined): T {
  if (row === undefined) throw new Error('a product that was just written or locked is not there');
  return row;
}

/** ALREADY_EXISTS when another product has the SKU. */
async function withUniqueSku<T>(write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (!isDuplicateKey(error)) throw error;
    throw new ServiceError('ALREADY_EXISTS', 'SKU_TAKEN', 'another product has this SKU', { cause: error });
  }
}
