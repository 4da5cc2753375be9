import {
  HealthCheckResponse_ServingStatus as Status,
  HealthService,
  type HealthCheckResponse,
} from '@weft/proto/health/v1/health';
import { ServiceError } from '../errors.ts';
import { implement, type Implementation } from './implement.ts';

/** grpc.health.v1: the state of the whole server (`''`) and of each service it serves. */
export interface Health {
  readonly implementation: Implementation;
  /** All of them begin as not serving. */
  setServing(serving: boolean): void;
}

/** The path of a call that goes on for as long as its connection. */
export const healthWatchPath = HealthService.watch.path;

/** The standard health service (grpc/doc/health-checking.md) for the given gRPC services. */
export function createHealth(services: readonly string[]): Health {
  const known = new Set(['', ...services]);
  let status: HealthCheckResponse['status'] = Status.NOT_SERVING;
  let changed = Promise.withResolvers<void>();
  const statusOf = (service: string) => (known.has(service) ? status : Status.SERVICE_UNKNOWN);

  const implementation = implement(HealthService, {
    check: async ({ service }) => {
      if (!known.has(service))
        throw new ServiceError('NOT_FOUND', 'UNKNOWN_SERVICE', 'this server does not serve it');
      return { status };
    },
    list: async () => ({ statuses: Object.fromEntries([...known].map((name) => [name, { status }])) }),
    async *watch({ service }, { signal }) {
      const gone = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      let sent: HealthCheckResponse['status'] | undefined;
      while (!signal.aborted) {
        const next = changed.promise;
        const now = statusOf(service);
        if (now !== sent) yield { status: now };
        sent = now;
        await Promise.race([next, gone]);
      }
    },
  });
  return {
    implementation,
    setServing(serving) {
      status = serving ? Status.SERVING : Status.NOT_SERVING;
      changed.resolve();
      changed = Promise.withResolvers<void>();
    },
  };
}
