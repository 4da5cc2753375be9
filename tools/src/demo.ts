import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { runTool } from './fail.ts';
import { runningShop } from './here.ts';
import { ask, call } from './rest.ts';
import { cents, euros, signIn, type Money, type Order, type Product } from './shop-api.ts';
import { Story, type Check } from './story.ts';
import { waitFor } from './wait-for.ts';
import { watchOrder } from './watch-order.ts';

await runTool(async () => {
  const { url, admin } = runningShop();
  const story = new Story();
  const get = <T>(path: string, token?: string) => call<T>(url, 'GET', path, { token });
  const post = <T>(path: string, body: unknown, token?: string) =>
    call<T>(url, 'POST', path, { token, body });
  const refused = async (check: Check, path: string, body: unknown, expected: string, token?: string) => {
    const answer = await ask(url, 'POST', path, { body, token });
    const { error } = answer.body as { error: { status: string; message: string } };
    check.equal(`POST ${path}`, `${answer.status} ${error.status}`, expected);
    check.note(error.message);
  };
  const balance = async (token: string) =>
    cents((await get<{ balance?: Money }>('/v1/wallet', token)).balance);
  const pieces = async (id: string) => {
    const { stock } = await get<Product>(`/v1/products/${id}`);
    return { available: stock?.available ?? 0, reserved: stock?.reserved ?? 0 };
  };

  const stockOf = async (check: Check, { id, name }: Product, available: number) => {
    const expected = { available, reserved: 0 };
    check.equal(`stock of ${name}`, await settled(() => pieces(id), expected), expected);
  };

  const email = `ada-${randomUUID()}@example.com`;
  const password = randomUUID();
  const ada = await story.step('Ada signs up and signs in', async (check) => {
    const user = await post<{ email: string }>('/v1/users', { email, password, displayName: 'Ada' });
    check.equal('her address', user.email, email);
    return signIn(url, email, password);
  });
  await story.step('She puts 500.00 EUR into her wallet', async (check) => {
    check.equal('balance in cents before', await balance(ada), 0);
    await post('/v1/wallet:topUp', { amount: euros(50_000) }, ada);
    check.equal('balance in cents', await balance(ada), 50_000);
  });
  const adminToken = await story.step('The admin signs in and offers two new products', async (check) => {
    const token = await signIn(url, admin.email, admin.password);
    check.note(admin.email);
    return token;
  });
  const offer = (name: string, priceCents: number, available: number) =>
    post<Product>(
      '/v1/products',
      { sku: `DEMO-${randomUUID()}`, name, price: euros(priceCents), stock: { available } },
      adminToken,
    );
  const scarf = await offer('A woven scarf', 4_990, 5);
  const loom = await offer('A floor loom', 189_000, 2);

  await story.step('Ada browses', async (check) => {
    const { products } = await get<{ products: Product[] }>('/v1/products?pageSize=3');
    for (const { name, price } of products) check.note(`${name}, ${(cents(price) / 100).toFixed(2)} EUR`);
    check.equal('products on the page', products.length, 3);
    const found = await get<{ products: Product[] }>(`/v1/products?query=${encodeURIComponent(scarf.sku)}`);
    check.equal(
      'found by its SKU',
      found.products.map(({ id }) => id),
      [scarf.id],
    );
  });

  const place = (
    items: readonly (readonly [Product, number])[],
    extra: object = {},
    headers: Record<string, string> = {},
  ) =>
    call<Order>(url, 'POST', '/v1/orders', {
      token: ada,
      headers,
      body: { items: items.map(([{ id }, quantity]) => ({ productId: id, quantity })), ...extra },
    });
  const key = randomUUID();
  const order = await story.step('She orders two scarves; the answer is PENDING', async (check) => {
    const placed = await place([[scarf, 2]], { expectedTotal: euros(9_980) }, { 'idempotency-key': key });
    check.equal('status', placed.status, 'PENDING');
    return placed;
  });
  await story.step('She watches it until it is decided', async (check) => {
    const seen = await watchOrder(url, order.id, ada);
    check.note(seen.map(({ status }) => status).join(' → '));
    check.equal('status', seen.at(-1)?.status, 'CONFIRMED');
    check.equal('total in cents', cents(seen.at(-1)?.total), 9_980);
  });
  await story.step('Stock and wallet are exactly right', async (check) => {
    await stockOf(check, scarf, 3);
    check.equal('balance in cents', await balance(ada), 40_020);
  });
  await story.step(
    'She sends the same order again under the same key: it is the same order',
    async (check) => {
      const again = await place([[scarf, 2]], { expectedTotal: euros(9_980) }, { 'idempotency-key': key });
      check.equal('order', again.id, order.id);
      check.equal('balance in cents', await balance(ada), 40_020);
      const body = { items: [{ productId: scarf.id, quantity: 1 }] };
      const other = await ask(url, 'POST', '/v1/orders', {
        token: ada,
        headers: { 'idempotency-key': key },
        body,
      });
      check.equal('another order under that key', other.status, 409);
    },
  );

  const rejected = async (check: Check, placed: Order, expected: string) => {
    const last = (await watchOrder(url, placed.id, ada)).at(-1);
    check.equal('status and reason', `${last?.status} ${last?.reason}`, `REJECTED ${expected}`);
    check.equal('balance in cents', await balance(ada), 40_020);
  };
  await story.step('A floor loom is more than she has: everything is given back', async (check) => {
    await rejected(
      check,
      await place([
        [scarf, 1],
        [loom, 1],
      ]),
      'INSUFFICIENT_FUNDS',
    );
    await stockOf(check, scarf, 3);
    await stockOf(check, loom, 2);
  });
  const tooMany = await story.step('Four scarves are more than there are', async (check) => {
    const placed = await place([[scarf, 4]]);
    await rejected(check, placed, 'OUT_OF_STOCK');
    await stockOf(check, scarf, 3);
    return placed;
  });
  await story.step('The price is another than the one she saw', async (check) => {
    await rejected(check, await place([[scarf, 1]], { expectedTotal: euros(3_990) }), 'PRICE_CHANGED');
  });
  await story.step('There is no such product', async (check) => {
    await rejected(check, await place([[{ ...scarf, id: randomUUID() }, 1]]), 'PRODUCT_NOT_FOUND');
  });
  const cancel = (id: string) => post<Order>(`/v1/orders/${id}:cancel`, {}, ada);
  await story.step(
    'She orders a scarf and cancels at once: before or after the shop has confirmed it, it is cancelled',
    async (check) => {
      const placed = await place([[scarf, 1]]);
      const { status, total } = await cancel(placed.id);
      check.equal('status', status, 'CANCELLED');
      check.note(total === undefined ? 'the cancel was first' : 'the shop was first');
      await stockOf(check, scarf, 3);
      check.equal('balance in cents', await settled(() => balance(ada), 40_020), 40_020);
    },
  );
  await story.step(
    'Her two scarves can be cancelled even now: paid is refunded and sold is for sale again, once',
    async (check) => {
      for (let n = 0; n < 2; n++) check.equal('status', (await cancel(order.id)).status, 'CANCELLED');
      await stockOf(check, scarf, 5);
      check.equal('balance in cents', await settled(() => balance(ada), 50_000), 50_000);
    },
  );
  await story.step('A rejected order cannot be cancelled', async (check) => {
    await refused(check, `/v1/orders/${tooMany.id}:cancel`, {}, '400 FAILED_PRECONDITION', ada);
  });
  await story.step('The timeline merges what the three services did', async (check) => {
    const { events } = await get<{ events: { service: string; step: string; toState: string }[] }>(
      `/v1/orders/${order.id}:timeline`,
      ada,
    );
    for (const { service, step, toState } of events) check.note(`${service}: ${step} → ${toState}`);
    check.equal('services', [...new Set(events.map(({ service }) => service))].sort(), [
      'catalog',
      'identity',
      'ordering',
    ]);
    const followed = events.flatMap(({ step }) => step.split('/')[1] ?? []);
    for (const must of ['CancelOrder', 'RefundOrder', 'Restock'])
      check.equal(`times ${must}`, followed.filter((step) => step === must).length, 1);
  });
  await story.step('What is not hers or not allowed is refused', async (check) => {
    await refused(
      check,
      '/v1/products',
      { sku: 'X', name: 'X', price: euros(1) },
      '403 PERMISSION_DENIED',
      ada,
    );
    await refused(
      check,
      '/v1/orders',
      { items: [{ productId: scarf.id, quantity: 1 }] },
      '401 UNAUTHENTICATED',
    );
    await refused(
      check,
      '/v1/orders',
      { items: [{ productId: scarf.id, quantity: 0 }] },
      '400 INVALID_ARGUMENT',
      ada,
    );
    const eve = `eve-${randomUUID()}@example.com`;
    await post('/v1/users', { email: eve, password, displayName: 'Eve' });
    const hers = await ask(url, 'GET', `/v1/orders/${order.id}`, { token: await signIn(url, eve, password) });
    check.equal("Ada's order for Eve", hers.status, 404);
  });
  for (const { id } of [scarf, loom]) await call(url, 'DELETE', `/v1/products/${id}`, { token: adminToken });
  process.stdout.write('\nAs told, every step.\n');
});

/** What the services still owe each other after a decision comes within moments: asks until it is as expected. */
async function settled<T>(ask: () => Promise<T>, expected: T): Promise<T> {
  await waitFor(async () => isDeepStrictEqual(await ask(), expected), 10_000, 25);
  return ask();
}
