import { Metadata } from '@grpc/grpc-js';
import type { Attempt, Connect, StreamingAttempt } from '../client/connection.ts';
import { createMesh, type Mesh, type StreamResult, type UnaryResult } from '../client/mesh.ts';
import type { Contract } from '../contract.ts';
import { ServiceError } from '../errors.ts';
import type { Instance, Resolver } from '../discovery/registry.ts';
import { createLogger } from '../logger.ts';

/** How a played instance answers. */
export interface Behaviour {
  readonly unary?: (attempt: Attempt) => Promise<UnaryResult>;
  readonly serverStream?: (attempt: Attempt) => AsyncIterable<Uint8Array>;
  readonly clientStream?: (attempt: StreamingAttempt) => AsyncIterable<Uint8Array>;
}

export interface PlayedMesh {
  readonly mesh: Mesh;
  /** The address of each attempt, in order. */
  readonly calls: string[];
  /** The workloads that connections were opened for, in order. */
  readonly workloads: (string | undefined)[];
  tell(addresses: readonly string[]): void;
  setReady(address: string, value: boolean): void;
}

/** Where the mesh and its instances are. */
export interface PlayedZones {
  readonly zone: string;
  /** By address. */
  readonly zones: Readonly<Record<string, string>>;
}

/**
 * A mesh over connections that are played: by address, what each answers. Every service has them all. They keep no
 * health.
 */
export function playMesh(
  contract: Contract,
  behaviours: Record<string, Behaviour>,
  { zone, zones }: PlayedZones = { zone: '', zones: {} },
): PlayedMesh {
  const instanceAt = (address: string): Instance => ({
    id: address,
    address,
    zone: zones[address] ?? '',
    weight: 1,
    version: '',
    startedAt: '',
  });
  let tell: (instances: readonly Instance[]) => void = () => undefined;
  const calls: string[] = [];
  const workloads: (string | undefined)[] = [];
  const changes = new Map<string, () => void>();
  const ready = new Set(Object.keys(behaviours));
  const resolver: Resolver = {
    watch(_, listener) {
      tell = listener;
      listener(Object.keys(behaviours).map(instanceAt));
      return () => undefined;
    },
    status: () => ({ connected: true, detail: '' }),
    close: async () => undefined,
  };
  const connect: Connect = (address, workload, onChange) => {
    changes.set(address, onChange);
    workloads.push(workload);
    const behaviour = behaviours[address] ?? {};
    const play = <A, R>(how: ((attempt: A) => R) | undefined, attempt: A): R => {
      calls.push(address);
      if (how === undefined) throw new Error('no such behaviour');
      return how(attempt);
    };
    return {
      get ready() {
        return ready.has(address);
      },
      unary: async (attempt) => play(behaviour.unary, attempt),
      serverStream: (attempt) =>
        streamOf(
          attempt.path.startsWith('/grpc.health.') ? noHealth() : play(behaviour.serverStream, attempt),
        ),
      clientStream: (attempt) => streamOf(play(behaviour.clientStream, attempt)),
      close: () => ready.delete(address),
    };
  };
  const logger = createLogger({ name: 'test', level: 'silent' });
  return {
    mesh: createMesh({ contract, resolver, logger, connect, zone }),
    calls,
    workloads,
    tell: (addresses) => tell(addresses.map(instanceAt)),
    setReady: (address, value) => {
      if (value) ready.add(address);
      else ready.delete(address);
      changes.get(address)?.();
    },
  };
}

/** A stream whose headers come with its first message, as a failure before that one is Trailers-Only. */
function streamOf(messages: AsyncIterable<Uint8Array>): StreamResult {
  const iterator = messages[Symbol.asyncIterator]();
  let first: Promise<IteratorResult<Uint8Array>> | undefined = iterator.next();
  const headers = first.then(() => new Metadata());
  headers.catch(() => undefined);
  return {
    headers,
    trailers: Promise.resolve(new Metadata()),
    messages: {
      [Symbol.asyncIterator]: () => ({
        next: () => {
          const result = first ?? iterator.next();
          first = undefined;
          return result;
        },
      }),
    },
  };
}

// oxlint-disable-next-line require-yield
async function* noHealth(): AsyncGenerator<Uint8Array> {
  throw new ServiceError('UNIMPLEMENTED', 'UNIMPLEMENTED', 'played');
}
