import { Etcd3 } from 'etcd3';
import type { EtcdServer } from './servers.ts';

/** An etcd as its operator sees it, past all that is under test. */
export interface EtcdView {
  readonly client: Etcd3;
  /** The registrations, by `<service>/<instance>`, and the lease each is under. */
  registrations(): Promise<ReadonlyMap<string, string>>;
  close(): void;
}

/** Looks into the registry at an `etcd://` URL (its path is the prefix, as in REGISTRY). */
export function viewEtcd(url: string): EtcdView {
  const [, hosts = '', path = ''] = /^etcd:\/\/([^/]+)(.*)$/.exec(url) ?? [];
  const prefix = `${path}/weft/services/`;
  const client = new Etcd3({
    hosts: hosts.split(',').map((host) => `http://${host}`),
    defaultCallOptions: () => ({ deadline: Date.now() + 1_000 }),
  });
  return {
    client,
    async registrations() {
      const { kvs } = await client.getAll().prefix(prefix).exec();
      return new Map(kvs.map(({ key, lease }) => [key.toString().slice(prefix.length), lease]));
    },
    close: () => client.close(),
  };
}

/**
 * How often each method of etcd was called since it started, by `Service/Method` (`Lease/LeaseGrant`). Its own
 * calls to itself are not counted. Throws while it does not answer.
 */
export async function callsOf({
  metricsUrl,
}: Pick<EtcdServer, 'metricsUrl'>): Promise<Record<string, number>> {
  const answer = await fetch(`${metricsUrl}/metrics`, { signal: AbortSignal.timeout(2_000) });
  const counts: Record<string, number> = {};
  for (const line of (await answer.text()).split('\n')) {
    const [, method = '', service = '', count] =
      /^grpc_server_started_total\{grpc_method="(\w+)",grpc_service="etcdserverpb\.(\w+)",.*\} (\S+)$/.exec(
        line,
      ) ?? [];
    if (count !== undefined && Number(count) > 0) counts[`${service}/${method}`] = Number(count);
  }
  return counts;
}
