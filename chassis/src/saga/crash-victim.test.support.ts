/** A process that serves the toy shop, places orders, and dies where WEFT_FAILPOINTS says. */
import { openToyDatabases, type ToyDatabases } from './toy-databases.test.support.ts';
import { ToyShop } from './toy-shop.test.support.ts';

const [user = '', orders = '1', ...urls] = process.argv.slice(2);
const shop = new ToyShop(openToyDatabases(urls as unknown as ToyDatabases['urls']));
shop.run();
for (let i = 0; i < Number(orders); i++) await shop.order(user, 1);
