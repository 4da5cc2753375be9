import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import getPort from 'get-port';
import { boundedMethods, boundedService } from '../testing/bounded-methods.ts';
import { createAuthority } from '../testing/certificates.ts';
import { echoDescriptors } from '../testing/echo.ts';
import { eventually } from '../testing/eventually.ts';
import type { LoadPhase, LoadSlot } from '../testing/open-loop-load.ts';

export interface Overload {
  /** Plays the load and answers its slots. */
  play(phases: readonly LoadPhase[]): Promise<readonly LoadSlot[]>;
  /** Prometheus's text of the server's metrics. */
  metrics(): Promise<string>;
  /** What the server has logged. */
  log(): string;
  /** Ends all that runs. */
  close(): void;
}

/** How goodput is counted: calls a second that went well in a slot. */
export const goodputOf = (slot: LoadSlot, method?: string): number =>
  4 *
  Object.entries(slot.ended)
    .filter(([key]) => key.endsWith(' OK') && (method === undefined || key.startsWith(`${method} `)))
    .reduce((sum, [, count]) => sum + count, 0);

/**
 * A `bounded-service` and load on it, each a process; with `pinned`, each on a core of its own (taskset),
 * where there are two.
 */
export async function startOverload(permits: number, workMs: number, pinned: boolean): Promise<Overload> {
  const folder = mkdtempSync(join(tmpdir(), 'weft-overload-'));
  const children = new Set<ChildProcess>();
  const authority = await createAuthority();
  const file = (name: string, content: string | Uint8Array): string => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const identity = async (workload: string): Promise<Record<string, string>> => {
    const { ca, cert, key } = await authority.issue(workload);
    return {
      TLS_CA_FILE: file('ca.crt', ca),
      TLS_CERT_FILE: file(`${workload}.crt`, cert),
      TLS_KEY_FILE: file(`${workload}.key`, key),
    };
  };
  const start = (main: string, core: number, environment: Record<string, string>): ChildProcess => {
    const node = [process.execPath, fileURLToPath(new URL(`../../dist/testing/${main}.js`, import.meta.url))];
    const command = pinned && availableParallelism() > 1 ? ['taskset', '-c', String(core), ...node] : node;
    const child = spawn(command[0] ?? '', command.slice(1), {
      env: { PATH: process.env['PATH'], ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    children.add(child);
    child.once('close', () => children.delete(child));
    return child;
  };
  const [grpcPort, adminPort] = [await getPort(), await getPort()];
  const registry = `static:${boundedService}=127.0.0.1:${grpcPort}`;
  const server = start('bounded-service', 0, {
    ...(await identity('echo')),
    REGISTRY: registry,
    DESCRIPTORS: file('descriptors.binpb', echoDescriptors(boundedService, boundedMethods)),
    GRPC_PORT: String(grpcPort),
    ADMIN_PORT: String(adminPort),
    PERMITS: String(permits),
    WORK_MS: String(workMs),
  });
  let log = '';
  for (const stream of [server.stdout, server.stderr])
    stream?.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const admin = (path: string): Promise<Response> => fetch(`http://127.0.0.1:${adminPort}${path}`);
  await eventually(async () => {
    if (server.exitCode !== null) throw new Error(`the server has ended: ${log}`);
    return (await admin('/readyz')).ok;
  });
  const caller = await identity('edge');
  return {
    async play(phases) {
      const load = start('open-loop-load', 1, {
        ...caller,
        REGISTRY: registry,
        PHASES: JSON.stringify(phases),
      });
      if (load.stdout === null || load.stderr === null) throw new Error('the load has no output');
      const [out, err] = await Promise.all([text(load.stdout), text(load.stderr)]);
      if (err !== '') throw new Error(err);
      return out
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as LoadSlot);
    },
    metrics: async () => (await admin('/metrics')).text(),
    log: () => log,
    close() {
      for (const child of children) child.kill('SIGKILL');
      rmSync(folder, { recursive: true });
    },
  };
}
