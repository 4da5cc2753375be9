import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

// Not imported: an ES import of node:http touches the getters of WebSocket and so loads undici, 13 MB.
const { createServer } = process.getBuiltinModule('node:http');

/** Something a process depends on, for /readyz. */
export interface Dependency {
  readonly name: string;
  /** False: told, but the process is ready without it. */
  readonly required: boolean;
  /** Whether it works, and what is wrong if not. May reject, which counts as not. */
  state(): Promise<{ readonly ok: boolean; readonly detail?: string }>;
}

export type Phase = 'starting' | 'serving' | 'draining';

export interface AdminServer {
  readonly port: number;
  /** Ready is who serves, and whose required dependencies work. */
  setPhase(phase: Phase): void;
  addDependency(dependency: Dependency): void;
  close(): Promise<void>;
}

export interface AdminOptions {
  readonly host: string;
  /** 0 for any. */
  readonly port: number;
  readonly metrics: (request: IncomingMessage, response: ServerResponse) => void;
}

const checkTimeoutMs = 2_000;

/**
 * Plain HTTP for probes and scrapers, never for users: /healthz (the process lives), /readyz (200 or 503,
 * and each dependency's state as JSON), /metrics (Prometheus). Rejects when the port cannot be had.
 */
export async function startAdminServer({ host, port, metrics }: AdminOptions): Promise<AdminServer> {
  const dependencies: Dependency[] = [];
  let phase: Phase = 'starting';

  async function readiness(response: ServerResponse): Promise<void> {
    const states = await Promise.all(dependencies.map(stateOf));
    const ready = phase === 'serving' && states.every(({ required, ok }) => ok || !required);
    const listed = Object.fromEntries(states.map(({ name, ...state }) => [name, state]));
    json(response, ready ? 200 : 503, { ready, phase, dependencies: listed });
  }

  const server = createServer((request, response) => {
    const [path] = (request.url ?? '').split('?', 1);
    if (request.method !== 'GET' && request.method !== 'HEAD') json(response, 405, { error: 'only GET' });
    else if (path === '/healthz') json(response, 200, { status: 'ok', phase });
    else if (path === '/metrics') metrics(request, response);
    else if (path === '/readyz') void readiness(response);
    else json(response, 404, { error: 'only /healthz, /readyz and /metrics' });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    setPhase: (next) => {
      phase = next;
    },
    addDependency: (dependency) => dependencies.push(dependency),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface State {
  readonly name: string;
  readonly required: boolean;
  readonly ok: boolean;
  readonly detail?: string;
}

async function stateOf(dependency: Dependency): Promise<State> {
  const { name, required } = dependency;
  const timeout = Promise.withResolvers<{ ok: boolean; detail?: string }>();
  const timer = setTimeout(() => timeout.resolve({ ok: false, detail: 'does not answer' }), checkTimeoutMs);
  try {
    return { name, required, ...(await Promise.race([dependency.state(), timeout.promise])) };
  } catch (error) {
    return { name, required, ok: false, detail: (error as Error).message };
  } finally {
    clearTimeout(timer);
  }
}

function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(`${JSON.stringify(body)}\n`);
}
