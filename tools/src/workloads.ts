/** What `make up` starts, with the default ports of each. A new service is one line here. */
const defaultPorts = {
  catalog: { port: 50051, adminPort: 9051 },
  identity: { port: 50052, adminPort: 9052 },
  ordering: { port: 50053, adminPort: 9053 },
  edge: { port: 8080, adminPort: 9080 },
} as const;

export type WorkloadName = keyof typeof defaultPorts;

/** A process of the shop. */
export interface Workload {
  /** Its name in its certificate and in `weft.v1.served_by`. */
  readonly name: WorkloadName;
  /** What starts it, from the repository's root. */
  readonly main: string;
  /** The folders whose compiled code it runs. */
  readonly packages: readonly string[];
  /** Of gRPC; of HTTP for the edge. */
  readonly port: number;
  readonly adminPort: number;
}

export const workloads: readonly Workload[] = (Object.keys(defaultPorts) as WorkloadName[]).map((name) => {
  const folder = name === 'edge' ? 'edge' : `services/${name}`;
  return {
    name,
    main: `${folder}/dist/main.js`,
    packages: ['proto', 'chassis', folder],
    ...defaultPorts[name],
  };
});

/** The workloads that serve gRPC and keep data: all but the edge. */
export const services = workloads.filter(({ name }) => name !== 'edge');

/** The workload of this name. */
export function workload(name: WorkloadName): Workload {
  const found = workloads.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`no workload is called ${name}`);
  return found;
}
