import { expect, jest } from '@jest/globals';
import { client, type Client } from '@weft/chassis/client/client';
import { uuidv7 } from '@weft/chassis/data/uuid';
import { implement } from '@weft/chassis/server/implement';
import { startTestMesh, type TestMesh, type TestService } from '@weft/chassis/testing/mesh';
import {
  StockServiceService,
  type ReserveRequest,
  type RestockRequest,
} from '@weft/proto/shop/catalog/v1/stock';
import { WalletServiceService, type RefundOrderRequest } from '@weft/proto/shop/identity/v1/wallet';
import { Order_Status as Status, OrderServiceService, type Order } from '@weft/proto/shop/ordering/v1/order';
import { OrderSagaServiceService } from '@weft/proto/shop/ordering/v1/saga';
import {
  SagaEvent,
  SagaReply_Outcome as Outcome,
  type SagaHeader,
  type SagaMessage,
} from '@weft/proto/weft/v1/saga';
import { ordering } from './service.ts';
import type { Tables } from './tables.ts';

// A busy machine must not fail a test.
jest.setTimeout(30_000);

/**
 * Ordering under test, between stand-ins of catalog and identity that do nothing but write down what they
 * are told: the test decides each saga by calling Confirm and Fail as they would.
 */
export interface TestOrdering {
  readonly mesh: TestMesh;
  readonly service: TestService<Tables>;
  readonly fromCatalog: Client<OrderSagaServiceService>;
  readonly fromIdentity: Client<OrderSagaServiceService>;
  /**
   * What the stand-ins were told of an order, in the order it came: `Reserve`, `Release`, `Commit`, `Refund`,
   * `RefundOrder`, `Restock`.
   */
  told(orderId: string): readonly string[];
  /** Resolves with the request when the catalog was told to reserve. */
  reserved(orderId: string): Promise<ReserveRequest>;
  /** Resolve with the request when what was confirmed was cancelled. */
  restocked(orderId: string): Promise<RestockRequest>;
  refunded(orderId: string): Promise<RefundOrderRequest>;
  /** Takes the stand-in of identity away and brings it back. */
  stopIdentity(): Promise<void>;
  startIdentity(): Promise<void>;
  person(...roles: string[]): Promise<Client<OrderServiceService> & { readonly id: string }>;
}

const done = { outcome: Outcome.DONE, reason: '' };

export async function startOrdering(): Promise<TestOrdering> {
  const mesh = await startTestMesh();
  const told = new Map<string, string[]>();
  const requests = new Map<string, ReserveRequest>();
  const restocks = new Map<string, RestockRequest>();
  const refunds = new Map<string, RefundOrderRequest>();
  const note = (name: string, saga: SagaHeader | undefined) => {
    const id = saga?.sagaId.toString('hex') ?? '';
    told.set(id, [...(told.get(id) ?? []), name]);
    return done;
  };
  const key = (orderId: string) => orderId.replaceAll('-', '');
  const unused = () => Promise.reject(new Error('not part of this test'));
  const events =
    (service: string, nanos: number) =>
    async ({ saga }: SagaMessage) => ({
      events: [SagaEvent.fromPartial({ service, toState: 'DONE', time: { seconds: saga ? 1n : 0n, nanos } })],
    });
  await mesh.startPlain({
    name: 'catalog',
    build: () => ({
      services: [
        implement(StockServiceService, {
          reserve: async (request) => {
            requests.set(request.saga?.sagaId.toString('hex') ?? '', request);
            return note('Reserve', request.saga);
          },
          release: async ({ saga }) => note('Release', saga),
          commit: async ({ saga }) => note('Commit', saga),
          restock: async (request) => {
            restocks.set(request.saga?.sagaId.toString('hex') ?? '', request);
            return note('Restock', request.saga);
          },
          listStockEvents: events('catalog', 2),
        }),
      ],
    }),
  });
  const startIdentity = () =>
    mesh.startPlain({
      name: 'identity',
      build: () => ({
        services: [
          implement(WalletServiceService, {
            getWallet: unused,
            topUp: unused,
            charge: unused,
            refund: async ({ saga }) => note('Refund', saga),
            refundOrder: async (request) => {
              refunds.set(request.saga?.sagaId.toString('hex') ?? '', request);
              return note('RefundOrder', request.saga);
            },
            listWalletEvents: events('identity', 1),
          }),
        ],
      }),
    });
  let identity = await startIdentity();
  const service = await mesh.start(ordering);
  const edge = (id: string, roles: string[]) => mesh.as('edge', { id, roles });
  return {
    mesh,
    service,
    fromCatalog: client(OrderSagaServiceService, await mesh.as('catalog')),
    fromIdentity: client(OrderSagaServiceService, await mesh.as('identity')),
    told: (orderId) => told.get(key(orderId)) ?? [],
    reserved: (orderId) => until(() => requests.get(key(orderId))),
    restocked: (orderId) => until(() => restocks.get(key(orderId))),
    refunded: (orderId) => until(() => refunds.get(key(orderId))),
    stopIdentity: () => identity.stop(),
    startIdentity: async () => {
      identity = await startIdentity();
    },
    async person(...roles) {
      const id = uuidv7();
      return { id, ...client(OrderServiceService, await edge(id, roles)) };
    },
  };
}

export async function until<T>(read: () => T | undefined | false): Promise<T> {
  for (;;) {
    const value = read();
    if (value !== undefined && value !== false) return value;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export const item = (quantity = 1, productId = uuidv7()) => ({ productId, quantity });

export const eur = (units: number) => ({ currencyCode: 'EUR', units: BigInt(units), nanos: 0 });

/** What identity would confirm of an order: each piece for one euro. */
export const confirmation = (order: Order, saga: SagaHeader | undefined) => ({
  saga,
  items: order.items.map((i) => ({ ...i, name: `Product ${i.productId}`, unitPrice: eur(1) })),
  total: eur(order.items.reduce((sum, i) => sum + i.quantity, 0)),
});

export const failure = (code: string, reason: string): object => expect.objectContaining({ code, reason });

export { Outcome, Status };
