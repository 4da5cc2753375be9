import type { Metadata } from '@grpc/grpc-js';
import type { Context } from '@opentelemetry/api';
import type { Contract } from '../contract.ts';
import type { Resolver } from '../discovery/registry.ts';
import type { Logger } from '../logger.ts';
import { createCaller } from './caller.ts';
import type { Connect } from './connection.ts';
import { Endpoints } from './endpoints.ts';
import { observePools } from './pool-metrics.ts';
import type { MetadataPairs } from './metadata-pairs.ts';

/** What one call may set beside what the contract says. */
export interface CallOptions {
  /** The longest this call may take, all attempts together. The contract's and the current call's limits win when shorter. */
  readonly timeoutMs?: number;
  /** Cancels the call. The cancellation of the current call does so too. */
  readonly signal?: AbortSignal;
  /**
   * Sent with the call: names and values in turn, as `['x-tenant', 'blue']`. `authorization` of the current call
   * is added unless it is set here.
   */
  readonly metadata?: MetadataPairs;
  /** The trace that it belongs to. Default: the active one. */
  readonly trace?: Context;
  /**
   * false: one attempt, whatever the contract allows, and also while the breaker is open. For callers that retry
   * by themselves and know when to wait.
   */
  readonly retry?: boolean;
}

/** Its metadata may be shared with other results, and is not to be changed. */
export interface UnaryResult {
  readonly message: Uint8Array;
  readonly headers: Metadata;
  readonly trailers: Metadata;
}

/** The answer of a call that streams. */
export interface StreamResult {
  /**
   * Resolves when the upstream begins to answer. Rejects, as `trailers` does, with what `messages` throws.
   * Neither needs to be awaited.
   */
  readonly headers: Promise<Metadata>;
  /** Pulled by its reader: an unread message holds back the sender. Leaving it cancels the call. */
  readonly messages: AsyncIterable<Uint8Array>;
  readonly trailers: Promise<Metadata>;
}

/** An instance, as this process sees it. */
export interface InstanceStatus {
  readonly id: string;
  readonly address: string;
  readonly zone: string;
  readonly version: string;
  /** Connected, serving, and not set aside for its failures. */
  readonly ready: boolean;
  readonly ejected: boolean;
  /** False while its health service says that it wants no calls. */
  readonly serving: boolean;
  readonly inFlight: number;
  /** Moving average of the time to answer, milliseconds; absent before the first answer. */
  readonly latencyMs?: number;
}

/**
 * Calls to any gRPC service of the mesh, by path (`/shop.catalog.v1.ProductService/GetProduct`) and
 * encoded message. Every failure is a ServiceError with the upstream's code, reason and details;
 * UNAVAILABLE with reason NO_INSTANCE or CONNECTION_LOST where no upstream answered, BREAKER_OPEN
 * where none has for a while;
 * UNIMPLEMENTED with reason UNKNOWN_METHOD for a path that the contract lacks.
 *
 * Inside a served call, its deadline, cancellation and user token are inherited (currentCall).
 */
export interface Mesh {
  unary(path: string, request: Uint8Array, options?: CallOptions): Promise<UnaryResult>;
  serverStream(path: string, request: Uint8Array, options?: CallOptions): StreamResult;
  /**
   * A call that streams its requests, with one answer or many. They are pulled as the upstream takes them,
   * and not repeated: once the first is pulled, the call stays with its instance. What `requests` throws
   * cancels the call, and `messages` throws the same. When the call ends first, `requests` is left (`return`).
   */
  clientStream(path: string, requests: AsyncIterable<Uint8Array>, options?: CallOptions): StreamResult;
  /** Instances of a gRPC service that are known now; starts to watch the service if nobody does. */
  instances(service: string): readonly InstanceStatus[];
  /** Finds and connects to the instances of these gRPC services before the first call needs them. */
  prepare(services: readonly string[]): void;
  /** Ends all connections; calls in flight fail. */
  close(): Promise<void>;
}

/** What a mesh is made of. */
export interface MeshOptions {
  /** Read anew at each call, so that its getters may answer the state of a contract that grows. */
  readonly contract: Contract;
  readonly resolver: Resolver;
  /** How connections are made: `http2Connect`. */
  readonly connect: Connect;
  readonly logger: Logger;
  /** Where this process runs: instances of the same zone are called first. Default '': all alike. */
  readonly zone?: string | undefined;
}

/** The mesh as one process sees it: finds instances through `resolver`, connects to them, calls them. */
export function createMesh(options: MeshOptions): Mesh {
  const endpoints = new Endpoints(options);
  const unobserve = observePools(() => endpoints.pools);
  const call = createCaller(options.contract, (service) => endpoints.pool(service));
  return {
    unary: call.unary,
    serverStream: call.serverStream,
    clientStream: call.clientStream,
    instances: (service) => endpoints.pool(service).endpoints.map((endpoint) => endpoint.status()),
    prepare: (services) => services.forEach((service) => endpoints.pool(service)),
    close: async () => {
      unobserve();
      endpoints.close();
    },
  };
}
