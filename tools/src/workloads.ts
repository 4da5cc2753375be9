/** A process of the shop. */
export interface Workload {
  /** Its name in its certificate and in `weft.v1.served_by`. */
  readonly name: WorkloadName;
  /** What starts it, from the repository's root. */
  readonly main: string;
  /** The folders whose compiled code it runs. */
  readonly packages: readonly string[];
  readonly hasDatabase: boolean;
}

export type WorkloadName = (typeof names)[number];
const names = ['catalog', 'identity', 'ordering', 'edge'] as const;

/** What `make up` starts. A new service is added to `names`, here and in `ports.ts`. */
export const workloads: readonly Workload[] = names.map((name) => {
  const folder = name === 'edge' ? 'edge' : `services/${name}`;
  return {
    name,
    main: `${folder}/dist/main.js`,
    packages: ['proto', 'chassis', folder],
    hasDatabase: name !== 'edge',
  };
});

/** The workload of this name. */
export function workload(name: WorkloadName): Workload {
  const found = workloads.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`no workload is called ${name}`);
  return found;
}
