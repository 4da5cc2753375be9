import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Person } from '@weft/tools/shop-api';
import { startSystem, type System } from '@weft/tools/system';
import { audit } from './audit.ts';
import { sameProducts } from './product-copies.ts';
import { eur, expectOk, Rest, until, type Json } from './rest.ts';

// What the shop promises, on the whole system: four processes, a real etcd, a real database.

let system: System;
let rest: Rest;
let admin: string;

beforeAll(async () => {
  system = await startSystem();
  rest = new Rest(system.edgeUrl);
  admin = await rest.signIn(system.admin.email, system.admin.password);
}, 120_000);

afterAll(async () => {
  await system?.stop();
}, 60_000);

const reason = (body: Json): string | undefined =>
  body.error.details.find((d: Json) => d['@type'].endsWith('google.rpc.ErrorInfo'))?.reason;
const fields = (body: Json): string[] =>
  body.error.details
    .filter((d: Json) => d['@type'].endsWith('google.rpc.BadRequest'))
    .flatMap((d: Json) => d.fieldViolations.map((v: Json) => v.field));

describe('an order', () => {
  test('is PENDING at once and CONFIRMED soon, with stock and wallet exactly right', async () => {
    const product = await rest.product(admin, 12.34, 10);
    const buyer = await rest.person(100);
    const order = await rest.order(buyer.token, product.id, 3);
    expect(order).toMatchObject({ status: 'PENDING', userId: buyer.id });
    const settled = await rest.settled(buyer.token, order.id);
    expect(settled).toMatchObject({
      status: 'CONFIRMED',
      total: { currencyCode: 'EUR', units: '37', nanos: 20_000_000 },
      items: [{ productId: product.id, name: product.name, quantity: 3, unitPrice: eur(12.34) }],
    });
    expect(await rest.cents(buyer.token)).toBe(10_000 - 3_702);
    await until(
      () => rest.stock(product.id),
      (s) => s.available === 7 && s.reserved === 0,
    );
  });

  test('that is CONFIRMED can be cancelled: refunded and back in stock once, and its timeline tells', async () => {
    const product = await rest.product(admin, 12.34, 10);
    const buyer = await rest.person(100);
    const order = await rest.order(buyer.token, product.id, 3);
    await rest.settled(buyer.token, order.id);
    const cancel = () => rest.post(`/v1/orders/${order.id}:cancel`, {}, buyer.token);
    for (const answer of await Promise.all([cancel(), cancel()]))
      expect(expectOk(answer)).toMatchObject({ status: 'CANCELLED', total: { units: '37' } });
    await until(
      () => rest.stock(product.id),
      (s) => s.available === 10 && s.reserved === 0,
    );
    await until(
      () => rest.cents(buyer.token),
      (cents) => cents === 10_000,
    );
    const watched = await rest.settled(buyer.token, order.id);
    expect(watched.status).toBe('CANCELLED');
    const { events } = expectOk(await rest.get(`/v1/orders/${order.id}:timeline`, buyer.token));
    const followed = events.map((e: Json) => `${e.service} ${e.step.split('/')[1]} ${e.toState}`);
    for (const event of [
      'ordering CancelOrder COMMITTED',
      'identity RefundOrder COMMITTED',
      'catalog Restock COMMITTED',
    ])
      expect(followed.filter((each: string) => each === event)).toEqual([event]);
  });

  test('that cannot be paid for is REJECTED and everything is given back', async () => {
    const product = await rest.product(admin, 60, 10);
    const buyer = await rest.person(100);
    const order = await rest.order(buyer.token, product.id, 2);
    expect(await rest.settled(buyer.token, order.id)).toMatchObject({
      status: 'REJECTED',
      reason: 'INSUFFICIENT_FUNDS',
    });
    await until(
      () => rest.stock(product.id),
      (s) => s.available === 10 && s.reserved === 0,
    );
    expect(await rest.cents(buyer.token)).toBe(10_000);
  });

  test('of more than there is, is REJECTED and nothing changes', async () => {
    const product = await rest.product(admin, 1, 2);
    const buyer = await rest.person(100);
    const order = await rest.order(buyer.token, product.id, 3);
    expect(await rest.settled(buyer.token, order.id)).toMatchObject({
      status: 'REJECTED',
      reason: 'OUT_OF_STOCK',
    });
    expect(await rest.stock(product.id)).toEqual({ available: 2, reserved: 0 });
    expect(await rest.cents(buyer.token)).toBe(10_000);
  });

  test('of an unknown product is REJECTED', async () => {
    const buyer = await rest.person(100);
    const order = await rest.order(buyer.token, randomUUID(), 1);
    expect(await rest.settled(buyer.token, order.id)).toMatchObject({
      status: 'REJECTED',
      reason: 'PRODUCT_NOT_FOUND',
    });
  });

  test('at another total than the one expected is REJECTED', async () => {
    const product = await rest.product(admin, 10, 5);
    const buyer = await rest.person(100);
    const order = await rest.order(buyer.token, product.id, 1, { expectedTotal: eur(9.99) });
    expect(await rest.settled(buyer.token, order.id)).toMatchObject({
      status: 'REJECTED',
      reason: 'PRICE_CHANGED',
    });
    expect(await rest.stock(product.id)).toEqual({ available: 5, reserved: 0 });
  });

  test('can be watched until it is final, and its timeline tells of all three services', async () => {
    const product = await rest.product(admin, 5, 5);
    const buyer = await rest.person(100);
    const order = await rest.order(buyer.token, product.id, 1);
    const stream = await fetch(`${system.edgeUrl}/v1/orders/${order.id}:watch`, {
      headers: { authorization: `Bearer ${buyer.token}`, accept: 'application/x-ndjson' },
      signal: AbortSignal.timeout(10_000),
    });
    const seen = (await stream.text())
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).status);
    expect(seen.at(-1)).toBe('CONFIRMED');
    const timeline = await until(
      async () => expectOk(await rest.get(`/v1/orders/${order.id}:timeline`, buyer.token)),
      ({ events }) => events.some((e: Json) => e.step.endsWith('Reserve') && e.toState === 'COMMITTED'),
    );
    expect(new Set(timeline.events.map((e: Json) => e.service))).toEqual(
      new Set(['catalog', 'identity', 'ordering']),
    );
    const times: number[] = timeline.events.map((e: Json) => Date.parse(e.time));
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });

  test('50 buyers at once of the last 10 pieces: exactly 10 are sold', async () => {
    const product = await rest.product(admin, 1, 10);
    const buyers: Person[] = [];
    // To hash 50 passwords at once takes longer than a busy machine has for one call.
    while (buyers.length < 50)
      buyers.push(...(await Promise.all(Array.from({ length: 5 }, () => rest.person(10)))));
    const orders = await Promise.all(
      buyers.map(async ({ token }) => ({ token, order: await rest.order(token, product.id, 1) })),
    );
    const settled = await Promise.all(orders.map(({ token, order }) => rest.settled(token, order.id)));
    expect(settled.filter((o) => o.status === 'CONFIRMED')).toHaveLength(10);
    expect(settled.filter((o) => o.reason === 'OUT_OF_STOCK')).toHaveLength(40);
    await until(
      () => rest.stock(product.id),
      (s) => s.available === 0 && s.reserved === 0,
    );
    const left = await Promise.all(buyers.map(({ token }) => rest.cents(token)));
    expect(left.filter((cents) => cents === 900)).toHaveLength(10);
  }, 60_000);
});

