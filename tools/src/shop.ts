import { join } from 'node:path';
import { ensureCertificates, identityFiles } from './certificates.ts';
import { workloadEnvironment, type SystemSettings } from './environment.ts';
import { workloadFingerprint } from './fingerprint.ts';
import { readiness, serves } from './health.ts';
import { root } from './paths.ts';
import type { Processes } from './processes.ts';
import { ask } from './rest.ts';
import { seed } from './seed.ts';
import type { Steps } from './steps.ts';
import { all } from './all.ts';
import { waitFor } from './wait-for.ts';
import { workloads, type Workload, type WorkloadName } from './workloads.ts';

const readyTimeoutMs = 30_000;

export interface ShopOptions extends SystemSettings {
  readonly processes: Processes;
  readonly steps: Steps;
}

/** Starts the four processes unless they run as they should, and waits until the shop answers. */
export async function bringUpShop(options: ShopOptions): Promise<void> {
  const { steps, folder, admin } = options;
  await steps.run(
    'certificates',
    () => ensureCertificates(folder),
    (made) => (made.length > 0 ? made.join(', ') : undefined),
  );
  await all(workloads.map((workload) => bringUp(workload, options)));
  const url = edgeUrl(options);
  await openShop(url, { admin, folder, steps });
}

/** Waits until a shop answers through its edge, and fills it with products if it is empty. */
export async function openShop(
  url: string,
  { admin, folder, steps }: Pick<ShopOptions, 'admin' | 'folder' | 'steps'>,
): Promise<void> {
  await steps.run('the shop answers', () => shopAnswers(url));
  await steps.run(
    'products',
    () => seed(url, admin, folder),
    (made) => (made > 0 ? `${made} made` : undefined),
  );
}

export function edgeUrl({ ports }: Pick<SystemSettings, 'ports'>): string {
  return `http://127.0.0.1:${ports.EDGE_PORT}`;
}

async function bringUp(workload: Workload, options: ShopOptions): Promise<void> {
  const { name } = workload;
  const { processes, steps } = options;
  const env = workloadEnvironment(name, options);
  const fingerprint = workloadFingerprint(workload, env);
  if (processes.running(name, fingerprint) !== undefined)
    return steps.run(
      name,
      () => untilReady(name, options, () => processes.running(name, fingerprint) !== undefined),
      () => 'runs',
    );
  await steps.run(name, () => startWorkload(workload, options));
}

/** Starts one process and waits until it is ready. `as` gives another instance its own name. */
export async function startWorkload(
  workload: Workload,
  options: ShopOptions,
  {
    as = workload.name,
    overrides = {},
  }: { readonly as?: string; readonly overrides?: NodeJS.ProcessEnv } = {},
): Promise<void> {
  const env = workloadEnvironment(workload.name, options, overrides);
  const ports = portsOf(env);
  const server = await options.processes.start({
    name: as,
    ...nodeCommand(workload),
    env,
    ports: Object.values(ports).filter((port) => port !== undefined),
    fingerprint: workloadFingerprint(workload, env),
  });
  await server.waitUntil(() => isReady(ports, options.folder), readyTimeoutMs);
}

/**
 * A small young generation keeps an idle process about 25 MB smaller, and costs a service that mostly
 * waits for others nothing that was measured.
 */
function nodeCommand({ main }: Workload) {
  return { command: process.execPath, args: ['--max-semi-space-size=2', join(root, main)] };
}

/** The ports that an environment makes a process listen on. */
function portsOf(env: NodeJS.ProcessEnv) {
  const port = (name: string) => (env[name] === undefined ? undefined : Number(env[name]));
  return { admin: Number(env['ADMIN_PORT']), grpc: port('GRPC_PORT'), http: port('HTTP_PORT') };
}

async function isReady(ports: ReturnType<typeof portsOf>, folder: string): Promise<boolean> {
  if (!(await readiness(ports.admin)).ready) return false;
  return ports.grpc === undefined || serves(ports.grpc, identityFiles(folder, 'operator'));
}

async function untilReady(name: WorkloadName, options: ShopOptions, runs: () => boolean): Promise<void> {
  const ports = portsOf(workloadEnvironment(name, options));
  const ready = await waitFor(async () => !runs() || isReady(ports, options.folder), readyTimeoutMs);
  if (ready && runs()) return;
  throw new Error(`${(await readiness(ports.admin)).detail} (make logs SERVICE=${name})`);
}

/** Each process may be ready before the edge has heard of the others. */
async function shopAnswers(url: string): Promise<void> {
  let last = '';
  const paths = ['/v1/products?pageSize=1', '/.well-known/jwks.json'];
  const answers = async () => {
    try {
      const all = await Promise.all(paths.map((path) => ask(url, 'GET', path, { timeoutMs: 5_000 })));
      last = JSON.stringify(all.map(({ status, body }) => ({ status, body })));
      return all.every(({ status }) => status === 200);
    } catch (error) {
      last = String((error as Error).cause ?? error);
      return false;
    }
  };
  if (!(await waitFor(answers, readyTimeoutMs))) throw new Error(`the edge answered ${last}`);
}
