import { http2Connect } from '../client/http2-connection.ts';
import { createMesh } from '../client/mesh.ts';
import { env, loadConfig } from '../config.ts';
import { openDiscovery } from '../discovery/discovery.ts';
import { ServiceError } from '../errors.ts';
import { createLogger } from '../logger.ts';
import { readTlsIdentity } from '../tls.ts';
import { boundedMethods, boundedService } from './bounded-methods.ts';
import { echoContract } from './echo.ts';

/** A quarter of a second of load, by when calls ended. */
export interface LoadSlot {
  readonly phase: number;
  readonly offered: number;
  /** How calls ended by method and `OK` or the code: `work OK`. */
  readonly ended: Readonly<Record<string, number>>;
  /** Of those that went well, milliseconds: the median and the 99th percentile. */
  readonly p50: number;
  readonly p99: number;
}

/** So many calls a second of each method, for so long. */
export interface LoadPhase {
  readonly ms: number;
  readonly rates: Partial<Record<keyof typeof boundedMethods, number>>;
}

const slotMs = 250;
const stepMs = 5;
const deadlineMs = 1_000;
const mostLateMs = 50;

/**
 * Calls `bounded-service` at fixed rates whatever comes back, through the phases in PHASES, without retries;
 * writes a LoadSlot a line. A process of its own, so that it can have a core of its own.
 */
const config = loadConfig({
  registry: env.string('REGISTRY'),
  phases: env.string('PHASES'),
  caFile: env.file('TLS_CA_FILE'),
  certFile: env.file('TLS_CERT_FILE'),
  keyFile: env.file('TLS_KEY_FILE'),
});
const phases = JSON.parse(config.phases) as readonly LoadPhase[];
const contract = echoContract(boundedService, boundedMethods);
const logger = createLogger({ name: 'load', level: 'silent' });
const { resolver } = openDiscovery(config.registry, contract, { logger });
const connect = http2Connect({ kind: 'mesh', tls: readTlsIdentity(config, 'weft.local') });
const mesh = createMesh({ contract, resolver, connect, logger });
const request = Buffer.from('null');

let phase = 0;
let offered = 0;
let ended: Record<string, number> = {};
let latencies: number[] = [];

async function call(method: string): Promise<void> {
  const startedAt = performance.now();
  offered += 1;
  const code = await mesh
    .unary(`/${boundedService}/${method}`, request, { timeoutMs: deadlineMs, retry: false })
    .then(
      () => {
        latencies.push(performance.now() - startedAt);
        return 'OK';
      },
      (error: unknown) => (error instanceof ServiceError ? error.code : 'BUG'),
    );
  const key = `${method} ${code}`;
  ended[key] = (ended[key] ?? 0) + 1;
}

function writeSlot(): void {
  latencies.sort((a, b) => a - b);
  const at = (share: number): number => Math.round(latencies[Math.floor(latencies.length * share)] ?? 0);
  const slot: LoadSlot = { phase, offered, ended, p50: at(0.5), p99: at(0.99) };
  process.stdout.write(`${JSON.stringify(slot)}\n`);
  offered = 0;
  ended = {};
  latencies = [];
}

await call('work');
let startedAt = performance.now();
let slotAt = startedAt + slotMs;
const sent = new Map<string, number>();
const timer = setInterval(() => {
  const now = performance.now();
  if (now >= slotAt) {
    writeSlot();
    slotAt += slotMs;
  }
  const current = phases[phase];
  if (current === undefined) {
    clearInterval(timer);
    void mesh.close().then(() => resolver.close());
    return;
  }
  for (const [method, rate] of Object.entries(current.rates)) {
    const due = ((now - startedAt) / 1000) * rate;
    const done = sent.get(method) ?? 0;
    // What this process is late with, having had no time, is left out rather than sent as one burst.
    const first = Math.max(done, due - rate * (mostLateMs / 1000));
    for (let i = first; i < due; i += 1) void call(method);
    sent.set(method, Math.max(done, Math.ceil(due)));
  }
  if (now - startedAt < current.ms) return;
  startedAt = now;
  phase += 1;
  sent.clear();
}, stepMs);