describe('an Idempotency-Key', () => {
  const place = (token: string, key: string, productId: string, quantity = 1) =>
    rest.post('/v1/orders', { items: [{ productId, quantity }] }, token, { 'idempotency-key': key });

  test('sent again gives the first answer; with another body it is refused', async () => {
    const product = await rest.product(admin, 1, 100);
    const buyer = await rest.person(100);
    const key = randomUUID();
    const first = expectOk(await place(buyer.token, key, product.id));
    await rest.settled(buyer.token, first.id);
    expect(expectOk(await place(buyer.token, key, product.id))).toEqual(first);
    const other = await place(buyer.token, key, product.id, 2);
    expect(other.status).toBe(409);
    expect(other.body.error.status).toBe('ALREADY_EXISTS');
    expect(reason(other.body)).toBe('IDEMPOTENCY_KEY_REUSED');
  });

  test('50 times at once gives one order', async () => {
    const product = await rest.product(admin, 1, 100);
    const buyer = await rest.person(100);
    const key = randomUUID();
    const answers = await Promise.all(Array.from({ length: 50 }, () => place(buyer.token, key, product.id)));
    expect(new Set(answers.map((answer) => expectOk(answer).id)).size).toBe(1);
    await until(
      () => rest.stock(product.id),
      (s) => s.available === 99 && s.reserved === 0,
    );
  });

  test('of another person is another key', async () => {
    const product = await rest.product(admin, 1, 100);
    const [one, two] = [await rest.person(10), await rest.person(10)];
    const key = randomUUID();
    const first = expectOk(await place(one.token, key, product.id));
    const second = expectOk(await place(two.token, key, product.id));
    expect(second.id).not.toBe(first.id);
  });
});

