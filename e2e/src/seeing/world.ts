import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { startOtlpReceiver, type ExportedSpan, type OtlpReceiver } from '@weft/chassis/testing/otlp-receiver';
import { startSystem, type System } from '@weft/tools/system';
import { Rest, type Json } from '../rest.ts';

/** A running shop, with whoever looks at it. */
export interface World {
  readonly system: System;
  readonly receiver: OtlpReceiver;
  readonly rest: Rest;
  readonly admin: string;
  /** With a thousand pieces in stock. */
  readonly product: Json;
  readonly buyer: { readonly token: string };
  /** The text of /metrics. */
  scrape(name: string): Promise<string>;
  /** The lines of a process's log. */
  logOf(name: string): Promise<Json[]>;
  /** Spans that have come of one trace. */
  ofTrace(traceId: string): readonly ExportedSpan[];
  stop(): Promise<void>;
}

export const workloads = ['edge', 'catalog', 'identity', 'ordering'] as const;
const variables = ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_BSP_SCHEDULE_DELAY', 'LOG_LEVEL'];

/** Starts a shop that exports its traces at once, all of them, and logs every call. */
export async function openWorld(): Promise<World> {
  const receiver = await startOtlpReceiver();
  const before = variables.map((name) => [name, process.env[name]] as const);
  const values = [receiver.url, '100', 'debug'];
  variables.forEach((name, i) => (process.env[name] = values[i]));
  const restore = () => {
    for (const [name, value] of before)
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
  };
  const system = await startSystem().catch(async (error: unknown) => {
    restore();
    await receiver.close();
    throw error;
  });
  const rest = new Rest(system.edgeUrl);
  const admin = await rest.signIn(system.admin.email, system.admin.password);
  const [product, buyer] = await Promise.all([rest.product(admin, 5, 1_000), rest.person(1_000)]);
  return {
    system,
    receiver,
    rest,
    admin,
    product,
    buyer,
    scrape: async (name) => (await fetch(system.readyUrl(name).replace('/readyz', '/metrics'))).text(),
    logOf: async (name) =>
      (await readFile(join(folderOf(system), 'log', `${name}.log`), 'utf8'))
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line) as Json),
    ofTrace: (traceId) => receiver.spans.filter((span) => span.traceId === traceId),
    async stop() {
      restore();
      await system.stop();
      await receiver.close();
    },
  };
}

/** Where a system has its files. */
export function folderOf(system: System): string {
  return dirname(dirname(system.identity('operator').ca));
}
