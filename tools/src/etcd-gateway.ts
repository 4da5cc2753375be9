/** Where etcd's JSON gateway is, by REGISTRY's form: `etcd://host:port[,more]`. The first host is asked. */
export function etcdBase(registry: string): string {
  return registry.split(',')[0]?.replace(/^etcd:/, 'http:') ?? registry;
}

/** Calls etcd's JSON gateway. Throws when it does not answer within 2 s, or not with 200. */
export async function post<T>(base: string, path: string, body: object): Promise<T> {
  const answer = await fetch(`${base}/v3/${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(2_000),
  });
  if (!answer.ok) throw new Error(`etcd answered HTTP ${answer.status}`);
  return (await answer.json()) as T;
}

/** All keys that begin with a prefix, as a request names them: up to the prefix with its last byte one higher. */
export function rangeOf(prefix: string): { readonly key: string; readonly range_end: string } {
  const end = Buffer.from(prefix);
  end.writeUInt8(end.readUInt8(end.length - 1) + 1, end.length - 1);
  return { key: base64(prefix), range_end: end.toString('base64') };
}

export const base64 = (value: string): string => Buffer.from(value).toString('base64');
export const text = (value: string): string => Buffer.from(value, 'base64').toString();
