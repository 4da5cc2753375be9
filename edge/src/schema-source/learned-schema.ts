import { equals } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import type { Contract } from '@weft/chassis/contract';
import type { Logger } from '@weft/chassis/logger';
import { contractOf } from './contract.ts';
import { mergeFiles } from './merge-files.ts';
import type { Reflected } from './reflect.ts';

/**
 * Takes a contract over, or throws why it cannot be served. `owners`: for each of its services the upstream
 * that said it serves it.
 */
export type Serve = (contract: Contract, owners: ReadonlyMap<string, string>) => void;

/**
 * The schema that several upstreams have together. One whose schema cannot be served beside the others',
 * because it is not valid or its routes are taken, is left out, or stays as it was, and the log says why.
 */
export class LearnedSchema {
  readonly #serve: Serve;
  readonly #logger: Logger;
  #accepted: ReadonlyMap<string, Reflected> = new Map();
  readonly #refused = new Map<string, { readonly reflected: Reflected; reason: string }>();
  #contract: Contract | undefined;
  #conflicts = new Set<string>();

  constructor(serve: Serve, logger: Logger) {
    this.#serve = serve;
    this.#logger = logger;
  }

  /** Why an upstream's schema is not served as it is; undefined where it is. */
  refusal(upstream: string): string | undefined {
    return this.#refused.get(upstream)?.reason;
  }

  /** What an upstream said of itself. Upstreams are merged in the order of their names. */
  offer(upstream: string, reflected: Reflected): void {
    const known = this.#accepted.get(upstream);
    if (known !== undefined && same(known, reflected)) {
      this.#refused.delete(upstream);
      return;
    }
    const before = this.#refused.get(upstream);
    if (before !== undefined && same(before.reflected, reflected)) return;
    if (this.#accept(upstream, reflected)) this.#retry();
  }

  /** Those that were refused may fit now. */
  #retry(): void {
    for (let changed = true; changed;) {
      changed = false;
      for (const [upstream, { reflected }] of this.#refused)
        changed = this.#accept(upstream, reflected) || changed;
    }
  }

  #accept(upstream: string, reflected: Reflected): boolean {
    const candidate = new Map([...this.#accepted, [upstream, reflected] as const].sort(byName));
    try {
      const contract = this.#build(candidate);
      this.#serve(contract, ownersOf(candidate).owners);
      this.#contract = contract;
    } catch (error) {
      const reason = (error as Error).message;
      if (this.#refused.get(upstream)?.reason !== reason)
        this.#logger.error({ upstream, reason }, 'a schema cannot be served; what was served before is');
      this.#refused.set(upstream, { reflected, reason });
      return false;
    }
    this.#accepted = candidate;
    this.#refused.delete(upstream);
    const { services } = reflected;
    this.#logger.info({ upstream, services }, 'schema learned');
    return true;
  }

  #build(upstreams: ReadonlyMap<string, Reflected>): Contract {
    const { files, conflicts } = mergeFiles([...upstreams].map(([name, one]) => ({ name, ...one })));
    const { owners, contested } = ownersOf(upstreams);
    const contract = contractOf(files, new Set(owners.keys()));
    this.#checkWorkloads(contract);
    const all = new Set([...conflicts, ...contested]);
    for (const conflict of all)
      if (!this.#conflicts.has(conflict)) this.#logger.warn({ conflict }, 'upstreams contradict each other');
    this.#conflicts = all;
    return contract;
  }

  /**
   * A service stays with the workload that the first schema named: another one could otherwise register
   * itself under its name, and be sent its calls with the tokens of users.
   */
  #checkWorkloads(next: Contract): void {
    for (const [path, { servedBy: before }] of this.#contract?.methods ?? []) {
      const now = next.methods.get(path)?.servedBy;
      if (before !== undefined && next.methods.has(path) && now !== before)
        throw new Error(`${path.slice(1)} would be served by ${now ?? 'anybody'}, and is by ${before}`);
    }
  }
}

/** Who said that it serves a service: the first of those who did. */
function ownersOf(upstreams: ReadonlyMap<string, Reflected>) {
  const owners = new Map<string, string>();
  const contested: string[] = [];
  for (const [name, { services }] of upstreams)
    for (const service of services) {
      const owner = owners.get(service);
      if (owner === undefined) owners.set(service, name);
      else contested.push(`${service} is served by ${owner} and by ${name}: its calls go to ${owner}`);
    }
  return { owners, contested };
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : Number(a > b);
}

function same(a: Reflected, b: Reflected): boolean {
  if (a.services.join() !== b.services.join() || a.files.size !== b.files.size) return false;
  return [...a.files].every(([name, file]) => {
    const other = b.files.get(name);
    return other !== undefined && equals(FileDescriptorProtoSchema, file, other);
  });
}
