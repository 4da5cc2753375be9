import { metrics } from '@opentelemetry/api';
import { ServiceError } from '../../errors.ts';
import type { Logger } from '../../logger.ts';
import { serverDuration, serverAttributes, serverDurationMetric } from '../../rpc-attributes.ts';
import type { Step } from '../chain.ts';
import type { ServedCall } from '../served-call.ts';
import { Gate } from './gate.ts';
import { observeGate } from './metrics.ts';
import { createRefusals } from './refusal.ts';

export interface ServingOptions {
  /** This workload: the `domain` of refusals. */
  readonly workload: string;
  readonly logger: Logger;
  /** The chain. */
  readonly run: Step;
  readonly maxCalls?: number | undefined;
  readonly maxStreams?: number | undefined;
}

export interface Serving {
  /** Takes a call that has come. */
  readonly serve: (call: ServedCall) => void;
  /** Those that run or wait. */
  readonly calls: ReadonlySet<ServedCall>;
  /** Ends the measuring. */
  close(): void;
}

const logEveryMs = 1_000;

/**
 * Serves calls through the gate and the chain, whatever happens: nothing that the chain rejects with
 * escapes. A refused call never enters the chain: no span, no token, no message is looked at, and it has
 * a line in the log at debug only; at warn there is one line a second for all of them.
 */
export function createServing(options: ServingOptions): Serving {
  const { logger, run, maxCalls: max, maxStreams } = options;
  const calls = new Set<ServedCall>();
  const duration = metrics.getMeter('@weft/chassis').createHistogram(serverDurationMetric, serverDuration);
  const refusal = createRefusals(options.workload);
  const turnAway = (call: ServedCall, error: ServiceError): void => {
    calls.delete(call);
    call.end(error);
    const { path, arrivedAt, failure } = call;
    const seconds = (performance.now() - arrivedAt) / 1000;
    duration.record(seconds, serverAttributes(path, failure?.code ?? error.code));
    if (logger.isLevelEnabled('debug'))
      logger.debug({ method: path, code: failure?.code, reason: failure?.reason }, 'call refused');
  };
  const gate: Gate<ServedCall> = new Gate<ServedCall>({
    ...(max === undefined ? {} : { max }),
    ...(maxStreams === undefined ? {} : { maxStreams }),
    run: (call) => {
      if (call.streaming) call.onBegun = () => gate.begun(call);
      run(call)
        .catch((error: unknown) => logger.error({ err: error }, 'a call could not be served'))
        .finally(() => {
          calls.delete(call);
          gate.leave(call);
        });
    },
    refuse: (call, retryAfterMs) => turnAway(call, refusal(retryAfterMs)),
    late: (call) =>
      turnAway(call, new ServiceError('DEADLINE_EXCEEDED', 'DEADLINE_EXCEEDED', 'the deadline passed')),
    onTick: logRefusals(() => gate, logger),
  });
  const close = observeGate(gate);
  return {
    calls,
    serve: (call) => {
      if (gate.arrive(call)) calls.add(call);
    },
    close,
  };
}

/** One line a second while calls are refused. */
function logRefusals(gateOf: () => Gate<ServedCall>, logger: Logger): () => void {
  let before = { CRITICAL: 0, USER: 0, BATCH: 0 };
  let nextAt = 0;
  return () => {
    const { refused, limit, inFlight, waiting } = gateOf();
    const now = performance.now();
    if (now < nextAt) return;
    const { CRITICAL, USER, BATCH } = refused;
    const [critical, user, batch] = [CRITICAL - before.CRITICAL, USER - before.USER, BATCH - before.BATCH];
    if (critical + user + batch === 0) return;
    before = { ...refused };
    nextAt = now + logEveryMs;
    logger.warn(
      { refused: { critical, user, batch }, limit, inFlight, waiting },
      'overloaded: calls refused',
    );
  };
}
