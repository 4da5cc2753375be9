import { expect } from '@jest/globals';
import { openDatabase } from '@weft/chassis/data/database';
import { execute } from '@weft/chassis/data/statement';
import { eventually } from '@weft/chassis/testing/eventually';
import type { System } from '@weft/tools/system';

/** Waits until ordering's copy of the products is what the catalog has, product by product. */
export async function sameProducts(urls: System['databaseUrls']): Promise<void> {
  const open = (name: 'catalog' | 'ordering') => {
    const url = urls[name];
    if (url === undefined) throw new Error(`${name} has no database`);
    return openDatabase(url);
  };
  const [catalog, ordering] = [open('catalog'), open('ordering')];
  try {
    await eventually(async () => {
      const source = await execute(
        catalog.kysely,
        'SELECT id, name, price_minor AS price FROM product ORDER BY id',
      );
      const copy = await execute(
        ordering.kysely,
        'SELECT product_id AS id, name, unit_price_minor AS price FROM product_copy ORDER BY product_id',
      );
      expect(source.rows.length).toBeGreaterThan(0);
      expect(copy.rows).toEqual(source.rows);
    });
  } finally {
    await Promise.all([catalog.close(), ordering.close()]);
  }
}
