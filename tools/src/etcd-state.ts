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
  const base = registry.split(',')[0]?.replace(/^etcd:/, 'http:') ?? registry;
  // The end of a range over a prefix: the prefix with its last byte one higher.
  const end = `${prefix.slice(0, -1)}0`;
  const range = { key: base64(prefix), range_end: base64(end) };
  const { kvs = [] } = await post<{ kvs?: { key: string; value: string; lease?: string }[] }>(
    base,
    'kv/range',
    range,
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

async function post<T>(base: string, path: string, body: object): Promise<T> {
  const answer = await fetch(`${base}/v3/${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(2_000),
  });
  if (!answer.ok) throw new Error(`etcd answered HTTP ${answer.status}`);
  return (await answer.json()) as T;
}

function addressIn(value: string): string {
  try {
    return String((JSON.parse(value) as { address?: unknown }).address);
  } catch {
    return '(unreadable)';
  }
}

const base64 = (value: string) => Buffer.from(value).toString('base64');
const text = (value: string) => Buffer.from(value, 'base64').toString();
