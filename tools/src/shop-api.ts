import { randomUUID } from 'node:crypto';
import { call } from './rest.ts';

// The JSON of the contracts, as far as the tools read it.

export interface Money {
  readonly currencyCode: string;
  readonly units?: string;
  readonly nanos?: number;
}
export interface Product {
  readonly id: string;
  readonly sku: string;
  readonly name: string;
  readonly price: Money;
  readonly stock?: { readonly available?: number; readonly reserved?: number };
}
export interface ProductPage {
  readonly products?: readonly Product[];
  readonly nextPageToken?: string;
}
export interface Order {
  readonly id: string;
  readonly status: string;
  readonly reason?: string;
  readonly total?: Money;
}
export interface Session {
  readonly accessToken: string;
  readonly refreshToken: string;
}

export interface Person {
  readonly id: string;
  readonly email: string;
  readonly password: string;
  /** An access token. */
  readonly token: string;
}

/** An amount in cents as google.type.Money. */
export function euros(cents: number): Money {
  return { currencyCode: 'EUR', units: String(Math.trunc(cents / 100)), nanos: (cents % 100) * 10_000_000 };
}

/** The cents of a google.type.Money. */
export function cents(money: Money | undefined): number {
  return Number(money?.units ?? 0) * 100 + Math.round(Number(money?.nanos ?? 0) / 10_000_000);
}

/** Signs in; returns the access token. */
export async function signIn(url: string, email: string, password: string): Promise<string> {
  return (await call<Session>(url, 'POST', '/v1/sessions', { body: { email, password } })).accessToken;
}

/** Signs a new person up and in, with this much in the wallet. */
export async function newPerson(url: string, walletCents: number): Promise<Person> {
  const email = `${randomUUID()}@example.com`;
  const password = randomUUID();
  const body = { email, password, displayName: 'A Person' };
  const { id } = await call<{ readonly id: string }>(url, 'POST', '/v1/users', { body });
  const token = await signIn(url, email, password);
  const limitCents = 1_000_000;
  for (let rest = walletCents; rest > 0; rest -= limitCents) {
    const amount = euros(Math.min(rest, limitCents));
    await call(url, 'POST', '/v1/wallet:topUp', { token, body: { amount } });
  }
  return { id, email, password, token };
}

/** Every product, page by page. */
export async function allProducts(url: string): Promise<readonly Product[]> {
  const products: Product[] = [];
  let pageToken = '';
  do {
    const query = new URLSearchParams({ pageSize: '1000', pageToken });
    const page = await call<ProductPage>(url, 'GET', `/v1/products?${query.toString()}`);
    products.push(...(page.products ?? []));
    pageToken = page.nextPageToken ?? '';
  } while (pageToken !== '');
  return products;
}
