import type { JSONWebKeySet } from 'jose';
import type { Mesh } from './client/mesh.ts';
import type { ConfigOf, Schema } from './config.ts';
import type { Contract } from './contract.ts';
import type { Database } from './data/database.ts';
import type { Migration } from './data/migrations.ts';
import type { Logger } from './logger.ts';
import type { Saga } from './saga/saga.ts';
import type { Implementation } from './server/implement.ts';

/** What every service is built from. */
export interface Parts<S extends Schema> {
  /** The service's own variables, read with the chassis's own. */
  readonly config: ConfigOf<S>;
  readonly contract: Contract;
  readonly mesh: Mesh;
  readonly logger: Logger;
  readonly instanceId: string;
}

/** What a service that keeps data is built from as well. */
export interface DataParts<DB, S extends Schema> extends Parts<S> {
  readonly database: Database<DB>;
  /** Its relay and sweeper are started and stopped by runService. */
  readonly saga: Saga<DB>;
}

/** Work beside the calls: started once the service is served, stopped before it closes. */
export interface Background {
  start(): void;
  stop(): Promise<void>;
}

/** A service, built. */
export interface Built {
  readonly services: readonly Implementation[];
  /** The keys that user tokens are verified with. Only the service that issues them sets this; others use TOKEN_KEYS. */
  readonly keys?: () => Promise<JSONWebKeySet>;
  readonly background?: readonly Background[];
}

interface Common<S extends Schema> {
  /** The workload: the name in its certificate and in `weft.v1.served_by`. */
  readonly name: string;
  /** The service's own variables, beside those of the chassis. */
  readonly config?: S;
}

/** A service with a database of its own. */
export interface DataServiceOptions<DB, S extends Schema> extends Common<S> {
  /** By name, in the order of their names; `migrate` adds those of the chassis. */
  readonly migrations: Readonly<Record<string, Migration>>;
  build(parts: DataParts<DB, S>): Built | Promise<Built>;
}

/** A service without one. */
export interface PlainServiceOptions<S extends Schema> extends Common<S> {
  readonly migrations?: undefined;
  build(parts: Parts<S>): Built | Promise<Built>;
}

/**
 * Runs a service from its environment until SIGTERM or SIGINT, then drains and exits. Resolves once
 * it serves and registers. Whatever is missing at start (a variable, the database, a free port) is
 * named on stderr and the process exits non-zero within seconds; an absent registry is only waited for.
 */
export declare function runService<DB, S extends Schema = Record<never, never>>(
  options: DataServiceOptions<DB, S>,
): Promise<void>;
export declare function runService<S extends Schema = Record<never, never>>(
  options: PlainServiceOptions<S>,
): Promise<void>;
