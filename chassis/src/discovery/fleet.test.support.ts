import { expect } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { client } from '../client/client.ts';
import { http2Connect } from '../client/http2-connection.ts';
import { createMesh, type Mesh } from '../client/mesh.ts';
import { createLogger } from '../logger.ts';
import { createAuthority } from '../testing/certificates.ts';
import { echoMethods, echoService } from '../testing/echo-methods.ts';
import { echoContract, echoDefinition, echoDescriptors } from '../testing/echo.ts';
import { eventually } from '../testing/eventually.ts';
import { tlsIdentity } from '../testing/tls.ts';
import { openDiscovery, type Discovery } from './discovery.ts';
import type { EtcdAccess } from './etcd/address.ts';

/** A service in a process of its own. */
export interface Member {
  readonly id: string;
  readonly process: ChildProcess;
  /** What its /readyz says. */
  readiness(): Promise<{ readonly status: number; readonly dependencies: Record<string, unknown> }>;
  log(): string;
}

/** Processes of one service, and a client of them that never stops calling. */
export interface Fleet {
  readonly mesh: Mesh;
  readonly discovery: Discovery;
  /** A folder that goes with the fleet. */
  readonly folder: string;
  start(id: string, environment?: Record<string, string>): Member;
  /** Waits until the client may call these, and no other. */
  settled(...ids: readonly string[]): Promise<void>;
  /** Calls an idempotent method every `everyMs` (default 10), whatever became of the calls before. */
  load(everyMs?: number): Load;
  close(): Promise<void>;
}

export interface Load {
  /** Who served how many. */
  readonly served: Record<string, number>;
  readonly failures: unknown[];
  /** No more calls; resolves when all have ended. */
  stop(): Promise<void>;
}

export interface FleetOptions {
  readonly leaseMs: number;
  readonly cacheDir?: string;
  readonly access?: EtcdAccess;
}

/** Processes start slowly beside a full run of tests. */
const startMs = 25_000;

/** A fleet at a REGISTRY; nothing is started yet. */
export async function createFleet(registry: string, options: FleetOptions): Promise<Fleet> {
  const { leaseMs, ...more } = options;
  const folder = mkdtempSync(join(tmpdir(), 'weft-fleet-'));
  const children = new Set<ChildProcess>();
  /** Of a process that ended by itself. */
  let fault = '';
  const authority = await createAuthority();
  const { ca, cert, key } = await authority.issue('echo');
  const file = (name: string, content: string | Uint8Array): string => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const common = {
    REGISTRY: registry,
    REGISTRY_LEASE: String(leaseMs),
    TLS_CA_FILE: file('ca.crt', ca),
    TLS_CERT_FILE: file('echo.crt', cert),
    TLS_KEY_FILE: file('echo.key', key),
    DESCRIPTORS: file('descriptors.binpb', echoDescriptors(echoService, echoMethods)),
    GRPC_PORT: '0',
    NODE_COMPILE_CACHE: join(tmpdir(), 'weft-test-compile-cache'),
  };
  const logger = createLogger({ name: 'test', level: process.env['LOG_LEVEL'] ?? 'silent' });
  const contract = echoContract(echoService, echoMethods);
  const discovery = openDiscovery(registry, contract, { logger, ...more });
  const tls = await tlsIdentity(authority, 'edge');
  const mesh = createMesh({
    contract,
    resolver: discovery.resolver,
    connect: http2Connect({ kind: 'mesh', tls }),
    logger,
  });
  const echo = client(echoDefinition(echoService, echoMethods), mesh);
  return {
    mesh,
    discovery,
    folder,
    start(id, environment = {}) {
      const main = fileURLToPath(new URL('../../dist/testing/echo-service.js', import.meta.url));
      const child = spawn(process.execPath, [main], {
        env: { PATH: process.env['PATH'], ...common, INSTANCE_ID: id, ADMIN_PORT: '0', ...environment },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      children.add(child);
      let output = '';
      child.once('close', (code) => {
        children.delete(child);
        if (code !== null && code !== 0) fault = `${id} has ended: ${output}`;
      });
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
      return {
        id,
        process: child,
        log: () => output,
        async readiness() {
          const { admin } = JSON.parse(/^.*"msg":"serving".*$/m.exec(output)?.[0] ?? '{}') as {
            admin?: number;
          };
          const answer = await fetch(`http://127.0.0.1:${String(admin)}/readyz`);
          const { dependencies } = (await answer.json()) as { dependencies: Record<string, unknown> };
          return { status: answer.status, dependencies };
        },
      };
    },
    settled: (...ids) =>
      eventually(() => {
        if (fault !== '') return;
        const ready = mesh.instances(echoService).filter((one) => one.ready);
        expect(ready.map(({ id }) => id).sort()).toEqual([...ids].sort());
      }, startMs).then(() => expect(fault).toBe('')),
    load(everyMs = 10) {
      const served: Record<string, number> = {};
      const failures: unknown[] = [];
      const pending = new Set<Promise<void>>();
      const one = async (): Promise<void> => {
        try {
          const id = (await echo.who(null)) as string;
          served[id] = (served[id] ?? 0) + 1;
        } catch (error) {
          failures.push(error);
        }
      };
      const timer = setInterval(() => {
        const call = one().finally(() => pending.delete(call));
        pending.add(call);
      }, everyMs);
      return {
        served,
        failures,
        async stop() {
          clearInterval(timer);
          await Promise.all(pending);
        },
      };
    },
    async close() {
      await Promise.all(
        [...children].map((child) => {
          const closed = once(child, 'close');
          child.kill('SIGKILL');
          return closed;
        }),
      );
      await mesh.close();
      await discovery.resolver.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** Says a figure of a proof, as `make prove` collects them. */
export function figures(text: string): void {
  process.stderr.write(`figures: ${text}\n`);
}

/** The given share of the values lies at or below this. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}