describe('bad input gets a clear error that names its field:', () => {
  let token: string;
  let productId: string;
  beforeAll(async () => {
    token = (await rest.person(10)).token;
    productId = (await rest.product(admin, 1, 1000)).id;
  });
  const order = (body: unknown) => rest.post('/v1/orders', body, token);
  const item = (quantity: unknown, id: unknown = productId) => ({ items: [{ productId: id, quantity }] });

  test.each<[string, () => unknown, string]>([
    ['a negative quantity', () => item(-1), 'items[0].quantity'],
    ['a quantity of 0', () => item(0), 'items[0].quantity'],
    ['a quantity of the wrong type', () => item('many'), 'items[0].quantity'],
    ['a quantity that is no whole number', () => item(1.5), 'items[0].quantity'],
    ['a quantity beyond 32 bits', () => item(2 ** 33), 'items[0].quantity'],
    ['an empty order', () => ({ items: [] }), 'items'],
    ['an order of nothing', () => ({}), 'items'],
    [
      '1,000 items',
      () => ({ items: Array.from({ length: 1000 }, () => ({ productId: randomUUID(), quantity: 1 })) }),
      'items',
    ],
    ['a product id that is none', () => item(1, 'shoe'), 'items[0].productId'],
    ['the same product twice', () => ({ items: [...item(1).items, ...item(2).items] }), 'items[1].productId'],
    [
      'a total with too many digits',
      () => ({ ...item(1), expectedTotal: { currencyCode: 'EUR', units: '1', nanos: 1 } }),
      'expectedTotal.nanos',
    ],
    [
      'a total in another currency',
      () => ({ ...item(1), expectedTotal: { currencyCode: 'USD', units: '1' } }),
      'expectedTotal.currencyCode',
    ],
  ])('%s', async (_, body, field) => {
    const answer = await order(body());
    expect(answer.status).toBe(400);
    expect(answer.body.error.status).toBe('INVALID_ARGUMENT');
    expect(fields(answer.body)).toContain(field);
  });

  test.each([
    ['too much at once', { units: '10001' }, 'amount'],
    ['less than a cent', { units: '1', nanos: 1 }, 'amount.nanos'],
    ['another currency', { currencyCode: 'USD', units: '1' }, 'amount.currencyCode'],
    ['nothing', { units: '0' }, 'amount'],
    ['a negative amount', { units: '-5' }, 'amount'],
    ['more digits than a number has', { units: '99999999999999999999' }, 'amount.units'],
  ])('a top-up of %s', async (_, amount, field) => {
    const answer = await rest.post('/v1/wallet:topUp', { amount: { currencyCode: 'EUR', ...amount } }, token);
    expect(answer.status).toBe(400);
    expect(fields(answer.body).join()).toContain(field);
    expect(await rest.cents(token)).toBe(1000);
  });

  test.each([
    ['an address that is none', { email: 'nobody' }, 'email'],
    ['an overlong name', { displayName: 'x'.repeat(101) }, 'displayName'],
    ['a short password', { password: 'short' }, 'password'],
    ['an overlong password', { password: 'x'.repeat(129) }, 'password'],
  ])('an account with %s', async (_, change, field) => {
    const body = { email: `${randomUUID()}@example.com`, password: 'a long passphrase', displayName: 'A' };
    const answer = await rest.post('/v1/users', { ...body, ...change });
    expect(answer.status).toBe(400);
    expect(fields(answer.body)).toContain(field);
  });

  test('malformed JSON', async () => {
    const answer = await order('{"items": [');
    expect(answer.status).toBe(400);
    expect(answer.body.error.status).toBe('INVALID_ARGUMENT');
  });

  test('invalid UTF-8', async () => {
    const body = Buffer.concat([
      Buffer.from('{"items": [{"productId": "'),
      Buffer.from([0xc3, 0x28]),
      Buffer.from('"}]}'),
    ]);
    const answer = await order(body);
    expect(answer.status).toBe(400);
    expect(answer.body.error.status).toBe('INVALID_ARGUMENT');
  });

  test('an unknown route, and a known one with another method', async () => {
    const unknown = await rest.get('/v1/nothing');
    expect([unknown.status, unknown.body.error.status]).toEqual([404, 'NOT_FOUND']);
    const method = await rest.call('DELETE', '/v1/wallet', { token });
    expect(method.status).toBe(405);
    expect(method.headers.get('allow')).toContain('GET');
  });

  test('an overlong query and a page token that is none', async () => {
    const query = await rest.get(`/v1/products?query=${'x'.repeat(201)}`);
    expect([query.status, fields(query.body)]).toEqual([400, ['query']]);
    const page = await rest.get('/v1/products?pageToken=nonsense');
    expect([page.status, fields(page.body)]).toEqual([400, ['pageToken']]);
  });

  test('an unknown product', async () => {
    const answer = await rest.get(`/v1/products/${randomUUID()}`);
    expect([answer.status, answer.body.error.status]).toEqual([404, 'NOT_FOUND']);
  });

  test('a cancel of an order that was rejected', async () => {
    const placed = expectOk(await order(item(1, randomUUID())));
    await rest.settled(token, placed.id);
    const answer = await rest.post(`/v1/orders/${placed.id}:cancel`, {}, token);
    expect([answer.status, answer.body.error.status]).toEqual([400, 'FAILED_PRECONDITION']);
  });
});

