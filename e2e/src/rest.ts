import { randomUUID } from 'node:crypto';

/** What the edge answered. `body` is the parsed JSON, or undefined where there is none. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // The tests read JSON of many shapes: what is not there reads as undefined, and the expectation fails.
  readonly body: Json;
}
// oxlint-disable-next-line typescript/no-explicit-any
export type Json = any;

export interface Call {
  readonly token?: string | undefined;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

/** A REST client of one edge. */
export class Rest {
  readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  async call(method: string, path: string, { token, body, headers }: Call = {}): Promise<Answer> {
    const raw = typeof body === 'string' || body instanceof Uint8Array;
    const response = await fetch(this.url + path, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: raw ? (body as string) : JSON.stringify(body) }),
      signal: AbortSignal.timeout(15_000),
    });
    const text = await response.text();
    const json = response.headers.get('content-type')?.startsWith('application/json') === true;
    return { status: response.status, headers: response.headers, body: json ? JSON.parse(text) : undefined };
  }

  get(path: string, token?: string): Promise<Answer> {
    return this.call('GET', path, { token });
  }

  post(path: string, body: unknown, token?: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.call('POST', path, { token, body, headers });
  }

  /** Signs a new person up and in, with this many euros in the wallet. */
  async person(euros = 0): Promise<Person> {
    const email = `${randomUUID()}@example.com`;
    const password = randomUUID();
    const user = expectOk(await this.post('/v1/users', { email, password, displayName: 'A Person' }));
    const token = await this.signIn(email, password);
    if (euros > 0) expectOk(await this.post('/v1/wallet:topUp', { amount: eur(euros) }, token));
    return { id: user.id, email, password, token };
  }

  async signIn(email: string, password: string): Promise<string> {
    return expectOk(await this.post('/v1/sessions', { email, password })).accessToken;
  }

  /** A new product at this price, with this many pieces. */
  async product(adminToken: string, euros: number, pieces: number): Promise<Json> {
    const sku = `TEST-${randomUUID()}`;
    const body = { sku, name: `Product ${sku}`, price: eur(euros) };
    const product = expectOk(await this.post('/v1/products', body, adminToken));
    if (pieces === 0) return product;
    return expectOk(await this.post(`/v1/products/${product.id}:adjustStock`, { delta: pieces }, adminToken));
  }

  async order(token: string, productId: string, quantity: number, extra: object = {}): Promise<Json> {
    const body = { items: [{ productId, quantity }], ...extra };
    return expectOk(await this.post('/v1/orders', body, token));
  }

  async stock(productId: string): Promise<{ available: number; reserved: number }> {
    return expectOk(await this.get(`/v1/products/${productId}`)).stock;
  }

  /** The wallet's balance in cents. */
  async cents(token: string): Promise<number> {
    const { balance } = expectOk(await this.get('/v1/wallet', token));
    return Number(balance.units ?? 0) * 100 + Number(balance.nanos ?? 0) / 10_000_000;
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

export interface Person {
  readonly id: string;
  readonly email: string;
  readonly password: string;
  readonly token: string;
}

export const eur = (amount: number) => ({
  currencyCode: 'EUR',
  units: String(Math.trunc(amount)),
  nanos: Math.round((amount % 1) * 100) * 10_000_000,
});

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
