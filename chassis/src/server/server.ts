import { Server } from '@grpc/grpc-js';
import type { Priority } from '../call-context.ts';
import type { Contract } from '../contract.ts';
import { ServiceError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { tlsSource, type TlsSource } from '../tls-source.ts';
import type { TlsIdentity } from '../tls.ts';
import { Baseline } from './admission/baseline.ts';
import { createServing } from './admission/serving.ts';
import { chain, handle, type Interceptor } from './chain.ts';
import { createCompression, type Compression } from './compression.ts';
import { createConnections } from './connections.ts';
import { createHealth, healthWatchPath } from './health.ts';
import type { Implementation } from './implement.ts';
import { access, deadline, errors, identity, log } from './interceptors.ts';
import { MeshServerCredentials } from './peer.ts';
import { createReflection } from './reflection.ts';
import type { ServedCall, ServedMethod } from './served-call.ts';
import { telemetry } from './telemetry.ts';
import { sessionRevoked, type TokenVerifier } from './tokens.ts';
import { streamHandler, unaryHandler } from './wire.ts';

const maxMessageBytes = 4 * 1024 * 1024;

export interface GrpcServerOptions {
  /** This workload: the `domain` of the errors it raises. */
  readonly workload: string;
  readonly contract: Contract;
  readonly services: readonly Implementation[];
  /** One that changes is followed, without a call being lost. */
  readonly tls: TlsIdentity | TlsSource;
  readonly trustDomain: string;
  /** Without one no user is ever known. */
  readonly tokens?: TokenVerifier | undefined;
  readonly logger: Logger;
  /** The concurrency limit finds itself; never above this. Default 2,000, sensible from 50. */
  readonly maxConcurrentCalls?: number | undefined;
  /** Streams open at once, above which more are refused. Default 10,000. */
  readonly maxConcurrentStreams?: number | undefined;
  /**
   * Answers longer than so many bytes are compressed (gzip) for callers that take it. Costs both sides about 10 µs
   * of CPU per kB, so it is for narrow links. Default: none are; sensible from 10,000.
   */
  readonly compressAboveBytes?: number | undefined;
  /** A connection is ended at this age, give or take a tenth. Default: 2 h. */
  readonly maxConnectionAgeMs?: number | undefined;
  /** So long may calls take on a connection that is being ended. Default: 30,000 ms. */
  readonly connectionGraceMs?: number | undefined;
  /** Lets calls go wrong on demand, behind the access rule (injectFaults). */
  readonly faults?: Interceptor | undefined;
}

export interface GrpcServer {
  /** Opens the port, 0 for any; answers which. Rejects when it cannot be had. */
  listen(host: string, port: number): Promise<number>;
  /** What the health service says; not serving at first. */
  setServing(serving: boolean): void;
  readonly inFlight: number;
  /**
   * Takes no new calls (GOAWAY), ends streams with UNAVAILABLE so that their callers go elsewhere, and
   * waits for the other calls in flight. Those that are not through after `graceMs` are ended too.
   */
  drain(graceMs: number): Promise<void>;
}

/**
 * A gRPC server over mutual TLS. What is more than it can serve is refused at the gate (createServing).
 * Around every handler, in this order: telemetry, log, errors, deadline, identity, access. Health and reflection are open to every certificate of the
 * mesh; all else is as the contract says, and denied where it says nothing.
 */
export function createServer(options: GrpcServerOptions): GrpcServer {
  const { workload, contract, services, logger } = options;
  const tls = tlsSource(options.tls);
  const run = chain(
    [
      telemetry(),
      log(logger),
      errors,
      deadline,
      identity(options.trustDomain, options.tokens),
      access,
      ...(options.faults === undefined ? [] : [options.faults]),
    ],
    handle,
  );
  const serving = createServing({
    workload,
    logger,
    run,
    maxCalls: options.maxConcurrentCalls,
    maxStreams: options.maxConcurrentStreams,
  });
  const streams = function* () {
    for (const call of serving.calls) if (call.method.responseStream) yield call;
  };
  const { compressAboveBytes } = options;
  const compression = compressAboveBytes === undefined ? undefined : createCompression(compressAboveBytes);
  const connections = createConnections({
    tls,
    onSession: compression?.watch,
    trustDomain: options.trustDomain,
    maxAgeMs: options.maxConnectionAgeMs,
    graceMs: options.connectionGraceMs,
    endStreams(session) {
      for (const call of streams()) if (call.peer.connection() === session) sendAway(call);
    },
  });
  options.tokens?.onRevoked?.((sessionIds) => {
    for (const call of streams())
      if (call.user?.sessionId !== undefined && sessionIds.has(call.user.sessionId))
        call.abort(sessionRevoked());
  });
  const credentials = new MeshServerCredentials(tls);
  const names = services.map((implementation) => implementation.service);
  const health = createHealth(names);
  const server = new Server({
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.max_send_message_length': maxMessageBytes,
    'grpc.enable_channelz': 0,
  });
  const add = (implementation: Implementation, open?: Priority): void => {
    for (const method of implementation.methods)
      register(server, servedMethod(contract, method, open), workload, serving.serve, compression);
  };
  for (const implementation of services) add(implementation);
  // Health is what others decide by.
  add(health.implementation, 'CRITICAL');
  for (const implementation of createReflection(contract, [...names, health.implementation.service]))
    add(implementation, 'USER');

  return {
    setServing: (value) => health.setServing(value),
    get inFlight() {
      return serving.calls.size;
    },
    listen: (host, port) =>
      new Promise((resolve, reject) => {
        const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
        server.bindAsync(address, credentials, (error, bound) => {
          if (error !== null) return reject(error);
          connections.watch(server);
          resolve(bound);
        });
      }),
    async drain(graceMs) {
      const closed = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
      for (const call of streams()) sendAway(call);
      if (!(await within(closed, graceMs))) {
        for (const call of serving.calls) sendAway(call);
        if (!(await within(closed, 500))) server.forceShutdown();
      }
      serving.close();
      connections.close();
      credentials.close();
    },
  };
}

function servedMethod(
  contract: Contract,
  method: Implementation['methods'][number],
  /** The priority of a method that is open to all, whatever the contract says. */
  open: Priority | undefined,
): ServedMethod {
  const { path, responseStream } = method.definition;
  const rule = contract.methods.get(path);
  return {
    ...method,
    path,
    responseStream,
    rule,
    access: open !== undefined ? { kind: 'public' } : (rule?.access ?? { kind: 'denied' }),
    timeoutMs: rule?.timeoutMs,
    priority: open ?? rule?.priority ?? 'USER',
    baseline: new Baseline(),
  };
}

/** Messages stay bytes for grpc-js: they are decoded within the chain, after the access rule. */
function register(
  server: Server,
  method: ServedMethod,
  workload: string,
  serve: (call: ServedCall) => void,
  compression: Compression | undefined,
): void {
  const { requestStream, responseStream } = method.definition;
  const bytes = (value: Buffer): Buffer => value;
  const type = responseStream
    ? requestStream
      ? 'bidi'
      : 'serverStream'
    : requestStream
      ? 'clientStream'
      : 'unary';
  const handler = responseStream
    ? streamHandler(method, workload, serve, compression)
    : unaryHandler(method, workload, serve, compression);
  if (!server.register(method.path, handler, bytes, bytes, type))
    throw new Error(`${method.path} is implemented twice`);
}

/** Ends a call whose instance goes away. A watch of health is not failed by that: it ends well. */
function sendAway(call: ServedCall): void {
  if (call.path === healthWatchPath) call.abort();
  else
    call.abort(
      new ServiceError('UNAVAILABLE', 'SERVER_DRAINING', 'this instance is going away: call another'),
    );
}

async function within(promise: Promise<void>, ms: number): Promise<boolean> {
  const timeout = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => timeout.resolve(false), ms);
  const done = await Promise.race([promise.then(() => true), timeout.promise]);
  clearTimeout(timer);
  return done;
}
