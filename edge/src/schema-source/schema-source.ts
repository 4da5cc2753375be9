import type { Connect } from '@weft/chassis/client/connection';
import type { Directory, Resolver } from '@weft/chassis/discovery/registry';
import type { Logger } from '@weft/chassis/logger';
import { LearnedSchema, type Serve } from './learned-schema.ts';
import { ReflectedTarget, type ReflectedTargetOptions } from './reflected-target.ts';

/** Where a schema comes from that may change while it is served. */
export interface SchemaSource {
  /** What could not be learned or served as it is, for people; '' if nothing is missing. */
  detail(): string;
  /** Resolves once everybody who is known now was asked at least once. */
  readonly settled: Promise<void>;
  close(): Promise<void>;
}

interface Learning {
  readonly connect: Connect;
  readonly serve: Serve;
  readonly logger: Logger;
}

/** Learns the schema of the given upstreams by reflection, by their names. `everyMs`: see ReflectedTarget. */
export function reflectUpstreams(
  upstreams: ReadonlyMap<string, Resolver>,
  everyMs: number,
  learning: Learning,
): SchemaSource {
  const learner = new Learner(learning);
  for (const [name, resolver] of upstreams) learner.follow({ name, resolver, everyMs });
  return learner;
}

/**
 * Learns the schema of every gRPC service of a registry, from an instance of each: of new services as soon as
 * they are registered, of known ones whenever their instances change. A service that is served already is
 * asked of its own workload alone, as `workloadOf` says.
 */
export function reflectDirectory(
  directory: Directory,
  workloadOf: (service: string) => string | undefined,
  learning: Learning,
): SchemaSource {
  const learner = new Learner(learning);
  const { connect } = learning;
  const unwatch = directory.services((names) => {
    for (const name of names)
      learner.follow({
        name,
        only: name,
        resolver: directory,
        connect: (address, _, onChange) => connect(address, workloadOf(name), onChange),
      });
  });
  return {
    detail: () => learner.detail(),
    settled: learner.settled,
    async close() {
      unwatch();
      await learner.close();
    },
  };
}

class Learner implements SchemaSource {
  readonly #learning: Learning;
  readonly #schema: LearnedSchema;
  readonly #targets = new Map<string, ReflectedTarget>();
  readonly #unasked = new Set<string>();
  readonly #settled = Promise.withResolvers<void>();

  constructor(learning: Learning) {
    this.#learning = learning;
    this.#schema = new LearnedSchema(learning.serve, learning.logger);
  }

  get settled(): Promise<void> {
    return this.#settled.promise;
  }

  follow(
    target: Pick<ReflectedTargetOptions, 'name' | 'resolver' | 'only' | 'everyMs'> & { connect?: Connect },
  ): void {
    const { name } = target;
    if (this.#targets.has(name)) return;
    this.#unasked.add(name);
    const { connect, logger } = this.#learning;
    const followed = new ReflectedTarget({
      connect,
      ...target,
      logger,
      onSchema: (reflected) => this.#schema.offer(name, reflected),
      onAsked: () => {
        if (this.#unasked.delete(name) && this.#unasked.size === 0) this.#settled.resolve();
      },
    });
    this.#targets.set(name, followed);
  }

  detail(): string {
    const faults = [...this.#targets.values()].map(({ name, fault }) => {
      const reason = this.#schema.refusal(name) ?? fault;
      return reason === '' ? '' : `${name}: ${reason}`;
    });
    return faults.filter((fault) => fault !== '').join('; ');
  }

  async close(): Promise<void> {
    await Promise.all([...this.#targets.values()].map((target) => target.close()));
  }
}
