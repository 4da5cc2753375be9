import type { MethodDefinition } from '@grpc/grpc-js';
import { SagaFailure, SagaLog, SagaMessage, SagaOutcome, SagaReply } from '@weft/proto/weft/v1/saga';
import { sql, type Generated } from 'kysely';
import { pino } from 'pino';
import { runInCall, runOutsideCall } from '../call-context.ts';
import type { CallOptions, UnaryResult } from '../client/mesh.ts';
import type { Contract, MethodRule, SagaKind, SagaRule } from '../contract.ts';
import { openDatabase, type Database } from '../data/database.ts';
import { migrate } from '../data/migrations.ts';
import { execute, type Executor } from '../data/statement.ts';
import { uuidToBytes, uuidv7 } from '../data/uuid.ts';
import { ServiceError } from '../errors.ts';
import { testDatabase } from '../testing/fixtures.ts';
import { createSaga, done, refused } from './saga.ts';
import type { Arbiter, Saga, UnaryHandler } from './types.ts';

/** A request of the toy: SagaFailure, whose `reason` carries a number of pieces. */
type Toy = SagaFailure;

interface Codec<T> {
  encode(value: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
}

function method<Req, Res>(path: string, req: Codec<Req>, res: Codec<Res>): MethodDefinition<Req, Res> {
  return {
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: (value) => Buffer.from(req.encode(value).finish()),
    requestDeserialize: (bytes) => req.decode(bytes),
    responseSerialize: (value) => Buffer.from(res.encode(value).finish()),
    responseDeserialize: (bytes) => res.decode(bytes),
  };
}

export const methods = {
  order: method<Toy, SagaReply>('/toy.Office/Order', SagaFailure, SagaReply),
  reserve: method<Toy, SagaReply>('/toy.Store/Reserve', SagaFailure, SagaReply),
  release: method('/toy.Store/Release', SagaMessage, SagaReply),
  commit: method('/toy.Store/Commit', SagaMessage, SagaReply),
  storeLog: method('/toy.Store/Log', SagaMessage, SagaLog),
  charge: method<Toy, SagaReply>('/toy.Bank/Charge', SagaFailure, SagaReply),
  refund: method('/toy.Bank/Refund', SagaMessage, SagaReply),
  confirm: method<Toy, SagaReply>('/toy.Office/Confirm', SagaFailure, SagaReply),
  fail: method('/toy.Office/Fail', SagaFailure, SagaReply),
  outcome: method('/toy.Office/GetOutcome', SagaMessage, SagaOutcome),
};

/** The toy's contract: Order → Reserve → Charge → Confirm. */
export function toyContract(deadlineMs = 30_000): Contract {
  const rule = (path: string, servedBy: string, kind: SagaKind, rest: Partial<SagaRule> = {}): MethodRule =>
    ({
      path,
      service: path.slice(1, path.indexOf('/', 1)),
      servedBy,
      access: { kind: 'public' },
      maxAttempts: 1,
      idempotent: false,
      streaming: false,
      saga: { name: 'toy', kind, ...rest },
    }) as Partial<MethodRule> as MethodRule;
  const m = methods;
  const rules = [
    rule(m.order.path, 'office', 'START', { next: m.reserve.path, deadlineMs }),
    rule(m.reserve.path, 'store', 'STEP', {
      next: m.charge.path,
      undo: m.release.path,
      final: m.commit.path,
    }),
    rule(m.release.path, 'store', 'UNDO'),
    rule(m.commit.path, 'store', 'FINAL'),
    rule(m.storeLog.path, 'store', 'LOG'),
    rule(m.charge.path, 'bank', 'STEP', { next: m.confirm.path, undo: m.refund.path }),
    rule(m.refund.path, 'bank', 'UNDO'),
    rule(m.confirm.path, 'office', 'COMMIT'),
    rule(m.fail.path, 'office', 'ABORT'),
    rule(m.outcome.path, 'office', 'OUTCOME'),
  ];
  return { methods: new Map(rules.map((each) => [each.path, each])) } as Partial<Contract> as Contract;
}

interface Office {
  orders: { id: Buffer; status: string; reason: string };
}
interface Store {
  stock: { id: number; available: number; reserved: number };
  hold: { saga_id: Buffer; pieces: number };
}
interface Bank {
  wallet: { user_id: string; balance: number };
  charge: { n: Generated<number>; saga_id: Buffer; user_id: string; amount: number };
}

/** Three databases with their tables, for any number of shops after or beside one another. */
export interface ToyDatabases {
  readonly urls: readonly [office: string, store: string, bank: string];
  readonly office: Database<Office>;
  readonly store: Database<Store>;
  readonly bank: Database<Bank>;
  close(): Promise<void>;
}

export async function toyDatabases(): Promise<ToyDatabases> {
  const urls = await Promise.all([testDatabase(), testDatabase(), testDatabase()]);
  const databases = openToyDatabases(urls);
  const { office, store, bank } = databases;
  await Promise.all([
    migrate(office, {
      '1': { up: 'CREATE TABLE orders (id BINARY(16) PRIMARY KEY, status VARCHAR(16), reason VARCHAR(64))' },
    }),
    migrate(store, {
      '1': {
        up: 'CREATE TABLE stock (id INT PRIMARY KEY, available INT, reserved INT, CHECK (available >= 0))',
      },
      '2': { up: 'CREATE TABLE hold (saga_id BINARY(16) PRIMARY KEY, pieces INT)' },
      '3': { up: 'INSERT INTO stock VALUES (1, 0, 0)' },
    }),
    migrate(bank, {
      '1': { up: 'CREATE TABLE wallet (user_id VARCHAR(64) PRIMARY KEY, balance INT, CHECK (balance >= 0))' },
      '2': {
        up: `CREATE TABLE charge (n INT AUTO_INCREMENT PRIMARY KEY, saga_id BINARY(16) UNIQUE,
          user_id VARCHAR(64), amount INT)`,
      },
    }),
  ]);
  return databases;
}

/** Databases that {@link toyDatabases} has made, from another process. */
export function openToyDatabases(urls: ToyDatabases['urls']): ToyDatabases {
  const office = openDatabase<Office>(urls[0]);
  const store = openDatabase<Store>(urls[1]);
  const bank = openDatabase<Bank>(urls[2]);
  return {
    urls,
    office,
    store,
    bank,
    close: async () => void (await Promise.all([office.close(), store.close(), bank.close()])),
  };
}

/** What the network does to a call, and what it does to the answer. */
export interface Fate {
  readonly delayMs?: number;
  readonly lost?: 'request' | 'answer';
  readonly twice?: boolean;
  readonly error?: ServiceError;
}

export interface ToyOptions {
  readonly deadlineMs?: number;
  /** Instances of each service. Default: 1. */
  readonly instances?: number;
  readonly fate?: (path: string, request: Uint8Array) => Fate | Promise<Fate>;
}

/** A shop of three services over real databases, joined by a network in memory. */
export class ToyShop {
  readonly databases: ToyDatabases;
  fate: (path: string, request: Uint8Array) => Fate | Promise<Fate>;
  readonly sent: string[] = [];
  readonly sagas: Saga<never>[] = [];
  readonly #arbiters: Arbiter<Office, Toy, Toy>[] = [];
  readonly #handlers = new Map<string, ((request: Uint8Array, caller: string) => Promise<Uint8Array>)[]>();
  readonly #contract: Contract;
  readonly #background = new Set<Promise<unknown>>();

