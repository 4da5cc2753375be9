import type { Contract } from '../contract.ts';
import { attempts, codeOf, newProgress, type Try } from './attempts.ts';
import { planCall } from './call-plan.ts';
import { hedged } from './hedge.ts';
import type { CallOptions, Mesh, StreamResult, UnaryResult } from './mesh.ts';
import type { Pool } from './pool.ts';
import { RequestSource } from './request-source.ts';
import { resumableStream } from './stream-attempts.ts';
import { createCallObserver } from './telemetry.ts';

/** Calls over pools of instances: plans, picks, tries, and tries again where the contract allows. */
export function createCaller(
  contract: Contract,
  poolOf: (service: string) => Pool,
): Pick<Mesh, 'unary' | 'serverStream' | 'clientStream'> {
  const observe = createCallObserver((path) => {
    const rule = contract.methods.get(path);
    return rule?.servedBy ?? rule?.service ?? 'unknown';
  });

  async function unary(path: string, request: Uint8Array, options: CallOptions = {}): Promise<UnaryResult> {
    const plan = planCall(contract, path, options);
    const observed = observe(path, options.trace);
    const { deadlineMs, priority } = plan;
    const pool = poolOf(plan.rule.service);
    try {
      const attempt: Try<UnaryResult> = ({ connection }, metadata, signals) =>
        connection.unary({ path, request, metadata, deadlineMs, signals, priority });
      const result = await (plan.hedgeAfterMs === undefined ? attempts : hedged)(
        plan,
        pool,
        observed,
        attempt,
      );
      observed.ended('OK');
      return result;
    } catch (error) {
      observed.ended(codeOf(error));
      throw error;
    }
  }

  function serverStream(path: string, request: Uint8Array, options: CallOptions = {}): StreamResult {
    const observed = observe(path, options.trace);
    const left = new AbortController();
    return resumableStream({
      begin: (begun) => {
        const plan = planCall(contract, path, options);
        const { deadlineMs, priority } = plan;
        const signals = [...plan.signals, left.signal];
        return attempts({ ...plan, signals }, poolOf(plan.rule.service), observed, (endpoint, metadata) =>
          begun(
            endpoint.connection.serverStream({ path, request, metadata, deadlineMs, signals, priority }),
            endpoint,
          ),
        );
      },
      onLeave: () => left.abort(),
      onEnd: (error) => {
        observed.ended(error === undefined ? 'OK' : codeOf(error));
        return error;
      },
    });
  }

  function clientStream(
    path: string,
    requests: AsyncIterable<Uint8Array>,
    options: CallOptions = {},
  ): StreamResult {
    const observed = observe(path, options.trace);
    const left = new AbortController();
    const source = new RequestSource(requests);
    return resumableStream({
      begin: (begun) => {
        const plan = planCall(contract, path, options);
        const { deadlineMs, priority } = plan;
        const signals = [...plan.signals, left.signal];
        const once = { ...plan, signals, attempts: 1 };
        return attempts(
          once,
          poolOf(plan.rule.service),
          observed,
          (endpoint, metadata) =>
            begun(
              endpoint.connection.clientStream({
                path,
                requests: source,
                metadata,
                deadlineMs,
                signals,
                priority,
              }),
              endpoint,
            ),
          newProgress(),
          source,
        );
      },
      onLeave: () => left.abort(),
      onEnd: (error) => {
        observed.ended(error === undefined ? 'OK' : codeOf(error));
        source.end();
        return error !== undefined && source.failure !== undefined ? source.failure.error : error;
      },
    });
  }

  return { unary, serverStream, clientStream };
}
