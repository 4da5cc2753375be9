import { readFileSync } from 'node:fs';
import {
  create,
  fromBinary,
  fromJson,
  toBinary,
  toJson,
  type JsonValue,
  type Registry,
} from '@bufbuild/protobuf';
import { AnySchema } from '@bufbuild/protobuf/wkt';
import { Metadata, status, type ServiceError } from '@grpc/grpc-js';
import type { Contract } from '@weft/chassis/contract';
import { loadContract } from '@weft/chassis/load-contract';
import { Status } from '@weft/proto/google/rpc/status';
import type { IdentityFiles } from './certificates.ts';
import { operatorClient } from './operator-client.ts';

export interface GrpcCall {
  /** Of a process on this machine. */
  readonly port: number;
  readonly identity: IdentityFiles;
  /** `package.Service/Method`. */
  readonly method: string;
  /** The request in canonical protobuf JSON; an unknown or wrong field is an error. */
  readonly request: unknown;
  /** A user's access token. */
  readonly token?: string | undefined;
  /** Default: 30 s; a stream has none. */
  readonly timeoutMs?: number;
}

let contract: Contract | undefined;

/** The contracts of this repository, from the descriptor set that `make generate` builds. */
export function contracts(): Contract {
  contract ??= loadContract(readFileSync(new URL(import.meta.resolve('@weft/proto/descriptors.binpb'))));
  return contract;
}

/**
 * Calls a method of the contracts by name and yields each answer as canonical JSON: one of a unary
 * method, as they come of a stream. Throws grpc-js's error, or an Error that says what is wrong with the
 * method's name or the request.
 */
export async function* callStream(call: GrpcCall): AsyncIterable<JsonValue> {
  const { registry } = contracts();
  const { descriptor, path } = findMethod(call.method);
  if (descriptor.methodKind !== 'unary' && descriptor.methodKind !== 'server_streaming')
    throw new Error(`${call.method} takes a stream of requests, which this does not send`);
  const request = toBinary(
    descriptor.input,
    fromJson(descriptor.input, call.request as JsonValue, { registry }),
  );
  const metadata = new Metadata();
  if (call.token !== undefined) metadata.set('authorization', `Bearer ${call.token}`);
  const client = operatorClient(call.port, call.identity);
  const deadline =
    descriptor.methodKind === 'unary' ? { deadline: Date.now() + (call.timeoutMs ?? 30_000) } : {};
  try {
    // A unary call is on the wire what a stream of one answer is.
    const answers = client.makeServerStreamRequest(
      path,
      (bytes: Buffer) => bytes,
      (bytes) => bytes,
      Buffer.from(request),
      metadata,
      deadline,
    );
    for await (const bytes of answers as AsyncIterable<Uint8Array>)
      yield toJson(descriptor.output, fromBinary(descriptor.output, bytes), {
        registry,
        alwaysEmitImplicit: true,
      });
  } finally {
    client.close();
  }
}

/** The only answer of a unary method. */
export async function callMethod(call: GrpcCall): Promise<JsonValue> {
  for await (const answer of callStream(call)) return answer;
  throw new Error(`${call.method} gave no answer`);
}

/** The rule of a method by the name that people write: `package.Service/Method`. */
export function findMethod(name: string) {
  const { methods, services } = contracts();
  const path = `/${name.replace(/^\//, '').replace(/\.(?=[^./]+$)/, name.includes('/') ? '.' : '/')}`;
  const rule = methods.get(path);
  if (rule !== undefined) return rule;
  const service = services.get(path.slice(1).split('/')[0] ?? '');
  const known =
    service === undefined
      ? [...services.keys()]
      : service.methods.map((method) => `${service.typeName}/${method.name}`);
  throw new Error(
    `the contracts have no method ${name}. ${service === undefined ? 'Services' : 'Methods'}:\n  ${known.sort().join('\n  ')}`,
  );
}

/** A gRPC error as JSON, in the shape that the edge gives it: code, message and decoded details. */
export function errorJson(error: ServiceError): JsonValue {
  const { registry } = contracts();
  const [encoded] = error.metadata.get('grpc-status-details-bin');
  const details = encoded instanceof Buffer ? Status.decode(encoded).details : [];
  return {
    code: status[error.code] ?? error.code,
    message: error.details,
    details: details.map(({ typeUrl, value }) => detailJson(registry, typeUrl, value)),
  };
}

function detailJson(registry: Registry, typeUrl: string, value: Uint8Array): JsonValue {
  const known = registry.getMessage(typeUrl.slice(typeUrl.lastIndexOf('/') + 1)) !== undefined;
  if (!known) return { '@type': typeUrl, value: Buffer.from(value).toString('base64') };
  return toJson(AnySchema, create(AnySchema, { typeUrl, value }), { registry });
}