describe('access', () => {
  const jwt = (header: object, claims: object) =>
    `${[header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.`;

  test('without a token, with a forged one, or with one that is not signed: UNAUTHENTICATED', async () => {
    const { token, id } = await rest.person();
    const [header = '', payload = '', signature = ''] = token.split('.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
    const raised = Buffer.from(JSON.stringify({ ...claims, roles: ['admin'] })).toString('base64url');
    const expired = Buffer.from(JSON.stringify({ ...claims, exp: 1 })).toString('base64url');
    const tokens = {
      none: undefined,
      garbage: 'garbage',
      'another payload': `${header}.${raised}.${signature}`,
      'an expired payload': `${header}.${expired}.${signature}`,
      'alg none': jwt({ alg: 'none', typ: 'JWT' }, { ...claims, sub: id }),
      'alg HS256': `${jwt({ alg: 'HS256', typ: 'JWT' }, claims)}c2lnbmF0dXJl`,
    };
    for (const [name, bad] of Object.entries(tokens)) {
      const answer = await rest.get('/v1/users/me', bad);
      expect([name, answer.status, answer.body.error.status]).toEqual([name, 401, 'UNAUTHENTICATED']);
    }
    expect((await rest.get('/v1/users/me', token)).status).toBe(200);
  });

  test("another's order does not exist, but does for an admin", async () => {
    const product = await rest.product(admin, 1, 10);
    const [owner, stranger] = [await rest.person(10), await rest.person()];
    const order = await rest.order(owner.token, product.id, 1);
    for (const path of ['', ':watch', ':timeline'])
      expect((await rest.get(`/v1/orders/${order.id}${path}`, stranger.token)).status).toBe(404);
    expect((await rest.post(`/v1/orders/${order.id}:cancel`, {}, stranger.token)).status).toBe(404);
    expect((await rest.get(`/v1/orders/${order.id}`, admin)).status).toBe(200);
    expect(expectOk(await rest.get('/v1/orders', stranger.token)).orders).toEqual([]);
  });

  test('what admins do is refused to users', async () => {
    const { token } = await rest.person();
    const answer = await rest.post('/v1/products', { sku: 'X', name: 'X', price: eur(1) }, token);
    expect([answer.status, answer.body.error.status]).toEqual([403, 'PERMISSION_DENIED']);
  });

  test('internal methods are not reachable through the edge', async () => {
    for (const path of ['/shop.catalog.v1.StockService/Reserve', '/shop.identity.v1.WalletService/Charge'])
      expect((await rest.post(path, {}, admin)).status).toBe(404);
  });

  test('internal methods are refused to the operator, with and without a token', async () => {
    for (const token of [undefined, admin])
      await expect(system.call('shop.identity.v1.WalletService/Refund', {}, token)).rejects.toMatchObject({
        code: 7,
      });
    await expect(system.call('shop.identity.v1.WalletService/GetWallet', {}, admin)).resolves.toMatchObject({
      userId: expect.any(String),
    });
  });

  test('an old refresh token ends the session', async () => {
    const person = await rest.person();
    const first = expectOk(
      await rest.post('/v1/sessions', { email: person.email, password: person.password }),
    );
    const second = expectOk(await rest.post('/v1/sessions:refresh', { refreshToken: first.refreshToken }));
    const third = expectOk(await rest.post('/v1/sessions:refresh', { refreshToken: second.refreshToken }));
    expect((await rest.post('/v1/sessions:refresh', { refreshToken: first.refreshToken })).status).toBe(401);
    expect((await rest.post('/v1/sessions:refresh', { refreshToken: third.refreshToken })).status).toBe(401);
  });
});

describe('the catalog', () => {
  test('changes what the body names, and only if nothing changed since', async () => {
    const product = await rest.product(admin, 10, 1);
    const patch = (body: object) => rest.call('PATCH', `/v1/products/${product.id}`, { token: admin, body });
    const renamed = expectOk(await patch({ name: 'New name', etag: product.etag }));
    expect(renamed).toMatchObject({ name: 'New name', price: product.price, stock: product.stock });
    const stale = await patch({ name: 'Another', etag: product.etag });
    expect([stale.status, stale.body.error.status]).toEqual([409, 'ABORTED']);
  });

  test('renames a product, and a new order has the new name at once', async () => {
    const product = await rest.product(admin, 10, 1);
    const { token } = await rest.person();
    const name = `Renamed ${product.sku}`;
    expectOk(await rest.call('PATCH', `/v1/products/${product.id}`, { token: admin, body: { name } }));
    const told = await until(
      () => rest.order(token, product.id, 1),
      (order) => order.items[0].name === name,
      5_000,
    );
    expect(told).toMatchObject({ status: 'PENDING', items: [{ name, unitPrice: eur(10) }] });
    expect(told.total).toBeUndefined();
  });

  test('pages through everything once', async () => {
    const seen: string[] = [];
    let pageToken = '';
    do {
      const query = new URLSearchParams({ pageSize: '7', pageToken });
      const page = expectOk(await rest.get(`/v1/products?${query.toString()}`));
      seen.push(...page.products.map((p: Json) => p.id));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(seen.length).toBeGreaterThanOrEqual(30);
    expect(new Set(seen).size).toBe(seen.length);
  });

  test('finds by query, gets several at once, deletes', async () => {
    const [one, two] = [await rest.product(admin, 1, 0), await rest.product(admin, 2, 0)];
    const found = expectOk(await rest.get(`/v1/products?query=${one.sku.toLowerCase()}`));
    expect(found.products.map((p: Json) => p.id)).toEqual([one.id]);
    const batch = expectOk(await rest.get(`/v1/products:batchGet?ids=${two.id}&ids=${one.id}`));
    expect(batch.products.map((p: Json) => p.id)).toEqual([two.id, one.id]);
    expect((await rest.call('DELETE', `/v1/products/${one.id}`, { token: admin })).status).toBe(200);
    expect((await rest.get(`/v1/products/${one.id}`)).status).toBe(404);
  });
});

describe('when something dies', () => {
  test.each(['catalog', 'identity', 'ordering'] as const)(
    '%s is killed in the middle of 200 orders: each becomes final and nothing is astray',
    async (service) => {
      const before = await audit(system);
      const product = await rest.product(admin, 1, 150);
      const buyers = await Promise.all(Array.from({ length: 10 }, () => rest.person(25)));
      const placed: { token: string; id: string }[] = [];
      const place = async (index: number) => {
        const { token = '' } = buyers[index % buyers.length] ?? {};
        const key = randomUUID();
        // A person whose request failed sends it again, under the same key.
        const order = await until(
          () =>
            rest.post('/v1/orders', { items: [{ productId: product.id, quantity: 1 }] }, token, {
              'idempotency-key': key,
            }),
          (answer) => answer.status === 200,
          20_000,
          200,
        );
        placed.push({ token, id: order.body.id });
      };
      const all = (async () => {
        for (let start = 0; start < 200; start += 10)
          await Promise.all(Array.from({ length: 10 }, (_, index) => place(start + index)));
      })();
      await until(
        async () => placed.length,
        (count) => count >= 60,
        30_000,
        5,
      );
      await system.kill(service, 'SIGKILL');
      await system.start(service);
      await all;
      const orders = await Promise.all(placed.map(({ token, id }) => rest.settled(token, id, 60_000)));
      const count = (status: string) => orders.filter((order) => order.status === status).length;
      expect(count('CONFIRMED') + count('REJECTED')).toBe(200);
      expect(count('CONFIRMED')).toBeLessThanOrEqual(150);
      const sums = await until(
        () => audit(system),
        (found) => found.holds === 0 && found.outbox === 0,
        40_000,
        200,
      );
      expect(sums.faults).toEqual([]);
      expect(sums.soldPieces - before.soldPieces).toBe(count('CONFIRMED'));
      expect(await rest.stock(product.id)).toEqual({ available: 150 - count('CONFIRMED'), reserved: 0 });
    },
    120_000,
  );

  test('etcd stops for longer than a lease: no request fails; it comes back empty: all are registered again', async () => {
    const stop = traffic();
    await system.etcd.kill('SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 12_000));
    await system.etcd.restart({ empty: true });
    const services = [
      'shop.catalog.v1.ProductService',
      'shop.identity.v1.WalletService',
      'shop.ordering.v1.OrderService',
    ];
    await until(
      () => system.registered(),
      (names) => services.every((name) => names.includes(name)),
      20_000,
    );
    // And its clients see changes again: a new instance gets calls.
    const second = await system.start('catalog', { instance: 2 });
    await until(
      () => system.served(second),
      (calls) => calls > 0,
      20_000,
    );
    await system.kill(second, 'SIGTERM');
    expect(await stop()).toEqual([]);
  }, 120_000);

  test('two catalogs share the traffic; one leaves and no request fails; one dies and reads go on', async () => {
    const stop = traffic();
    const second = await system.start('catalog', { instance: 2 });
    await until(
      async () => [await system.served('catalog'), await system.served(second)],
      ([a = 0, b = 0]) => a > 20 && b > 20,
      20_000,
    );
    await system.kill(second, 'SIGTERM');
    const third = await system.start('catalog', { instance: 2 });
    await until(
      () => system.served(third),
      (calls) => calls > 20,
      20_000,
    );
    await system.kill(third, 'SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(await stop()).toEqual([]);
  }, 60_000);

  test('both sides of a feed are killed while products change: the copy is what the catalog has', async () => {
    const products: Json[] = [];
    for (let n = 0; n < 5; n++) products.push(await rest.product(admin, 1, 0));
    let writing = true;
    const renaming = (async () => {
      for (let n = 0; writing; n++) {
        const path = `/v1/products/${products[n % products.length].id}`;
        // One that fails while the catalog is away was made or was not: the copy has to agree in any case.
        await rest.call('PATCH', path, { token: admin, body: { name: `Name ${n}` } });
      }
    })();
    for (const name of ['ordering', 'catalog'] as const) {
      await system.kill(name, 'SIGKILL');
      await system.start(name);
    }
    writing = false;
    await renaming;
    await sameProducts(system.databaseUrls);
  }, 60_000);

  test('the database goes away: UNAVAILABLE within the deadline, and it recovers by itself', async () => {
    await system.database.kill('SIGKILL');
    const askedAt = performance.now();
    const answer = await rest.get('/v1/products');
    expect([answer.status, answer.body.error.status]).toEqual([503, 'UNAVAILABLE']);
    expect(performance.now() - askedAt).toBeLessThan(6_000);
    const ready = () => fetch(system.readyUrl('catalog'));
    expect((await until(ready, ({ ok }) => !ok)).status).toBe(503);
    await system.database.restart();
    await until(ready, ({ ok }) => ok, 20_000);
    await until(
      () => rest.get('/v1/products'),
      ({ status }) => status === 200,
      20_000,
    );
  }, 60_000);

  /** Reads and orders all the while. The returned function ends it and tells what failed. */
  function traffic(): () => Promise<string[]> {
    const failures: string[] = [];
    let running = true;
    const note = (what: string, answer: { status: number; body: Json }) => {
      if (answer.status !== 200) failures.push(`${what}: ${answer.status} ${JSON.stringify(answer.body)}`);
    };
    const reads = async () => {
      while (running) note('read', await rest.get('/v1/products?pageSize=1'));
    };
    const orders = async () => {
      const product = await rest.product(admin, 1, 100_000);
      const { token } = await rest.person(5_000);
      while (running) {
        note(
          'order',
          await rest.post('/v1/orders', { items: [{ productId: product.id, quantity: 1 }] }, token),
        );
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };
    const all = [reads(), reads(), orders()];
    return async () => {
      running = false;
      await Promise.all(all);
      return failures;
    };
  }
});
