import { randomUUID } from 'node:crypto';
import { call } from '@weft/tools/rest';
import { euros, newPerson, signIn, type Order, type Person, type Product } from '@weft/tools/shop-api';
import type { HttpClient } from '../system/http-client.ts';
import type { PrivateSystem } from '../system/private-system.ts';

/** Products of one cent, and people who can pay for thousands of them. */
export interface Market {
  readonly products: readonly string[];
  readonly buyers: readonly Person[];
  /** Places the order of this index: product and buyer in turns. */
  place(client: HttpClient, index: number): Promise<Order>;
}

/** Makes `products` products with `pieces` pieces each, to be bought by `buyers`. */
export async function openMarket(
  { url, admin }: PrivateSystem,
  { products, pieces }: { readonly products: number; readonly pieces: number },
  buyers: readonly Person[],
): Promise<Market> {
  const token = await signIn(url, admin.email, admin.password);
  const body = () => ({
    sku: `BENCH-${randomUUID()}`,
    name: 'A bobbin',
    price: euros(1),
    stock: { available: pieces },
  });
  const made = await Promise.all(
    Array.from({ length: products }, () =>
      call<Product>(url, 'POST', '/v1/products', { token, body: body() }),
    ),
  );
  const ids = made.map(({ id }) => id);
  return {
    products: ids,
    buyers,
    async place(client, index) {
      const items = [{ productId: ids[index % ids.length], quantity: 1 }];
      const token = buyers[index % buyers.length]?.token;
      return JSON.parse(await client.send('POST', '/v1/orders', token, { items })) as Order;
    },
  };
}

/** Signs up `count` people with some money, eight at once: each takes two hashes of a password. */
export async function people(url: string, count: number, walletCents: number): Promise<Person[]> {
  const made: Person[] = [];
  let begun = 0;
  const lane = async () => {
    while (begun++ < count) made.push(await newPerson(url, walletCents));
  };
  await Promise.all(Array.from({ length: 8 }, lane));
  return made;
}
