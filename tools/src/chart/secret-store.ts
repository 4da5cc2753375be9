import { readFileSync } from 'node:fs';

/** What a Secret holds, decoded. */
export type SecretData = Readonly<Record<string, string>>;

export interface StoredSecret {
  readonly data: SecretData;
  /** What `replace` replaces: a change by somebody else in between is refused. */
  readonly version: string;
}

/** The Secrets of one namespace. What the API refuses rejects, with what it says. */
export interface SecretStore {
  /** Makes a Secret; false when one of that name is there. */
  create(name: string, data: SecretData): Promise<boolean>;
  read(name: string): Promise<StoredSecret>;
  replace(name: string, data: SecretData, version: string): Promise<void>;
}

/**
 * The store of the pod that this runs in, by the token and the namespace in the folder of its service account.
 * The authority of the API at `url` is in NODE_EXTRA_CA_CERTS.
 */
export function podSecretStore(url: string, accountFolder: string): SecretStore {
  const read = (file: string) => readFileSync(`${accountFolder}/${file}`, 'utf8').trim();
  const [token, namespace] = [read('token'), read('namespace')];
  const base = `${url}/api/v1/namespaces/${namespace}/secrets`;
  const ask = async (method: string, path: string, body?: object) => {
    const response = await fetch(base + path, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(10_000),
    });
    const answer = (await response.json()) as Answer;
    if (response.ok || (response.status === 409 && method === 'POST'))
      return { status: response.status, answer };
    throw new Error(`${method} secrets${path}: ${response.status} ${answer.message ?? ''}`);
  };
  return {
    create: async (name, data) => (await ask('POST', '', secret(name, data))).status !== 409,
    async read(name) {
      const { answer } = await ask('GET', `/${name}`);
      const data = Object.entries(answer.data ?? {}).map(([key, value]) => [
        key,
        Buffer.from(value, 'base64').toString(),
      ]);
      return {
        data: Object.fromEntries(data) as SecretData,
        version: answer.metadata?.resourceVersion ?? '',
      };
    },
    replace: async (name, data, version) => {
      await ask('PUT', `/${name}`, secret(name, data, version));
    },
  };
}

interface Answer {
  readonly message?: string;
  readonly metadata?: { readonly resourceVersion?: string };
  readonly data?: Readonly<Record<string, string>>;
}

function secret(name: string, data: SecretData, resourceVersion?: string): object {
  const labels = { 'app.kubernetes.io/part-of': 'weft', 'app.kubernetes.io/managed-by': 'weft-setup' };
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, labels, ...(resourceVersion === undefined ? {} : { resourceVersion }) },
    type: 'Opaque',
    stringData: data,
  };
}
