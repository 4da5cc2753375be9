import { parseAllDocuments } from 'yaml';

/** An object of the Kubernetes API, as far as it is looked at here. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> };
  readonly spec?: Readonly<Record<string, unknown>>;
}

/** The objects in a text of several YAML documents. */
export function parseManifests(text: string): readonly Manifest[] {
  // Helm and the API read YAML 1.1, in which 0440 is octal.
  return parseAllDocuments(text, { version: '1.1' })
    .map((document) => {
      const [error] = document.errors;
      if (error !== undefined) throw error;
      return document.toJS() as Manifest | null;
    })
    .filter((manifest) => manifest !== null);
}

/** Where objects of this kind are made, in a namespace. */
export function collection({ apiVersion, kind }: Manifest, namespace: string): string {
  const group = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const singular = kind.toLowerCase();
  const plural = singular.endsWith('y')
    ? `${singular.slice(0, -1)}ies`
    : `${singular}${singular.endsWith('s') ? 'es' : 's'}`;
  return `${group}/namespaces/${namespace}/${plural}`;
}

interface PodTemplate {
  readonly metadata?: object;
  readonly spec: {
    readonly containers: readonly object[];
    readonly volumes?: readonly object[];
  } & Readonly<Record<string, unknown>>;
}

interface Claims {
  readonly volumeClaimTemplates?: readonly { readonly metadata: { readonly name: string } }[];
}

/** The pod that an object would have made, if it is one that has pods made. */
export function podOf(manifest: Manifest): Manifest | undefined {
  if (manifest.kind === 'Pod') return manifest;
  const owner = (manifest.kind === 'CronJob' ? manifest.spec?.['jobTemplate'] : manifest) as
    | Manifest
    | undefined;
  const spec = owner?.spec as { readonly template?: PodTemplate } & Claims;
  if (spec?.template === undefined) return undefined;
  const { metadata, spec: pod } = spec.template;
  // A StatefulSet's controller mounts what it claims.
  const claimed = (spec.volumeClaimTemplates ?? []).map(({ metadata: { name } }) => ({
    name,
    persistentVolumeClaim: { claimName: name },
  }));
  const name = `${manifest.metadata.name}-pod`;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...metadata, name },
    spec: { ...pod, volumes: [...(pod.volumes ?? []), ...claimed] },
  };
}
