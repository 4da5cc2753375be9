import type { Logger } from 'pino';
import type { Mesh } from '../client/mesh.ts';
import type { Contract } from '../contract.ts';
import type { Database } from '../data/database.ts';
import type { Done, Refused, Saga } from './types.ts';

export type { Arbiter, ArbiterOptions, Body, Done, Header, Refused, Saga, UnaryHandler } from './types.ts';

export interface SagaOptions<DB> {
  readonly contract: Contract;
  /** The workload's name, as `weft.v1.served_by` has it. */
  readonly workload: string;
  readonly instanceId: string;
  readonly database: Database<DB>;
  /** Carries the messages; `unary` alone is used. */
  readonly mesh: Pick<Mesh, 'unary'>;
  readonly logger: Logger;
}

/** A service's part in the sagas of `contract`. Nothing runs until `run()`. */
export declare function createSaga<DB>(options: SagaOptions<DB>): Saga<DB>;

/** A step's effect is there; `next` is the body of the next method's request. */
export function done<Next>(next: Next): Done<Next> {
  return { outcome: 'DONE', next };
}

/** A step refuses; `reason` is UPPER_SNAKE_CASE and reaches the arbiter's `reject`. */
export function refused(reason: string): Refused {
  return { outcome: 'REFUSED', reason };
}
