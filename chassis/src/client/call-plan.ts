import { currentCall } from '../call-context.ts';
import type { Priority } from '../call-context.ts';
import type { Contract, MethodRule } from '../contract.ts';
import { ServiceError } from '../errors.ts';
import { lowered } from '../priority.ts';
import type { CallOptions } from './mesh.ts';
import { hasPair } from './metadata-pairs.ts';

/** What all attempts of a call have in common. */
export interface CallPlan {
  readonly rule: MethodRule;
  /** Epoch milliseconds; Infinity for none. */
  readonly deadlineMs: number;
  readonly signals: readonly AbortSignal[];
  readonly attempts: number;
  /** That of the call being served, where it is lower than the method's own. */
  readonly priority: Priority | undefined;
  /** Made also while the breaker is open: its caller knows when to wait. */
  readonly insistent: boolean;
  /** So long the first attempt may go unanswered before there is a second beside it; undefined: there is none. */
  readonly hedgeAfterMs: number | undefined;
  /** Fresh metadata for one attempt. */
  metadata(): string[];
}

/**
 * Settles a call's limits: the shortest of the contract's timeout, the caller's and what is left of the
 * call being served; that call's cancellation, its priority and its user's token. Throws where it cannot begin.
 */
export function planCall(contract: Contract, path: string, options: CallOptions): CallPlan {
  const rule = contract.methods.get(path);
  if (rule === undefined)
    throw new ServiceError('UNIMPLEMENTED', 'UNKNOWN_METHOD', `${path} is not part of the contract`);
  const outer = currentCall();
  const now = Date.now();
  const deadlineMs = Math.min(
    outer?.deadlineMs ?? Infinity,
    now + (options.timeoutMs ?? Infinity),
    now + (rule.timeoutMs ?? Infinity),
  );
  const signals = [outer?.signal, options.signal].filter((signal) => signal !== undefined);
  if (deadlineMs <= now) throw new ServiceError('DEADLINE_EXCEEDED', 'DEADLINE_EXCEEDED', 'no time is left');
  const priority = lowered(rule.priority, outer?.priority);
  return {
    rule,
    priority: priority === rule.priority ? undefined : priority,
    deadlineMs,
    signals,
    attempts: options.retry === false ? 1 : rule.maxAttempts,
    insistent: options.retry === false,
    hedgeAfterMs: options.retry === false ? undefined : rule.hedgeAfterMs,
    metadata() {
      const metadata = options.metadata?.slice() ?? [];
      if (outer?.token !== undefined && !hasPair(metadata, 'authorization'))
        metadata.push('authorization', `Bearer ${outer.token}`);
      if (outer?.requestId !== undefined && !hasPair(metadata, 'x-request-id'))
        metadata.push('x-request-id', outer.requestId);
      return metadata;
    },
  };
}
