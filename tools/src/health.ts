import { HealthCheckResponse_ServingStatus, HealthService } from '@weft/proto/health/v1/health';
import type { IdentityFiles } from './certificates.ts';
import { operatorClient } from './operator-client.ts';

const timeoutMs = 1_000;

/** Whether the process's /readyz answers 200, and what it says otherwise. */
export async function readiness(
  adminPort: number,
): Promise<{ readonly ready: boolean; readonly detail: string }> {
  try {
    const url = `http://127.0.0.1:${adminPort}/readyz`;
    const answer = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
    return { ready: answer.ok, detail: (await answer.text()).trim() };
  } catch (error) {
    return { ready: false, detail: `/readyz does not answer (${reason(error)})` };
  }
}

/** Whether the process says SERVING by grpc.health.v1, asked over mutual TLS as the operator. */
export async function serves(grpcPort: number, operator: IdentityFiles): Promise<boolean> {
  const client = operatorClient(grpcPort, operator);
  const { path, requestSerialize, responseDeserialize } = HealthService.check;
  try {
    return await new Promise((resolve) =>
      client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        { service: '' },
        { deadline: Date.now() + timeoutMs },
        (_error, answer) => resolve(answer?.status === HealthCheckResponse_ServingStatus.SERVING),
      ),
    );
  } finally {
    client.close();
  }
}

function reason(error: unknown): string {
  const { cause, message } = error as Error;
  return cause instanceof Error ? cause.message : message;
}
