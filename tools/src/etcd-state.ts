import { etcdBase, post, rangeOf, text } from './etcd-gateway.ts';

/** An instance as it stands in etcd. */
export interface RegisteredInstance {
  readonly service: string;
  readonly id: string;
  readonly address: string;
  /** Seconds until etcd forgets it, unless it is renewed before. */
  readonly leaseSeconds: number;
}

const prefix = '/weft/services/';

/**
 * Every registered instance, through etcd's JSON gateway. Throws if etcd does not answer.
 *
 * @param registry As REGISTRY takes it: `etcd://host:port[,more]`.
 */
export async function registeredServices(registry: string): Promise<readonly RegisteredInstance[]> {
  const base = etcdBase(registry);
  const { kvs = [] } = await post<{ kvs?: { key: string; value: string; lease?: string }[] }>(
    base,
    'kv/range',
    rangeOf(prefix),
  );
  const leases = new Map<string, Promise<number>>();
  const secondsLeft = (lease: string) => {
    const known = leases.get(lease);
    if (known !== undefined) return known;
    const left = post<{ TTL?: string }>(base, 'lease/timetolive', { ID: lease }).then(({ TTL }) =>
      Number(TTL ?? 0),
    );
    leases.set(lease, left);
    return left;
  };
  return Promise.all(
    kvs.map(async ({ key, value, lease = '0' }) => {
      const [service = '', id = ''] = text(key).slice(prefix.length).split('/');
      return { service, id, address: addressIn(text(value)), leaseSeconds: await secondsLeft(lease) };
    }),
  );
}

function addressIn(value: string): string {
  try {
    return String((JSON.parse(value) as { address?: unknown }).address);
  } catch {
    return '(unreadable)';
  }
}
