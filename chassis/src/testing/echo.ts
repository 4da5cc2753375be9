import {
  create,
  createFileRegistry,
  fromBinary,
  fromJson,
  setExtension,
  toBinary,
  type DescExtension,
  type FileRegistry,
} from '@bufbuild/protobuf';
import {
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  MethodOptions_IdempotencyLevel,
  MethodOptionsSchema,
  ServiceOptionsSchema,
} from '@bufbuild/protobuf/wkt';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Priority } from '../call-context.ts';
import type { AccessRule, Contract } from '../contract.ts';
import { loadContract } from '../load-contract.ts';
import type { MethodDefinition } from '../server/implement.ts';

/** A method of a contract without `.proto` files, whose messages are JSON: for tests of the chassis itself. */
export interface EchoMethod {
  readonly access?: AccessRule;
  readonly idempotent?: boolean;
  /** It has no side effects then. */
  readonly hedgeAfterMs?: number;
  readonly maxAttempts?: number;
  readonly timeoutMs?: number;
  readonly priority?: Priority;
  readonly requestStream?: boolean;
  readonly responseStream?: boolean;
}

/** The workload that serves every service of such a contract. */
export const echoWorkload = 'echo';

/** A grpc-js definition whose messages are any JSON. */
export function echoDefinition<const M extends Readonly<Record<string, EchoMethod>>>(
  service: string,
  methods: M,
): {
  readonly [K in keyof M]: MethodDefinition<JsonValue, JsonValue> &
    Pick<Required<M[K]>, Streams & keyof M[K]>;
} {
  const serialize = (value: JsonValue): Buffer => Buffer.from(JSON.stringify(value));
  const deserialize = (bytes: Buffer): JsonValue => JSON.parse(bytes.toString()) as JsonValue;
  const entries = Object.entries(methods).map(([name, { requestStream = false, responseStream = false }]) => [
    name,
    {
      path: `/${service}/${name}`,
      requestStream,
      responseStream,
      requestSerialize: serialize,
      requestDeserialize: deserialize,
      responseSerialize: serialize,
      responseDeserialize: deserialize,
    },
  ]);
  return Object.fromEntries(entries);
}

/**
 * The descriptor set of such methods, with Weft's options; public unless they say otherwise. Its messages
 * are declared empty, since nothing but the handlers looks into them.
 */
export function echoDescriptors(service: string, methods: Readonly<Record<string, EchoMethod>>): Uint8Array {
  const all = fromBinary(FileDescriptorSetSchema, readFileSync(descriptorFile()));
  const registry = createFileRegistry(all);
  const name = service.slice(service.lastIndexOf('.') + 1);
  const serviceOptions = create(ServiceOptionsSchema);
  setExtension(serviceOptions, extension(registry, 'weft.v1.served_by'), echoWorkload);
  const file = create(FileDescriptorProtoSchema, {
    name: `${service}.proto`,
    syntax: 'proto3',
    package: service.slice(0, service.lastIndexOf('.')),
    dependency: ['google/protobuf/empty.proto', 'weft/v1/options.proto'],
    service: [
      {
        name,
        options: serviceOptions,
        method: Object.entries(methods).map(([method, rule]) => ({
          name: method,
          inputType: '.google.protobuf.Empty',
          outputType: '.google.protobuf.Empty',
          clientStreaming: rule.requestStream ?? false,
          serverStreaming: rule.responseStream ?? false,
          options: methodOptions(registry, rule),
        })),
      },
    ],
  });
  const needed = all.file.filter((one) => /^(google\/protobuf|weft)\//.test(one.name));
  return toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: [...needed, file] }));
}

/** The contract of such methods. */
export function echoContract(service: string, methods: Readonly<Record<string, EchoMethod>>): Contract {
  return loadContract(echoDescriptors(service, methods));
}

function methodOptions(registry: FileRegistry, method: EchoMethod) {
  const { access, idempotent, hedgeAfterMs, timeoutMs, priority, maxAttempts } = method;
  const { IDEMPOTENT, IDEMPOTENCY_UNKNOWN, NO_SIDE_EFFECTS } = MethodOptions_IdempotencyLevel;
  const level = hedgeAfterMs !== undefined ? NO_SIDE_EFFECTS : idempotent === true ? IDEMPOTENT : undefined;
  const options = create(MethodOptionsSchema, { idempotencyLevel: level ?? IDEMPOTENCY_UNKNOWN });
  const set = (name: string, value: object): void => {
    const option = extension(registry, `weft.v1.${name}`);
    if (option.message !== undefined) setExtension(options, option, fromJson(option.message, { ...value }));
  };
  const { kind, ...list } = access ?? { kind: 'public' };
  if (kind === 'roles' || kind === 'services') set('access', list);
  else if (kind !== 'denied') set('access', { [kind]: true });
  const seconds = (ms: number | undefined) => (ms === undefined ? undefined : `${ms / 1000}s`);
  const call = { timeout: seconds(timeoutMs), hedgeAfter: seconds(hedgeAfterMs), priority, maxAttempts };
  set('call', Object.fromEntries(Object.entries(call).filter(([, value]) => value !== undefined)));
  return options;
}

function extension(registry: FileRegistry, name: string): DescExtension {
  const found = registry.getExtension(name);
  if (found === undefined) throw new Error(`the contracts have no option ${name}`);
  return found;
}

function descriptorFile(): string {
  return createRequire(import.meta.url).resolve('@weft/proto/descriptors.binpb');
}

type Streams = 'requestStream' | 'responseStream';
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };
