import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer } from '@weft/tools/rest';
import { cents, euros, type Order, type Product } from '@weft/tools/shop-api';
import { isAnswered, statusOf, type Client } from './client.ts';
import type { Buyer } from './people.ts';
import { pick } from './random.ts';

const attempts = 4;
const retryPauseMs = 400;

/** An order that somebody wants, and what the shop has said about it. */
export interface WantedOrder {
  readonly key: string;
  readonly buyer: Buyer;
  readonly body: object;
  /** Given with the acknowledgement. */
  id?: string;
  /** A cancellation was acknowledged. */
  cancelled?: boolean;
  /** The last status but PENDING that a read has shown. */
  seen?: string;
}

export interface WantedTopUp {
  readonly key: string;
  readonly buyer: Buyer;
  readonly cents: number;
  acknowledged?: boolean;
}

export interface Goods {
  readonly id: string;
  readonly pieces: number;
  /** In the order they were sent; the first is the one it was made with. */
  readonly prices: { readonly cents: number; acknowledged?: boolean }[];
  changing?: boolean;
}

/**
 * What is asked of the shop, and what of it was acknowledged. Somebody who gets no answer asks again a few
 * times, under the same key, and then gives up: what became of it is found out by {@link Load.settle}.
 */
export class Load {
  readonly orders: WantedOrder[] = [];
  readonly topUps: WantedTopUp[] = [];
  /** Answers that must never come. */
  readonly wrong: string[] = [];
  readonly #client: Client;
  readonly #buyers: readonly Buyer[];
  readonly #goods: readonly Goods[];
  readonly #admin: Buyer;
  readonly #random: () => number;

  constructor(options: {
    readonly client: Client;
    readonly buyers: readonly Buyer[];
    readonly goods: readonly Goods[];
    readonly admin: Buyer;
    readonly random: () => number;
  }) {
    this.#client = options.client;
    this.#buyers = options.buyers;
    this.#goods = options.goods;
    this.#admin = options.admin;
    this.#random = options.random;
  }

  /** One operation: half of them orders. */
  async one(): Promise<void> {
    const chance = this.#random();
    if (chance < 0.5) await this.#order();
    else if (chance < 0.6) await this.#cancel();
    else if (chance < 0.85) await this.#read();
    else if (chance < 0.95) await this.#topUp();
    else await this.#changePrice();
  }

