import type { Instance } from './registry.ts';

interface Known {
  readonly instance: Instance;
  /** Since when the registry has not told of it, epoch milliseconds; undefined while it does. */
  missingSince: number | undefined;
}

/**
 * What is known of the instances of all services. An instance leaves at once by its own word (weight
 * 0). One that only vanished from the registry, because its lease ended or the registry lost its data,
 * may well be alive: it stays for `graceMs`, and for ever while its service has no other. Whether it can
 * be reached is for its connection to say.
 */
export class KnownInstances {
  readonly #graceMs: number;
  readonly #services = new Map<string, Map<string, Known>>();

  constructor(graceMs: number) {
    this.#graceMs = graceMs;
  }

  of(service: string): readonly Instance[] {
    return [...(this.#services.get(service)?.values() ?? [])].map(({ instance }) => instance);
  }

  /** The names of all services that have an instance, or had one, sorted. */
  services(): readonly string[] {
    return [...this.#services.keys()].sort();
  }

  /** All services with their instances. */
  all(): Record<string, readonly Instance[]> {
    return Object.fromEntries([...this.#services.keys()].map((service) => [service, this.of(service)]));
  }

  /** The registry tells of an instance. Answers whether anything changed. */
  put(service: string, instance: Instance): boolean {
    const known = this.#services.get(service) ?? new Map<string, Known>();
    if (instance.weight === 0) return known.delete(instance.id);
    const before = known.get(instance.id)?.instance;
    this.#services.set(service, known.set(instance.id, { instance, missingSince: undefined }));
    let replaced = false;
    for (const [id, other] of known)
      // One that vanished cannot still be where another now is.
      if (other.missingSince !== undefined && other.instance.address === instance.address)
        replaced = known.delete(id) || replaced;
    return replaced || JSON.stringify(before) !== JSON.stringify(instance);
  }

  /** The registry no longer tells of an instance. */
  missing(service: string, id: string, now: number): void {
    const known = this.#services.get(service)?.get(id);
    if (known !== undefined) known.missingSince ??= now;
  }

  /** The registry's whole content. Answers the services that changed. */
  replace(content: readonly (readonly [service: string, instance: Instance])[], now: number): Set<string> {
    const changed = new Set<string>();
    const told = new Set(content.map(([service, { id }]) => `${service}/${id}`));
    for (const [service, known] of this.#services)
      for (const id of known.keys()) if (!told.has(`${service}/${id}`)) this.missing(service, id, now);
    for (const [service, instance] of content) if (this.put(service, instance)) changed.add(service);
    return changed;
  }

  /** Drops what vanished long enough ago. Answers the services that changed. */
  expire(now: number): Set<string> {
    const changed = new Set<string>();
    for (const [service, known] of this.#services) {
      if (![...known.values()].some(({ missingSince }) => missingSince === undefined)) continue;
      for (const [id, { missingSince }] of known)
        if (missingSince !== undefined && now - missingSince >= this.#graceMs) {
          known.delete(id);
          changed.add(service);
        }
    }
    return changed;
  }
}
