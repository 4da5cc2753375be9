import type { Logger } from 'pino';
import type { Mesh } from '../client/mesh.ts';
import type { Contract } from '../contract.ts';
import type { Database } from '../data/database.ts';
import type { OutboxRow } from './outbox.ts';

/** What every part of a service's sagas works with. */
export interface SagaParts<DB> {
  readonly contract: Contract;
  readonly workload: string;
  readonly instanceId: string;
  readonly database: Database<DB>;
  readonly mesh: Pick<Mesh, 'unary'>;
  readonly logger: Logger;
  /** Sends rows whose transaction has just committed. */
  readonly dispatch: (rows: readonly OutboxRow[]) => void;
}

/** The rule of a saga's method. Throws if the contract has no such method, or it has another part. */
export function sagaRule(contract: Contract, path: string, kind: string) {
  const saga = contract.methods.get(path)?.saga;
  if (saga?.kind !== kind) throw new Error(`${path} is no ${kind} of a saga in the contract`);
  return saga;
}
