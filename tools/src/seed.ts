import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writePrivate } from './private-file.ts';
import { call } from './rest.ts';
import type { AdminLogin } from './secrets.ts';
import { seedProducts } from './seed-products.ts';
import { allProducts, euros, signIn, type ProductPage } from './shop-api.ts';

/**
 * Fills an empty shop with products, through its API. A shop that has products is left as it is, unless
 * an earlier seeding was cut off in the middle (`seeding` is then in the folder). Returns how many were made.
 */
export async function seed(edgeUrl: string, admin: AdminLogin, folder: string): Promise<number> {
  const mark = join(folder, 'seeding');
  const { products = [] } = await call<ProductPage>(edgeUrl, 'GET', '/v1/products?pageSize=1');
  if (products.length > 0 && !existsSync(mark)) return 0;
  writePrivate(mark, '');
  const known = new Set((await allProducts(edgeUrl)).map(({ sku }) => sku));
  const token = await signIn(edgeUrl, admin.email, admin.password);
  // The list shows the newest first.
  const missing = seedProducts.filter(({ sku }) => !known.has(sku)).reverse();
  for (const { sku, name, description, priceCents, pieces, tags } of missing) {
    const body = { sku, name, description, price: euros(priceCents), stock: { available: pieces }, tags };
    await call(edgeUrl, 'POST', '/v1/products', { token, body });
  }
  rmSync(mark, { force: true });
  return missing.length;
}
