/** How many gRPC calls a process has served, health checks and reflection aside, by its /metrics. */
export async function readServedCalls(adminPort: number): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${adminPort}/metrics`, { signal: AbortSignal.timeout(2_000) });
  return servedCalls(await answer.text());
}

/** Sums the counts of the histogram `rpc.server.call.duration` in Prometheus's text format. */
export function servedCalls(metrics: string): number {
  return metrics
    .split('\n')
    .filter(
      (line) => /^rpc_server_call_duration(_seconds)?_count\b/.test(line) && !/rpc_method="grpc\./.test(line),
    )
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}
