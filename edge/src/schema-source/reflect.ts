import { PassThrough } from 'node:stream';
import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, type FileDescriptorProto } from '@bufbuild/protobuf/wkt';
import type { CallOptions, Mesh } from '@weft/chassis/client/mesh';
import { ServiceError } from '@weft/chassis/errors';
import { ServerReflectionRequest, ServerReflectionResponse } from '@weft/proto/grpc/reflection/v1/reflection';
import { knownFiles, type Files } from './known-files.ts';
import { repairFiles } from './repair-files.ts';

/** What an upstream says of itself. */
export interface Reflected {
  /** The gRPC services that it serves, but for gRPC's own. */
  readonly services: readonly string[];
  /** The files that declare them, and all that these import. */
  readonly files: Files;
}

type Question = NonNullable<ServerReflectionRequest['messageRequest']>;
type Answer = NonNullable<ServerReflectionResponse['messageResponse']>;

/** More than any schema has: an upstream cannot make this process grow without end. */
const mostFiles = 20_000;

/**
 * Asks an upstream for its schema (grpc/doc/server-reflection.md): v1, or v1alpha where it lacks v1, whose
 * messages are the same. `only`: one service, instead of all that it lists. Rejects with a ServiceError where
 * the call fails, and with an Error where the answers are no schema.
 *
 * Servers may answer a file without what it imports; each such import is asked for by its name, and where
 * the upstream lacks it too, a well-known file of that name is taken.
 */
export async function reflect(
  mesh: Pick<Mesh, 'clientStream'>,
  limits: Pick<CallOptions, 'timeoutMs' | 'signal'>,
  only?: string,
): Promise<Reflected> {
  try {
    return await reflectOver(mesh, 'grpc.reflection.v1', limits, only);
  } catch (error) {
    if (!(error instanceof ServiceError) || error.code !== 'UNIMPLEMENTED') throw error;
    return reflectOver(mesh, 'grpc.reflection.v1alpha', limits, only);
  }
}

async function reflectOver(
  mesh: Pick<Mesh, 'clientStream'>,
  version: string,
  limits: Pick<CallOptions, 'timeoutMs' | 'signal'>,
  only: string | undefined,
): Promise<Reflected> {
  const conversation = new Conversation(mesh, `/${version}.ServerReflection/ServerReflectionInfo`, limits);
  try {
    const services = only === undefined ? await served(conversation) : [only];
    return { services, files: repairFiles(await filesOf(conversation, services)) };
  } finally {
    await conversation.end();
  }
}

async function served(conversation: Conversation): Promise<string[]> {
  const answer = await conversation.ask({ $case: 'listServices', value: '' });
  if (answer.$case !== 'listServicesResponse') throw refusal('its services', answer);
  const names = answer.value.service.map(({ name }) => name);
  return names.filter((name) => !/^grpc\.(reflection|health|channelz)\./.test(name)).sort();
}

async function filesOf(conversation: Conversation, services: readonly string[]): Promise<Files> {
  const files = new Map<string, FileDescriptorProto>();
  const declared = new Set<string>();
  const add = (file: FileDescriptorProto): void => {
    files.set(file.name, file);
    for (const { name } of file.service) declared.add(file.package === '' ? name : `${file.package}.${name}`);
    if (files.size > mostFiles) throw new Error(`the upstream has more than ${mostFiles} files`);
  };
  for (const service of services) {
    if (declared.has(service)) continue;
    const answer = await conversation.ask({ $case: 'fileContainingSymbol', value: service });
    if (answer.$case !== 'fileDescriptorResponse') throw refusal(service, answer);
    answer.value.fileDescriptorProto.map(decodeFile).forEach(add);
    if (!declared.has(service)) throw new Error(`the upstream's file of ${service} does not declare it`);
  }
  for (const file of files.values())
    // A Map's iteration goes on to what is added meanwhile.
    for (const name of file.dependency)
      if (!files.has(name)) add(await imported(conversation, name, file.name));
  return files;
}

async function imported(conversation: Conversation, name: string, by: string): Promise<FileDescriptorProto> {
  const answer = await conversation.ask({ $case: 'fileByFilename', value: name });
  const found =
    answer.$case === 'fileDescriptorResponse'
      ? answer.value.fileDescriptorProto.map(decodeFile).find((file) => file.name === name)
      : undefined;
  const file = found ?? knownFiles().get(name);
  if (file === undefined) throw new Error(`${by} imports ${name}, which the upstream does not have`);
  return file;
}

function decodeFile(bytes: Uint8Array): FileDescriptorProto {
  return fromBinary(FileDescriptorProtoSchema, bytes);
}

function refusal(asked: string, answer: Answer): Error {
  const why = answer.$case === 'errorResponse' ? answer.value.errorMessage : `a ${answer.$case}`;
  return new Error(`the upstream answers the question for ${asked} with: ${why}`);
}

/** Questions and answers, one after the other, over one call. */
class Conversation {
  readonly #questions = new PassThrough({ objectMode: true });
  readonly #answers: AsyncIterator<Uint8Array>;

  constructor(mesh: Pick<Mesh, 'clientStream'>, path: string, limits: CallOptions) {
    const { messages } = mesh.clientStream(path, this.#questions, limits);
    this.#answers = messages[Symbol.asyncIterator]();
  }

  async ask(messageRequest: Question): Promise<Answer> {
    this.#questions.write(ServerReflectionRequest.encode({ host: '', messageRequest }).finish());
    const { done, value } = await this.#answers.next();
    if (done === true) throw new Error('the upstream ended its reflection before it had answered');
    const answer = ServerReflectionResponse.decode(value).messageResponse;
    if (answer === undefined) throw new Error('the upstream answered nothing that is known of reflection');
    return answer;
  }

  async end(): Promise<void> {
    this.#questions.end();
    await this.#answers.return?.();
  }
}
