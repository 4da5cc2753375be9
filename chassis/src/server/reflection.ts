import { toBinary, type DescFile } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import {
  ServerReflectionService,
  type ServerReflectionRequest,
  type ServerReflectionResponse,
} from '@weft/proto/grpc/reflection/v1/reflection';
import { ServerReflectionService as AlphaService } from '@weft/proto/grpc/reflection/v1alpha/reflection';
import type { Contract } from '../contract.ts';
import { Code } from '../errors.ts';
import { implement, type Implementation } from './implement.ts';

type Answer = NonNullable<ServerReflectionResponse['messageResponse']>;

/**
 * Server reflection v1 and v1alpha (grpc/doc/server-reflection.md) from the contract's own
 * descriptors, custom options included. A file is answered together with all that it imports.
 */
export function createReflection(contract: Contract, served: readonly string[]): Implementation[] {
  const names = [ServerReflectionService, AlphaService].map(
    (service) => service.serverReflectionInfo.path.split('/')[1] ?? '',
  );
  const services = [...new Set([...served, ...names])].sort();
  const answer = (request: ServerReflectionRequest): Answer => answerTo(contract, services, request);

  // The two versions differ in the name of their package alone.
  async function* serverReflectionInfo(requests: AsyncIterable<ServerReflectionRequest>) {
    for await (const request of requests)
      yield { validHost: request.host, originalRequest: request, messageResponse: answer(request) };
  }
  return [
    implement(ServerReflectionService, { serverReflectionInfo }),
    implement(AlphaService, { serverReflectionInfo }),
  ];
}

function answerTo(contract: Contract, services: readonly string[], request: ServerReflectionRequest): Answer {
  const { registry } = contract;
  const query = request.messageRequest;
  switch (query?.$case) {
    case 'listServices':
      return {
        $case: 'listServicesResponse',
        value: { service: services.map((name) => ({ name })) },
      };
    case 'fileByFilename':
      return files(registry.getFile(query.value), query.value);
    case 'fileContainingSymbol':
      return files(fileOf(contract, query.value), query.value);
    case 'fileContainingExtension': {
      const { containingType, extensionNumber } = query.value;
      const message = registry.getMessage(containingType);
      const extension = message && registry.getExtensionFor(message, extensionNumber);
      return files(extension?.file, `${containingType} ${extensionNumber}`);
    }
    case 'allExtensionNumbersOfType': {
      const extensionNumber = [...registry]
        .filter((type) => type.kind === 'extension' && type.extendee.typeName === query.value)
        .map((type) => (type.kind === 'extension' ? type.number : 0));
      if (registry.getMessage(query.value) === undefined) return notFound(query.value);
      return {
        $case: 'allExtensionNumbersResponse',
        value: { baseTypeName: query.value, extensionNumber },
      };
    }
    case undefined:
      return failure(Code.INVALID_ARGUMENT, 'the request asks for nothing');
  }
}

/** A symbol is a type, or a member of one: a method, a field, a value. */
function fileOf({ registry }: Contract, symbol: string): DescFile | undefined {
  const name = symbol.replace(/^\./, '');
  const parent = name.slice(0, Math.max(0, name.lastIndexOf('.')));
  return (registry.get(name) ?? registry.get(parent))?.file;
}

function files(file: DescFile | undefined, asked: string): Answer {
  if (file === undefined) return notFound(asked);
  const all = new Set<DescFile>();
  const collect = (one: DescFile): void => {
    if (all.has(one)) return;
    all.add(one);
    one.dependencies.forEach(collect);
  };
  collect(file);
  const fileDescriptorProto = [...all].map((one) =>
    Buffer.from(toBinary(FileDescriptorProtoSchema, one.proto)),
  );
  return { $case: 'fileDescriptorResponse', value: { fileDescriptorProto } };
}

function notFound(asked: string): Answer {
  return failure(Code.NOT_FOUND, `${asked} is not part of the contract`);
}

function failure(errorCode: number, errorMessage: string): Answer {
  return { $case: 'errorResponse', value: { errorCode, errorMessage } };
}
