import { runInCall } from '../call-context.ts';
import { ServiceError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { workloadOf } from '../tls.ts';
import { authorize } from './access.ts';
import type { Interceptor } from './chain.ts';
import { isServerFault } from './server-faults.ts';
import type { ServedCall } from './served-call.ts';
import type { TokenVerifier } from './tokens.ts';

/**
 * One line a call, without payloads: at debug when it went well or its caller made a mistake, warn when this
 * service failed it (isServerFault), error when its handler threw what it should not.
 */
export function log(logger: Logger): Interceptor {
  return async (call, next) => {
    await next(call);
    const { failure } = call;
    const warns = call.cause !== undefined || (failure !== undefined && isServerFault(failure.code));
    if (!warns && !logger.isLevelEnabled('debug')) return;
    const line = {
      method: call.path,
      code: failure?.code ?? 'OK',
      ms: Math.round((performance.now() - call.arrivedAt) * 100) / 100,
      caller: call.caller,
      user: call.user?.id,
      requestId: call.requestId,
    };
    if (failure === undefined) logger.debug(line, 'call');
    else if (call.cause !== undefined) logger.error({ ...line, err: call.cause }, 'call failed');
    else {
      const why = { reason: failure.reason, detail: failure.message, err: failure.cause };
      logger[warns ? 'warn' : 'debug']({ ...line, ...why }, warns ? 'call failed' : 'call refused');
    }
  };
}

/**
 * Turns how the handler ended into the call's status. A ServiceError goes to the caller as it is;
 * anything else is INTERNAL without a word of its own, and kept for the log.
 */
export const errors: Interceptor = async (call, next) => {
  try {
    await next(call);
    call.end();
  } catch (error) {
    if (error instanceof ServiceError) return call.end(error);
    if (call.ended) return;
    call.cause = error;
    call.end(new ServiceError('INTERNAL', 'INTERNAL', 'internal error'));
  }
};

/** The contract's timeout, where it is shorter than the caller's; and the context that inner calls inherit. */
export const deadline: Interceptor = async (call, next) => {
  const { timeoutMs } = call.method;
  const contractMs = timeoutMs === undefined ? Infinity : Date.now() + timeoutMs;
  if (contractMs >= (call.deadlineMs ?? Infinity)) return runInCall(call, () => next(call));
  call.deadlineMs = contractMs;
  const timer = setTimeout(() => call.lost(), timeoutMs);
  try {
    await runInCall(call, () => next(call));
  } finally {
    clearTimeout(timer);
  }
};

/**
 * Who calls: the workload in the certificate and, where the method needs one, the user in the token.
 * Other methods take no notice of a token: neither an expired one nor the want of keys can fail them.
 */
export function identity(trustDomain: string, tokens: TokenVerifier | undefined): Interceptor {
  // One entry per certificate, and there are as many as workloads.
  const workloads = new Map<string | undefined, string | undefined>();
  const callerOf = (names: string | undefined): string | undefined => {
    const known = workloads.get(names);
    if (known !== undefined) return known;
    const found = workloadOf(names, trustDomain);
    if (found !== undefined) workloads.set(names, found);
    return found;
  };
  return async (call, next) => {
    const caller = callerOf(call.peer.names());
    if (caller === undefined)
      throw new ServiceError(
        'UNAUTHENTICATED',
        'CERTIFICATE_REQUIRED',
        'the certificate names no workload of the mesh',
      );
    call.caller = caller;
    call.token = bearer(call);
    const { kind } = call.method.access;
    if (call.token !== undefined && tokens !== undefined && (kind === 'user' || kind === 'roles'))
      call.user = await tokens.verify(call.token);
    await next(call);
  };
}

/** The contract's access rule. */
export const access: Interceptor = async (call, next) => {
  authorize(call.method.access, call.caller, call.user);
  await next(call);
};

function bearer(call: ServedCall): string | undefined {
  const header = call.metadata.get('authorization')[0];
  if (typeof header !== 'string' || !/^bearer /i.test(header)) return undefined;
  return header.slice(7).trim();
}
