import { randomUUID } from 'node:crypto';
import { configure, env } from '@weft/chassis/config';
import { runTool } from '../fail.ts';
import { call } from '../rest.ts';
import { cents, euros, newPerson, signIn, type Order, type Product } from '../shop-api.ts';
import { Story } from '../story.ts';
import { watchOrder } from '../watch-order.ts';

// What `helm test` runs: one real order, through the edge and all three services, and its books.

const config = configure({
  url: env.string('SHOP_URL'),
  email: env.string('ADMIN_EMAIL'),
  password: env.string('ADMIN_PASSWORD', { secret: true }),
});

await runTool(async () => {
  const { url } = config;
  const story = new Story();
  const admin = await story.step('The admin signs in', () => signIn(url, config.email, config.password));
  const product = await story.step('and offers a product', () =>
    call<Product>(url, 'POST', '/v1/products', {
      token: admin,
      body: { sku: `TEST-${randomUUID()}`, name: 'A test', price: euros(500), stock: { available: 1 } },
    }),
  );
  try {
    await story.step('Somebody signs up, pays in and orders it', async (check) => {
      const { token } = await newPerson(url, 1_000);
      const body = { items: [{ productId: product.id, quantity: 1 }] };
      const order = await call<Order>(url, 'POST', '/v1/orders', { token, body });
      const last = (await watchOrder(url, order.id, token)).at(-1);
      check.equal('status', last?.status, 'CONFIRMED');
      check.equal('total in cents', cents(last?.total), 500);
    });
  } finally {
    await call(url, 'DELETE', `/v1/products/${product.id}`, { token: admin });
  }
});
