import { setTimeout as sleep } from 'node:timers/promises';
import { uuidToBytes } from '@weft/chassis/data/uuid';
import { HttpClient } from '../system/http-client.ts';
import type { PrivateSystem } from '../system/private-system.ts';
import { databaseOf, type Admin } from './admin.ts';
import { openMarket, people } from './market.ts';

const buyers = 500;
const pieces = 100;

/** What many want at once and few can have: who gets it, and how long until everyone knows. */
export async function measureHotProduct(system: PrivateSystem, admin: Admin): Promise<string> {
  const market = await openMarket(system, { products: 1, pieces }, await people(system.url, buyers, 100));
  const client = new HttpClient(system.url, buyers);
  const startedAt = performance.now();
  let refused = 0;
  const buy = async (index: number): Promise<void> => {
    try {
      await market.place(client, index);
    } catch (error) {
      if (!(error instanceof Error && error.message.includes('HTTP 503'))) throw error;
      // Too many at once, says the service, and has done nothing: a buyer tries again.
      refused += 1;
      await sleep(100 + Math.random() * 200);
      await buy(index);
    }
  };
  await Promise.all(Array.from({ length: buyers }, (_, index) => buy(index)));
  const placedMs = performance.now() - startedAt;
  await admin.decided(60_000);
  const decidedMs = performance.now() - startedAt;
  client.close();
  const fates = await admin.rows<{ fate: string; count: number }>(
    `SELECT CONCAT_WS(' ', status, reason) AS fate, COUNT(*) AS count FROM ${databaseOf('ordering')}.orders
      WHERE id IN (SELECT order_id FROM ${databaseOf('ordering')}.order_item WHERE product_id = ?)
      GROUP BY fate ORDER BY fate`,
    [uuidToBytes(market.products[0] ?? '')],
  );
  const shown = fates.map(({ fate, count }) => `${count} ${fate}`).join(', ');
  return `hot product          ${buyers} buyers of ${pieces} pieces: ${shown}; placed in ${Math.round(placedMs)} ms (${refused} × 503, and again), decided in ${Math.round(decidedMs)} ms`;
}
