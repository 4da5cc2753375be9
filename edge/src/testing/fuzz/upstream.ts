import { Metadata } from '@grpc/grpc-js';
import type { Mesh, StreamResult } from '@weft/chassis/client/mesh';
import type { Contract } from '@weft/chassis/contract';
import { ServiceError } from '@weft/chassis/errors';
import { encodeDraft } from '../../codec/encode.ts';
import { FieldFault } from '../../codec/field-fault.ts';
import { parseJson } from '../../codec/json-text.ts';
import { JsonReader } from '../../codec/message-from-json.ts';
import { JsonTexts } from './json.ts';
import { Random } from './random.ts';

const variety = 64;
const failures = [
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'ABORTED',
  'FAILED_PRECONDITION',
  'RESOURCE_EXHAUSTED',
] as const;

/**
 * A mesh without a network. What it answers follows from the request alone: for Echo the same again, for
 * others a message of the right type, now and then a failure; never one that is the server's fault.
 */
export function playedUpstream(contract: Contract): Mesh {
  const answers = new Map([...contract.methods].map(([path]) => [path, messages(contract, path)]));
  const headers = new Metadata();
  headers.add('x-upstream', 'yes');
  const answer = (path: string, request: Uint8Array): Uint8Array => {
    const sum = request.reduce((total, byte) => (Math.imul(total, 31) + byte) | 0, request.length) >>> 0;
    if (sum % 16 === 0)
      throw new ServiceError(failures[sum % failures.length] ?? 'ABORTED', 'PLAYED', 'played');
    if (path.endsWith('/Echo')) return request;
    return answers.get(path)?.[sum % variety] ?? new Uint8Array();
  };
  const streamed = (messages: () => AsyncIterable<Uint8Array>): StreamResult => ({
    headers: Promise.resolve(headers),
    trailers: Promise.resolve(new Metadata()),
    messages: messages(),
  });
  return {
    unary: async (path, request) => ({ message: answer(path, request), headers, trailers: new Metadata() }),
    serverStream: (path, request) =>
      streamed(async function* () {
        for (let i = 0; i < request.length % 4; i++) yield answer(path, request);
      }),
    clientStream: (path, requests) =>
      streamed(async function* () {
        let last: Uint8Array = new Uint8Array();
        const each = contract.methods.get(path)?.descriptor.methodKind === 'bidi_streaming';
        for await (const request of requests) {
          last = request;
          if (each) yield answer(path, request);
        }
        if (!each) yield answer(path, last);
      }),
    instances: () => [],
    prepare: () => undefined,
    close: async () => undefined,
  };
}

function messages({ methods, registry }: Contract, path: string): Uint8Array[] {
  const output = methods.get(path)?.descriptor.output;
  if (output === undefined) return [];
  return Array.from({ length: variety }, (_, index) => {
    const json = new JsonTexts(new Random(7, index), 0).message(output);
    const reader = new JsonReader({ registry, unknownFields: 'ignore' });
    try {
      return encodeDraft(reader.message(output, parseJson(json, 100)));
    } catch (error) {
      // Some texts hold numbers that are right for another type.
      if (error instanceof FieldFault) return new Uint8Array();
      throw error;
    }
  });
}
