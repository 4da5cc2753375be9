import type { Contract } from '../contract.ts';
import { workloadOf } from '../discovery/listed.ts';
import type { Instance, Resolver } from '../discovery/registry.ts';
import type { Logger } from '../logger.ts';
import type { Connect } from './connection.ts';
import { Endpoint } from './endpoint.ts';
import { HealthWatch } from './health-watch.ts';
import type { MeshOptions } from './mesh.ts';
import { Pool } from './pool.ts';

interface Shared {
  readonly endpoint: Endpoint;
  readonly health: HealthWatch;
  /** The services whose lists name it. */
  readonly services: Set<string>;
}

/** Follows the resolver: a pool per gRPC service, and one endpoint per instance however many it serves. */
export class Endpoints {
  readonly #resolver: Resolver;
  readonly #connect: Connect;
  readonly #logger: Logger;
  readonly #contract: Contract;
  readonly #zone: string | undefined;
  readonly #pools = new Map<string, Pool>();
  readonly #shared = new Map<string, Shared>();
  readonly #stops: (() => void)[] = [];

  constructor(options: MeshOptions) {
    this.#resolver = options.resolver;
    this.#logger = options.logger;
    this.#connect = options.connect;
    this.#contract = options.contract;
    this.#zone = options.zone;
  }

  /** The pool of a service; it is watched from the first time on that somebody asks. */
  pool(service: string): Pool {
    let pool = this.#pools.get(service);
    if (pool === undefined) {
      pool = new Pool(service, this.#zone);
      this.#pools.set(service, pool);
      const found = pool;
      this.#stops.push(this.#resolver.watch(service, (instances) => this.#update(found, instances)));
    }
    return pool;
  }

  /** Those of all services that were asked for. */
  get pools(): Iterable<Pool> {
    return this.#pools.values();
  }

  close(): void {
    for (const stop of this.#stops) stop();
    for (const shared of this.#shared.values()) letGo(shared);
    this.#shared.clear();
  }

  #update(pool: Pool, instances: readonly Instance[]): void {
    const { service } = pool;
    // Whose certificate its instances must show (weft.v1.served_by).
    const workload = workloadOf(this.#contract, service);
    const keep = new Set<string>();
    pool.update(instances, (instance) => {
      const key = `${workload} ${instance.id} ${instance.address} ${instance.weight}`;
      keep.add(key);
      return this.#endpoint(key, service, instance, workload);
    });
    for (const [key, shared] of this.#shared) {
      const { endpoint, services } = shared;
      if (keep.has(key) || !services.delete(service)) continue;
      if (services.size > 0) continue;
      this.#shared.delete(key);
      letGo(shared);
      this.#logger.info({ workload, address: endpoint.instance.address }, 'instance gone');
    }
  }

  #endpoint(key: string, service: string, instance: Instance, workload: string | undefined): Endpoint {
    const known = this.#shared.get(key);
    if (known !== undefined) {
      known.services.add(service);
      return known.endpoint;
    }
    const services = new Set([service]);
    const tell = (): void => {
      for (const name of services) this.#pools.get(name)?.changed();
    };
    const connection = this.#connect(instance.address, workload, () => {
      endpoint.reconnected(performance.now());
      health.refresh();
      tell();
    });
    const endpoint = new Endpoint(instance, connection, workload, performance.now(), tell);
    const health = new HealthWatch(connection, (serving) => {
      endpoint.serving = serving;
      this.#logger.info({ workload, address: instance.address, serving }, 'instance tells of its health');
      tell();
    });
    if (connection.ready) health.refresh();
    this.#shared.set(key, { endpoint, health, services });
    this.#logger.info({ workload, address: instance.address, instance: instance.id }, 'instance found');
    return endpoint;
  }
}

/** Calls in flight go on; nothing else holds the connection. */
function letGo({ endpoint, health }: Shared): void {
  health.close();
  endpoint.connection.close();
}
