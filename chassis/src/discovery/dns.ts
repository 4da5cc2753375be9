import { lookup, Resolver as DnsClient } from 'node:dns/promises';
import { isIP } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Contract } from '../contract.ts';
import type { Logger } from '../logger.ts';
import { backoffMs, jitteredMs } from './backoff.ts';
import { isAddress } from './instance-codec.ts';
import { instanceAt, workloadOf } from './listed.ts';
import { Listeners } from './listeners.ts';
import type { Instance, Resolver } from './registry.ts';

/** The IP addresses of a name, at least one. Rejects with what is wrong. */
type LookUp = (host: string) => Promise<readonly string[]>;

/** What REGISTRY says after `dns:`. */
interface DnsName {
  /** `host:port`, in which `{workload}` stands for the workload that serves the gRPC service. */
  readonly template: string;
  /** The name server to ask; undefined: as the system does, with its hosts file and search list. */
  readonly server: string | undefined;
}

/**
 * A resolver that looks names up in DNS, one instance per address (A and AAAA), as a headless service of
 * Kubernetes answers them. `name` is `host:port`, or `//server[:port]/host:port` (grpc/doc/naming.md); throws
 * when it is neither. Default for `everyMs`, the pause between two look-ups, whatever the records' TTL says:
 * 5,000 ms, up to a quarter shorter; after a failure sooner.
 *
 * An answer with addresses is taken at its word. One that fails keeps the instances of before, and so does one
 * that says there is no such name or no address, however authoritative: a cluster's name server that has just
 * started says the same of every name, and connections tell whether the instances of before are still there.
 */
export function dnsResolver(name: string, contract: Contract, logger: Logger, everyMs = 5_000): Resolver {
  const { template, server } = parseDnsName(name);
  const lookUp = server === undefined ? bySystem : byServer(server);
  const watches = new Map<string, NameWatch>();
  let closed = false;
  return {
    watch(service, listener) {
      const address = template.replaceAll('{workload}', workloadOf(contract, service) ?? service);
      if (closed) return () => undefined;
      const watch = watches.get(address) ?? new NameWatch(address, lookUp, everyMs, logger);
      watches.set(address, watch);
      const leave = watch.add(listener);
      return () => {
        leave();
        if (!watch.idle || watches.get(address) !== watch) return;
        watch.close();
        watches.delete(address);
      };
    },
    status() {
      const faults = [...watches.values()].map(({ fault }) => fault).filter((fault) => fault !== '');
      return { connected: faults.length === 0, detail: faults.join('; ') };
    },
    async close() {
      closed = true;
      for (const watch of watches.values()) watch.close();
    },
  };
}

function parseDnsName(name: string): DnsName {
  const [, server, template = ''] = /^(?:\/\/([^/]+)\/)?([^/]+)$/.exec(name) ?? [];
  const host = /^\[(.+)\](?::\d+)?$/.exec(server ?? '')?.[1] ?? server?.replace(/:\d+$/, '');
  if (!isAddress(template.replaceAll('{workload}', 'x')) || (host !== undefined && isIP(host) === 0))
    throw new Error('is no dns:host:port or dns://server/host:port (the server an IP address)');
  return { template, server };
}

/** One name, looked up again and again for all services whose instances it has. */
class NameWatch {
  /** Why the last look-up failed; '' if it did not. */
  fault = '';
  readonly #listeners: Listeners<readonly Instance[]>;
  readonly #stop = new AbortController();
  #instances: readonly Instance[] = [];

  constructor(address: string, lookUp: LookUp, everyMs: number, logger: Logger) {
    this.#listeners = new Listeners(logger);
    const colon = address.lastIndexOf(':');
    void this.#run(address.slice(0, colon), address.slice(colon), lookUp, everyMs, logger);
  }

  /** Whether nobody follows it. */
  get idle(): boolean {
    return this.#listeners.size === 0;
  }

  add(listener: (instances: readonly Instance[]) => void): () => void {
    return this.#listeners.add(listener, this.#instances.length > 0 ? this.#instances : undefined);
  }

  close(): void {
    this.#stop.abort();
    this.#listeners.clear();
  }

  async #run(host: string, port: string, lookUp: LookUp, everyMs: number, logger: Logger): Promise<void> {
    const { signal } = this.#stop;
    for (let failures = 0; !signal.aborted;) {
      try {
        const found = await lookUp(host);
        if (this.fault !== '') logger.info({ host }, 'DNS answers again');
        this.fault = '';
        failures = 0;
        const addresses = found.map((ip) => (isIP(ip) === 6 ? `[${ip}]${port}` : `${ip}${port}`));
        this.#tell([...new Set(addresses)].sort());
      } catch (error) {
        if (this.fault === '' && !signal.aborted)
          logger.warn({ err: error, host }, 'DNS fails: the last known instances stay in use');
        this.fault = (error as Error).message;
        failures += 1;
      }
      const pauseMs = failures === 0 ? jitteredMs(everyMs) : Math.min(everyMs, backoffMs(failures));
      await delay(pauseMs, undefined, { signal, ref: false }).catch(ended);
    }
  }

  #tell(addresses: readonly string[]): void {
    if (addresses.join() === this.#instances.map(({ address }) => address).join()) return;
    this.#instances = addresses.map(instanceAt);
    this.#listeners.tell(this.#instances);
  }
}

async function bySystem(host: string): Promise<readonly string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}

function byServer(server: string): LookUp {
  const client = new DnsClient({ timeout: 1_000, tries: 2 });
  client.setServers([server]);
  return async (host) => {
    const [v4, v6] = await Promise.all([
      client.resolve4(host).catch(noneOf),
      client.resolve6(host).catch(noneOf),
    ]);
    const found = [...v4, ...v6];
    if (found.length === 0) throw new Error(`${host} has no address`);
    return found;
  };
}

/** A name may well have addresses of one kind alone; that the server fails is another matter. */
function noneOf(error: NodeJS.ErrnoException): readonly string[] {
  if (error.code === 'ENODATA' || error.code === 'ENOTFOUND') return [];
  throw error;
}

/** A pause that `close` ended early: the loop sees that for itself. */
const ended = () => undefined;
