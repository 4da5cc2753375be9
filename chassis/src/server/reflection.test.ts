import { fromBinary, getOption, createFileRegistry, create } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { expect, test } from '@jest/globals';
import type {
  ServerReflectionRequest,
  ServerReflectionResponse,
} from '@weft/proto/grpc/reflection/v1/reflection';
import type { CallContext } from '../call-context.ts';
import { echoContract } from '../testing/echo.ts';
import { createReflection } from './reflection.ts';

const contract = echoContract('test.Echo', { echo: { access: { kind: 'roles', roles: ['admin'] } } });
type Query = NonNullable<ServerReflectionRequest['messageRequest']>;

async function ask(...queries: Query[]): Promise<ServerReflectionResponse['messageResponse'][]> {
  const [implementation] = createReflection(contract, ['test.Echo']);
  async function* requests(): AsyncGenerator<ServerReflectionRequest> {
    for (const messageRequest of queries) yield { host: '', messageRequest };
  }
  const handler = implementation?.methods[0]?.handler as unknown as (
    all: AsyncIterable<ServerReflectionRequest>,
    context: Partial<CallContext>,
  ) => AsyncIterable<ServerReflectionResponse>;
  const answers = [];
  for await (const { messageResponse } of handler(requests(), {})) answers.push(messageResponse);
  return answers;
}

test('services are listed, reflection itself included', async () => {
  const [answer] = await ask({ $case: 'listServices', value: '' });
  expect(answer).toEqual({
    $case: 'listServicesResponse',
    value: {
      service: [
        { name: 'grpc.reflection.v1.ServerReflection' },
        { name: 'grpc.reflection.v1alpha.ServerReflection' },
        { name: 'test.Echo' },
      ],
    },
  });
});

test('a symbol is answered with its file and all imports, custom options intact', async () => {
  const [byService, byMethod, byField] = await ask(
    { $case: 'fileContainingSymbol', value: 'test.Echo' },
    { $case: 'fileContainingSymbol', value: 'test.Echo.echo' },
    { $case: 'fileContainingSymbol', value: '.weft.v1.Access.roles' },
  );
  expect(byMethod).toEqual(byService);
  expect(byField?.$case).toBe('fileDescriptorResponse');
  if (byService?.$case !== 'fileDescriptorResponse') throw new Error('no file');
  const file = byService.value.fileDescriptorProto.map((bytes) =>
    fromBinary(FileDescriptorProtoSchema, bytes),
  );
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: file.reverse() }));
  const access = registry.getExtension('weft.v1.access');
  const method = registry.getService('test.Echo')?.methods[0];
  if (access === undefined || method === undefined) throw new Error('no option, or no method');
  expect(getOption(method, access)).toMatchObject({ roles: ['admin'] });
});

test('extensions are found by their type, and what is unknown is NOT_FOUND', async () => {
  const [numbers, byNumber, unknown, nothing] = await ask(
    { $case: 'allExtensionNumbersOfType', value: 'google.protobuf.MethodOptions' },
    {
      $case: 'fileContainingExtension',
      value: { containingType: 'google.protobuf.MethodOptions', extensionNumber: 51_001 },
    },
    { $case: 'fileContainingSymbol', value: 'test.Nothing' },
    { $case: 'fileByFilename', value: 'nothing.proto' },
  );
  expect(numbers).toMatchObject({ value: { extensionNumber: expect.arrayContaining([51_001, 51_002]) } });
  expect(byNumber?.$case).toBe('fileDescriptorResponse');
  expect(unknown).toMatchObject({ value: { errorCode: 5 } });
  expect(nothing).toMatchObject({ value: { errorCode: 5 } });
});
