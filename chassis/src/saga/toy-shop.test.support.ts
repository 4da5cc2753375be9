import type { MethodDefinition } from '@grpc/grpc-js';
import { pino } from 'pino';
import { runInCall, runOutsideCall } from '../call-context.ts';
import type { CallOptions, UnaryResult } from '../client/mesh.ts';
import type { Contract } from '../contract.ts';
import type { Database } from '../data/database.ts';
import { uuidToBytes, uuidv7 } from '../data/uuid.ts';
import { ServiceError } from '../errors.ts';
import { createSaga } from './saga.ts';
import { toyContract } from './toy-contract.test.support.ts';
import type { ToyDatabases } from './toy-databases.test.support.ts';
import { bank, office, store, type OfficeParts } from './toy-parties.test.support.ts';
import type { Saga, UnaryHandler } from './types.ts';

/** What the network does to a call, and what it does to the answer. */
export interface Fate {
  readonly delayMs?: number;
  readonly lost?: 'request' | 'answer';
  /** How often it arrives. Default: once. */
  readonly times?: number;
  readonly error?: ServiceError;
}

/** Makes a handler reachable over the toy's network. */
export type Serve = <Req, Res>(
  definition: MethodDefinition<Req, Res>,
  handler: UnaryHandler<Req, Res>,
) => void;

export interface ToyOptions {
  readonly deadlineMs?: number;
  /** Instances of each service. Default: 1. */
  readonly instances?: number;
  readonly fate?: (path: string, request: Uint8Array) => Fate | Promise<Fate>;
  /** Time between two looks at an outbox. Default: the relay's. */
  readonly poll?: { readonly minMs: number; readonly maxMs: number };
}

/** A shop of three services over real databases, joined by a network in memory. */
export class ToyShop {
  readonly databases: ToyDatabases;
  fate: (path: string, request: Uint8Array) => Fate | Promise<Fate>;
  readonly sent: string[] = [];
  readonly sagas: Saga<never>[] = [];
  readonly offices: OfficeParts[] = [];
  readonly #handlers = new Map<string, ((request: Uint8Array, caller: string) => Promise<Uint8Array>)[]>();
  readonly #contract: Contract;
  readonly #poll: ToyOptions['poll'];
  readonly #background = new Set<Promise<unknown>>();
  #calls = 0;

  constructor(
    databases: ToyDatabases,
    { deadlineMs, instances = 1, fate = () => ({}), poll }: ToyOptions = {},
  ) {
    this.#poll = poll;
    this.databases = databases;
    this.fate = fate;
    this.#contract = toyContract(deadlineMs);
    const serve: Serve = (definition, handler) => this.#serve(definition, handler);
    for (let i = 0; i < instances; i++) {
      this.offices.push(office(this.#saga('office', databases.office), serve));
      store(this.#saga('store', databases.store), serve);
      bank(this.#saga('bank', databases.bank), serve);
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
      await this.offices[instance]?.arbiter.start(
        tx,
        { sagaId, userId },
        { step: '', reason: String(pieces) },
      );
    });
    return sagaId;
  }

  cancel(sagaId: string): Promise<boolean> {
    return this.databases.office.transaction(async (tx) => {
      const { arbiter } = this.offices[0] as OfficeParts;
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

  /** Cancels a confirmed order: stock and money must go back. */
  giveBack(sagaId: string, userId: string, pieces: number): Promise<boolean> {
    const { decision } = this.offices[0] as OfficeParts;
    return this.databases.office.transaction((tx) =>
      decision.decide(tx, { sagaId, userId }, async () => {
        const { numUpdatedRows } = await tx
          .updateTable('orders')
          .set({ status: 'CANCELLED' })
          .where('id', '=', uuidToBytes(sagaId))
          .where('status', '=', 'CONFIRMED')
          .executeTakeFirst();
        const body = { step: '', reason: String(pieces) };
        return numUpdatedRows > 0n ? { restock: body, repay: body } : undefined;
      }),
    );
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
        for (let more = (fate.times ?? 1) - 1; more > 0; more--)
          this.#background.add(this.#handle(path, request, caller).catch(() => undefined));
        const message = await this.#handle(path, request, caller);
        if (fate.lost === 'answer') throw lost;
        return { message } as Partial<UnaryResult> as UnaryResult;
      },
    };
  }

  async #handle(path: string, request: Uint8Array, caller: string): Promise<Uint8Array> {
    const handlers = this.#handlers.get(path) ?? [];
    const handler = handlers[this.#calls++ % handlers.length];
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
      ...(this.#poll === undefined ? {} : { poll: this.#poll }),
      logger: pino({ level: process.env['TOY_LOG'] ?? 'silent' }),
    });
    this.sagas.push(saga as unknown as Saga<never>);
    return saga;
  }
}