  /**
   * Asks again for everything that was not acknowledged, and for a part of what was; all of it must be
   * acknowledged now, and the same key must mean the same order.
   */
  async settle(sample: number): Promise<void> {
    const known = this.orders.filter(({ id }) => id !== undefined);
    const again = Array.from({ length: Math.min(sample, known.length) }, () => pick(known, this.#random));
    const open = this.orders.filter(({ id }) => id === undefined);
    await inTurns([...open, ...again], async (order) => {
      await this.#send(order, 40);
      if (order.id === undefined)
        this.wrong.push(`an order is not taken though nothing is broken (key ${order.key})`);
    });
    await inTurns(
      this.topUps.filter(({ acknowledged }) => acknowledged !== true),
      async (topUp) => {
        await this.#sendTopUp(topUp, 40);
        if (topUp.acknowledged !== true) this.wrong.push(`a top-up is not taken (key ${topUp.key})`);
      },
    );
  }

  async #order(): Promise<void> {
    const goods = pick(this.#goods, this.#random);
    const quantity = 1 + Math.floor(this.#random() * 2);
    const price = goods.prices.at(-1)?.cents ?? 0;
    const expected = this.#random() < 0.3 ? { expectedTotal: euros(price * quantity) } : {};
    const body = { items: [{ productId: goods.id, quantity }], ...expected };
    const order: WantedOrder = { key: randomUUID(), buyer: pick(this.#buyers, this.#random), body };
    this.orders.push(order);
    await this.#send(order, attempts);
  }

  async #send(order: WantedOrder, tries: number): Promise<void> {
    const { key, buyer, body } = order;
    const answer = await this.#insist(tries, async () =>
      this.#client.call('order', 'POST', '/v1/orders', {
        token: await buyer.token(),
        body,
        headers: { 'idempotency-key': key },
      }),
    );
    if (answer === undefined) return;
    const id = (answer.body as Order | undefined)?.id;
    if (answer.status !== 200 || id === undefined) this.#unexpected('an order', answer);
    else if (order.id !== undefined && order.id !== id)
      this.wrong.push(`key ${key}: order ${order.id}, then ${id}`);
    else order.id = id;
  }

  async #cancel(): Promise<void> {
    const recent = this.orders
      .slice(-30)
      .filter(({ id, cancelled }) => id !== undefined && cancelled !== true);
    if (recent.length === 0) return;
    const order = pick(recent, this.#random);
    const token = await order.buyer.token();
    const answer = await this.#client.call('cancel', 'POST', `/v1/orders/${order.id}:cancel`, {
      token,
      body: {},
    });
    if (answer === undefined || !isAnswered(answer)) return;
    if (answer.status === 200) order.cancelled = true;
    // Decided already; or others were faster.
    else if (!['FAILED_PRECONDITION', 'ABORTED'].includes(statusOf(answer)))
      this.#unexpected('a cancellation', answer);
  }

  async #read(): Promise<void> {
    const known = this.orders.slice(-200).filter(({ id }) => id !== undefined);
    if (known.length === 0 || this.#random() < 0.5) {
      const { id } = pick(this.#goods, this.#random);
      const answer = await this.#client.call('read', 'GET', `/v1/products/${id}`);
      if (answer !== undefined && isAnswered(answer) && answer.status !== 200)
        this.#unexpected('a product', answer);
      return;
    }
    const order = pick(known, this.#random);
    const token = await order.buyer.token();
    const answer = await this.#client.call('read', 'GET', `/v1/orders/${order.id}`, { token });
    if (answer === undefined || !isAnswered(answer)) return;
    if (answer.status !== 200) return this.#unexpected(`order ${order.id}, acknowledged,`, answer);
    const { status } = answer.body as Order;
    if (status !== 'PENDING') order.seen = status;
  }

  async #topUp(): Promise<void> {
    const amount = 1 + Math.floor(this.#random() * 500);
    const topUp: WantedTopUp = { key: randomUUID(), buyer: pick(this.#buyers, this.#random), cents: amount };
    this.topUps.push(topUp);
    await this.#sendTopUp(topUp, attempts);
  }

  async #sendTopUp(topUp: WantedTopUp, tries: number): Promise<void> {
    const body = { amount: euros(topUp.cents), requestId: topUp.key };
    const answer = await this.#insist(tries, async () =>
      this.#client.call('top-up', 'POST', '/v1/wallet:topUp', { token: await topUp.buyer.token(), body }),
    );
    if (answer?.status === 200) topUp.acknowledged = true;
    else if (answer !== undefined) this.#unexpected('a top-up', answer);
  }

  /** With the etag that was read, so that a request that comes late changes nothing any more. */
  async #changePrice(): Promise<void> {
    const goods = pick(this.#goods, this.#random);
    if (goods.changing === true) return;
    goods.changing = true;
    try {
      const product = await this.#client.call('read', 'GET', `/v1/products/${goods.id}`);
      if (product?.status !== 200) return;
      const { etag, price: before } = product.body as Product & { readonly etag: string };
      const price: Goods['prices'][number] = { cents: 100 + goods.prices.length };
      goods.prices.push(price);
      const body = { price: euros(price.cents), etag };
      const token = await this.#admin.token();
      const answer = await this.#client.call('price', 'PATCH', `/v1/products/${goods.id}`, { token, body });
      if (answer?.status === 200) price.acknowledged = true;
      else if (answer !== undefined && isAnswered(answer) && statusOf(answer) !== 'ABORTED')
        this.#unexpected(`a price after ${cents(before)}`, answer);
    } finally {
      goods.changing = false;
    }
  }

  /** Asks until there is an answer about the request itself, `tries` times at most. */
  async #insist(tries: number, ask: () => Promise<Answer | undefined>): Promise<Answer | undefined> {
    for (let i = 0; i < tries; i++) {
      const answer = await ask();
      if (answer !== undefined && isAnswered(answer) && statusOf(answer) !== 'ABORTED') return answer;
      await sleep(retryPauseMs * (0.5 + this.#random()));
    }
    return undefined;
  }

  #unexpected(what: string, { status, body }: Answer): void {
    this.wrong.push(`${what}: HTTP ${status} ${JSON.stringify(body)}`);
  }
}

async function inTurns<T>(all: readonly T[], act: (one: T) => Promise<void>, atOnce = 8): Promise<void> {
  const left = all.values();
  const work = async () => {
    for (const one of left) await act(one);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}
