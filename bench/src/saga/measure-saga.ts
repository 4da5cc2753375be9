import { setTimeout as sleep } from 'node:timers/promises';
import { onInterrupt } from '../interrupted.ts';
import { privateSystem } from '../system/private-system.ts';
import { Admin } from './admin.ts';
import { measureFullSpeed } from './full-speed.ts';
import { measureHotProduct } from './hot-product.ts';
import { measureIdle } from './idle.ts';
import { openMarket, people } from './market.ts';
import { recordOrder } from './recorded-order.ts';
import { measureSteady } from './steady.ts';

/** Until what runs at start is over. */
const settleMs = 5_000;
const buyers = 16;
const walletCents = 900_000;
const pieces = 100_000;

/** Orders of the whole shop, as `make up` starts it: at rest, at a steady rate, at full speed, of one hot product. */
export async function measureSaga(say: (text: string) => void): Promise<void> {
  const system = await privateSystem();
  const through = onInterrupt(() => system.remove());
  try {
    await system.make('up');
    const admin = await Admin.connect(system.databaseUrl());
    try {
      await sleep(settleMs);
      say(await measureIdle(system, admin));
      const accounts = await people(system.url, buyers, walletCents);
      const market = await openMarket(system, { products: 20, pieces }, accounts);
      say(await measureSteady(system, market, admin));
      const order = await recordOrder(system, market, admin);
      say(await measureFullSpeed('full speed', { system, market, admin, order }));
      const oneProduct = await openMarket(system, { products: 1, pieces }, accounts);
      say(await measureFullSpeed('one product', { system, market: oneProduct, admin, order }));
      say(await measureHotProduct(system, admin));
    } finally {
      await admin.close();
    }
  } finally {
    through();
    await system.remove();
  }
}