  constructor(databases: ToyDatabases, { deadlineMs, instances = 1, fate = () => ({}) }: ToyOptions = {}) {
    this.databases = databases;
    this.fate = fate;
    this.#contract = toyContract(deadlineMs);
    for (let i = 0; i < instances; i++) {
      this.#office();
      this.#store();
      this.#bank();
    }
  }

  run(): void {
    for (const saga of this.sagas) saga.run();
  }

  async stop(): Promise<void> {
    await Promise.all(this.sagas.map((saga) => saga.stop()));
    await Promise.allSettled(this.#background);
  }

  async stock(available: number): Promise<void> {
    await this.databases.store.kysely.updateTable('stock').set({ available, reserved: 0 }).execute();
    await this.databases.store.kysely.deleteFrom('hold').execute();
  }

  async buyer(balance: number): Promise<string> {
    const user = uuidv7();
    await this.databases.bank.kysely.insertInto('wallet').values({ user_id: user, balance }).execute();
    return user;
  }

  /** Places an order as a service does: its own row and the saga's in one transaction. */
  async order(userId: string, pieces: number, instance = 0): Promise<string> {
    const sagaId = uuidv7();
    await this.databases.office.transaction(async (tx) => {
      await tx
        .insertInto('orders')
        .values({ id: uuidToBytes(sagaId), status: 'PENDING', reason: '' })
        .execute();
      await this.#arbiters[instance]?.start(tx, { sagaId, userId }, { step: '', reason: String(pieces) });
    });
    return sagaId;
  }

  cancel(sagaId: string): Promise<boolean> {
    return this.databases.office.transaction(async (tx) => {
      const arbiter = this.#arbiters[0] as Arbiter<Office, Toy, Toy>;
      return arbiter.abort(tx, sagaId, 'CANCELLED_BY_USER', async () => {
        const { numUpdatedRows } = await tx
          .updateTable('orders')
          .set({ status: 'CANCELLED' })
          .where('id', '=', uuidToBytes(sagaId))
          .where('status', '=', 'PENDING')
          .executeTakeFirst();
        return numUpdatedRows > 0n;
      });
    });
  }

  async status(sagaId: string): Promise<string> {
    const { status, reason } = await this.databases.office.kysely
      .selectFrom('orders')
      .selectAll()
      .where('id', '=', uuidToBytes(sagaId))
      .executeTakeFirstOrThrow();
    return reason === '' ? status : `${status} ${reason}`;
  }

  /** Calls a method over the toy's network, as `caller`. */
  async call<Req, Res>(to: MethodDefinition<Req, Res>, request: Req, caller = 'test'): Promise<Res> {
    return to.responseDeserialize(
      Buffer.from(await this.#handle(to.path, to.requestSerialize(request), caller)),
    );
  }

  mesh(caller: string): {
    unary(path: string, request: Uint8Array, options?: CallOptions): Promise<UnaryResult>;
  } {
    return {
      unary: async (path, request) => {
        this.sent.push(path);
        const fate = await this.fate(path, request);
        if (fate.delayMs !== undefined) await new Promise((resolve) => setTimeout(resolve, fate.delayMs));
        if (fate.error !== undefined) throw fate.error;
        const lost = new ServiceError('UNAVAILABLE', 'LOST', `the ${fate.lost} was lost`);
        if (fate.lost === 'request') throw lost;
        if (fate.twice === true) {
          const again = this.#handle(path, request, caller).catch(() => undefined);
          this.#background.add(again);
        }
        const message = await this.#handle(path, request, caller);
        if (fate.lost === 'answer') throw lost;
        return { message } as Partial<UnaryResult> as UnaryResult;
      },
    };
  }

  async #handle(path: string, request: Uint8Array, caller: string): Promise<Uint8Array> {
    const handlers = this.#handlers.get(path) ?? [];
    const handler = handlers[Math.floor(Math.random() * handlers.length)];
    if (handler === undefined) throw new ServiceError('UNIMPLEMENTED', 'NO_METHOD', path);
    try {
      return await runOutsideCall(() => handler(request, caller));
    } catch (error) {
      if (error instanceof ServiceError) throw error;
      throw new ServiceError('INTERNAL', 'INTERNAL', 'internal error', { cause: error });
    }
  }

  #serve<Req, Res>(definition: MethodDefinition<Req, Res>, handler: UnaryHandler<Req, Res>): void {
    const handle = async (bytes: Uint8Array, caller: string) => {
      const deadlineMs = Date.now() + 2_000;
      const context = { path: definition.path, caller, deadlineMs, signal: new AbortController().signal };
      const request = definition.requestDeserialize(Buffer.from(bytes));
      return runInCall(context, async () => definition.responseSerialize(await handler(request, context)));
    };
    this.#handlers.set(definition.path, [...(this.#handlers.get(definition.path) ?? []), handle]);
  }

