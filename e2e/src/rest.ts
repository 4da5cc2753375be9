import { randomUUID } from 'node:crypto';
import { ask, type Answer as RestAnswer, type RestOptions } from '@weft/tools/rest';
import { cents, euros, newPerson, signIn, type Person } from '@weft/tools/shop-api';

// The tests read JSON of many shapes: what is not there reads as undefined, and the expectation fails.
// oxlint-disable-next-line typescript/no-explicit-any
export type Json = any;
export type Answer = Omit<RestAnswer, 'body'> & { readonly body: Json };

/** A REST client of one edge. */
export class Rest {
  readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  call(method: string, path: string, options: RestOptions = {}): Promise<Answer> {
    return ask(this.url, method, path, options);
  }

  get(path: string, token?: string): Promise<Answer> {
    return this.call('GET', path, { token });
  }

  post(path: string, body: unknown, token?: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.call('POST', path, { token, body, headers });
  }

  /** Signs a new person up and in, with this many euros in the wallet. */
  person(amount = 0): Promise<Person> {
    return newPerson(this.url, amount * 100);
  }

  signIn(email: string, password: string): Promise<string> {
    return signIn(this.url, email, password);
  }

  /** A new product at this price, with this many pieces. */
  async product(adminToken: string, price: number, pieces: number): Promise<Json> {
    const sku = `TEST-${randomUUID()}`;
    const body = { sku, name: `Product ${sku}`, price: eur(price) };
    const product = expectOk(await this.post('/v1/products', body, adminToken));
    if (pieces === 0) return product;
    return expectOk(await this.post(`/v1/products/${product.id}:adjustStock`, { delta: pieces }, adminToken));
  }

  /** Places an order, once: asks again under the same key when the shop is too busy or away to answer. */
  async order(token: string, productId: string, quantity: number, extra: object = {}): Promise<Json> {
    const body = { items: [{ productId, quantity }], ...extra };
    const key = { 'idempotency-key': randomUUID() };
    const busy = ({ status }: Answer) => status === 429 || status === 503;
    return expectOk(
      await until(
        () => this.post('/v1/orders', body, token, key),
        (answer) => !busy(answer),
        20_000,
      ),
    );
  }

  async stock(productId: string): Promise<{ available: number; reserved: number }> {
    return expectOk(await this.get(`/v1/products/${productId}`)).stock;
  }

  /** The wallet's balance in cents. */
  async cents(token: string): Promise<number> {
    return cents(expectOk(await this.get('/v1/wallet', token)).balance);
  }

  /** The order once it is no longer PENDING. Asks again when the shop is too busy or away to answer. */
  async settled(token: string, orderId: string, timeoutMs = 40_000): Promise<Json> {
    const answer = await until(
      () => this.get(`/v1/orders/${orderId}`, token),
      ({ status, body }) => status < 500 && body.status !== 'PENDING',
      timeoutMs,
    );
    return expectOk(answer);
  }
}

/** An amount in euros as google.type.Money. */
export const eur = (amount: number) => euros(Math.round(amount * 100));

/** The body of an answer that must be 2xx; otherwise throws what the edge said. */
export function expectOk(answer: Answer): Json {
  if (answer.status < 200 || answer.status > 299)
    throw new Error(`HTTP ${answer.status}: ${JSON.stringify(answer.body)}`);
  return answer.body;
}

/** Asks again every `everyMs` until the answer is as wanted; throws the last one after `timeoutMs`. */
export async function until<T>(
  ask: () => Promise<T>,
  wanted: (value: T) => boolean,
  timeoutMs = 10_000,
  everyMs = 25,
): Promise<T> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const value = await ask();
    if (wanted(value)) return value;
    if (Date.now() > end)
      throw new Error(`still not as wanted after ${timeoutMs} ms: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
