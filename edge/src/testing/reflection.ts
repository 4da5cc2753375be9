import type * as grpc from '@grpc/grpc-js';
import type { Contract } from '@weft/chassis/contract';
import { createReflection } from '@weft/chassis/server/reflection';
import type {
  ServerReflectionRequest,
  ServerReflectionResponse,
} from '@weft/proto/grpc/reflection/v1/reflection';

/** What servers do differently. */
export interface ReflectionOptions {
  /** Default: all of the contract. */
  readonly services?: readonly string[];
  /** Default: both. */
  readonly version?: 'v1' | 'v1alpha';
  /** Answers the file that is asked for alone, without what it imports. */
  readonly sparse?: boolean;
  /** What it answers now, if that is not the contract that the server has. */
  readonly now?: () => Contract;
  /** Files that it answers to nobody. */
  readonly lacks?: readonly string[];
}

type Handler = (requests: AsyncIterable<ServerReflectionRequest>) => AsyncIterable<ServerReflectionResponse>;

/** Gives a grpc-js server gRPC reflection of a contract. */
export function addReflection(
  server: grpc.Server,
  contract: Contract,
  options: ReflectionOptions = {},
): void {
  const { services = [...contract.services.keys()], version } = options;
  for (const implementation of createReflection(contract, services)) {
    const [method] = implementation.methods;
    if (method === undefined) continue;
    if (version !== undefined && !implementation.service.startsWith(`grpc.reflection.${version}.`)) continue;
    const { definition } = method;
    const handler = (): Handler => {
      const implementations = createReflection(options.now?.() ?? contract, services);
      return implementations[0]?.methods[0]?.handler as unknown as Handler;
    };
    server.register(
      definition.path,
      ((call: grpc.ServerDuplexStream<ServerReflectionRequest, ServerReflectionResponse>) =>
        void converse(call, handler(), options)) as grpc.handleBidiStreamingCall<unknown, unknown>,
      (value) => definition.responseSerialize(value),
      (bytes) => definition.requestDeserialize(bytes),
      'bidi',
    );
  }
}

async function converse(
  call: grpc.ServerDuplexStream<ServerReflectionRequest, ServerReflectionResponse>,
  handler: Handler,
  { sparse = false, lacks = [] }: ReflectionOptions,
): Promise<void> {
  try {
    for await (const response of handler(call)) {
      const asked = response.originalRequest?.messageRequest;
      const answer = response.messageResponse;
      if (asked?.$case === 'fileByFilename' && lacks.includes(asked.value))
        call.write({
          ...response,
          messageResponse: { $case: 'errorResponse', value: { errorCode: 5, errorMessage: 'no such file' } },
        });
      else if (sparse && answer?.$case === 'fileDescriptorResponse')
        call.write({
          ...response,
          messageResponse: {
            ...answer,
            value: { fileDescriptorProto: answer.value.fileDescriptorProto.slice(0, 1) },
          },
        });
      else call.write(response);
    }
    call.end();
  } catch {
    // The client left in the middle.
    call.end();
  }
}