  #saga<DB>(workload: string, database: Database<DB>): Saga<DB> {
    const saga = createSaga({
      contract: this.#contract,
      workload,
      instanceId: `${workload}-${this.sagas.length}`,
      database,
      mesh: this.mesh(workload),
      logger: pino({ level: process.env['TOY_LOG'] ?? 'silent' }),
    });
    this.sagas.push(saga as unknown as Saga<never>);
    return saga;
  }

  #office(): void {
    const saga = this.#saga('office', this.databases.office);
    const arbiter = saga.arbiter<Toy, Toy>({
      start: methods.order,
      next: methods.reserve,
      commit: methods.confirm,
      abort: methods.fail,
      outcome: methods.outcome,
      confirm: async (tx, _, { sagaId }) => {
        const { numUpdatedRows } = await tx
          .updateTable('orders')
          .set({ status: 'CONFIRMED' })
          .where('id', '=', uuidToBytes(sagaId))
          .where('status', '=', 'PENDING')
          .executeTakeFirst();
        return numUpdatedRows > 0n;
      },
      reject: async (tx, { sagaId }, reason) => {
        const { numUpdatedRows } = await tx
          .updateTable('orders')
          .set({ status: 'REJECTED', reason })
          .where('id', '=', uuidToBytes(sagaId))
          .where('status', '=', 'PENDING')
          .executeTakeFirst();
        return numUpdatedRows > 0n;
      },
    });
    this.#arbiters.push(arbiter);
    this.#serve(methods.confirm, arbiter.confirm);
    this.#serve(methods.fail, arbiter.fail);
    this.#serve(methods.outcome, arbiter.getOutcome);
  }

  #store(): void {
    const saga = this.#saga('store', this.databases.store);
    this.#serve(
      methods.reserve,
      saga.step(methods.reserve, methods.charge, async (tx, { reason }, { sagaId }) => {
        const pieces = Number(reason);
        await tx
          .insertInto('hold')
          .values({ saga_id: uuidToBytes(sagaId), pieces })
          .execute();
        const { numUpdatedRows } = await tx
          .updateTable('stock')
          .set({ available: sql`available - ${pieces}`, reserved: sql`reserved + ${pieces}` })
          .where('available', '>=', pieces)
          .executeTakeFirst();
        return numUpdatedRows > 0n ? done({ step: '', reason }) : refused('OUT_OF_STOCK');
      }),
    );
    const give =
      (column: 'available' | 'sold') =>
      async (
        tx: Parameters<Parameters<typeof saga.final>[1]>[0],
        { sagaId }: { readonly sagaId: string },
      ) => {
        const id = uuidToBytes(sagaId);
        const { pieces } = await tx
          .selectFrom('hold')
          .selectAll()
          .where('saga_id', '=', id)
          .executeTakeFirstOrThrow();
        await tx
          .updateTable('stock')
          .set({
            reserved: sql`reserved - ${pieces}`,
            ...(column === 'sold' ? {} : { available: sql`available + ${pieces}` }),
          })
          .execute();
        await tx.deleteFrom('hold').where('saga_id', '=', id).execute();
      };
    this.#serve(methods.release, saga.undo(methods.release, give('available')));
    this.#serve(methods.commit, saga.final(methods.commit, give('sold')));
    this.#serve(methods.storeLog, saga.log(methods.storeLog));
  }

  #bank(): void {
    const saga = this.#saga('bank', this.databases.bank);
    this.#serve(
      methods.charge,
      saga.step(methods.charge, methods.confirm, async (tx, { reason }, { sagaId, userId }) => {
        const amount = Number(reason);
        const { numUpdatedRows } = await tx
          .updateTable('wallet')
          .set({ balance: sql`balance - ${amount}` })
          .where('user_id', '=', userId)
          .where('balance', '>=', amount)
          .executeTakeFirst();
        if (numUpdatedRows === 0n) return refused('INSUFFICIENT_FUNDS');
        await tx
          .insertInto('charge')
          .values({ saga_id: uuidToBytes(sagaId), user_id: userId, amount })
          .execute();
        return done({ step: '', reason });
      }),
    );
    this.#serve(
      methods.refund,
      saga.undo(methods.refund, async (tx, { sagaId, userId }) => {
        const id = uuidToBytes(sagaId);
        const { amount } = await tx
          .selectFrom('charge')
          .selectAll()
          .where('saga_id', '=', id)
          .executeTakeFirstOrThrow();
        await tx
          .updateTable('wallet')
          .set({ balance: sql`balance + ${amount}` })
          .where('user_id', '=', userId)
          .execute();
        await tx.deleteFrom('charge').where('saga_id', '=', id).execute();
      }),
    );
  }
}

/** What of the money and the pieces there is, wherever it is: the same before and after. */
export async function totals({ store, bank }: ToyDatabases) {
  const sum = async (on: Executor, sql: string) =>
    Number((await execute<{ total: string | null }>(on, sql)).rows[0]?.total ?? 0);
  return {
    available: await sum(store.kysely, 'SELECT available AS total FROM stock'),
    reserved: await sum(store.kysely, 'SELECT reserved AS total FROM stock'),
    held: await sum(store.kysely, 'SELECT SUM(pieces) AS total FROM hold'),
    money: await sum(bank.kysely, 'SELECT SUM(balance) AS total FROM wallet'),
    charged: await sum(bank.kysely, 'SELECT SUM(amount) AS total FROM charge'),
  };
}

/** How many rows of the three outboxes are not delivered, parked ones left out. */
export async function undelivered({ office, store, bank }: ToyDatabases): Promise<number> {
  const counts = [office.kysely, store.kysely, bank.kysely].map(async (on) => {
    const sql = "SELECT COUNT(*) AS n FROM saga_outbox WHERE state = 'pending'";
    return Number((await execute<{ n: string }>(on, sql)).rows[0]?.n);
  });
  return (await Promise.all(counts)).reduce((sum, each) => sum + each, 0);
}

/** Ends every lease and every pause now, as time would. */
export async function lapse({ office, store, bank }: ToyDatabases): Promise<void> {
  for (const on of [office.kysely, store.kysely, bank.kysely])
    await execute(on, "UPDATE saga_outbox SET next_at = UTC_TIMESTAMP(3) WHERE state = 'pending'");
}

/** Polls until `condition` holds, 20 ms apart; throws its last answer after `timeoutMs`. */
export async function eventually(
  condition: () => Promise<boolean> | boolean,
  timeoutMs = 4_500,
): Promise<void> {
  const until = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > until) throw new Error(`still not so after ${timeoutMs} ms: ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
