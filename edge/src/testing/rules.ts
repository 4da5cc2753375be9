import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { Metadata } from '@grpc/grpc-js';
import { loadContract } from '@weft/chassis/load-contract';
import type { Fixture } from './library.ts';
import { compileProtos } from './schema.ts';
import type { StreamingUpstreamCall, UpstreamCall } from './upstream.ts';

const testdata = fileURLToPath(new URL('../../testdata', import.meta.url));

/** The contract in testdata/rules, and an upstream that mostly answers what it was sent. */
export function rulesFixture(): Fixture {
  const files = {
    'acme/v1/types.proto': 'acme/v1',
    'acme/v1/legacy.proto': 'acme/v1',
    'rules.proto': 'rules',
  };
  const texts = Object.entries(files).map(([name, folder]) => [
    name,
    readFileSync(join(testdata, folder, name.slice(name.lastIndexOf('/') + 1)), 'utf8'),
  ]);
  const bytes = compileProtos(Object.fromEntries(texts) as Record<string, string>);
  return {
    contract: loadContract(bytes, { defaultTimeoutMs: Infinity }),
    handlers: {
      unary: { Capture: echo, Body: echo, Answer: echo, Legacy: echo, Any: echo, Change: echo, Speak: speak },
      streams: { Recite: recite, Download: download },
      clientStreams: { Upload: upload, UploadRaw: upload },
      bidi: { Mirror: mirror },
    },
  };
}

/** A string of a request, '' when it is not there. */
function text(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : '';
}

function echo({ request }: UpstreamCall): JsonObject {
  return request;
}

function metadataOf(request: JsonObject, name: string): Metadata {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries((request[name] ?? {}) as Record<string, string>))
    for (const one of value.split('|'))
      metadata.add(key, key.endsWith('-bin') ? Buffer.from(one, 'base64') : one);
  return metadata;
}

function textOf(request: JsonObject): string {
  return text(request['text']).repeat(Number(request['times'] ?? 1));
}

function speak(call: UpstreamCall): JsonObject {
  call.sendMetadata(metadataOf(call.request, 'metadata'));
  for (const [name, values] of Object.entries(metadataOf(call.request, 'trailers').toJSON()))
    for (const value of values) call.trailers.add(name, value);
  return { text: textOf(call.request) };
}

async function* recite(call: UpstreamCall): AsyncGenerator<JsonObject> {
  const { request, signal } = call;
  const speech = speak(call);
  for (let i = 0; i < Number(request['count'] ?? 0); i++) yield speech;
  if (request['hold'] === true) await once(signal, 'abort');
  const code = Number(request['failCode'] ?? 0);
  if (code !== 0) throw Object.assign(new Error('it broke'), { code, details: 'it broke' });
}

async function* download({ request }: UpstreamCall): AsyncGenerator<JsonObject> {
  for (let i = 0; i < Number(request['count'] ?? 0); i++)
    yield {
      contentType: text(request['contentType']),
      data: Buffer.from(`${textOf(request)}${i}`).toString('base64'),
    };
}

async function upload({ requests }: StreamingUpstreamCall): Promise<JsonObject> {
  const answer = { parts: 0, text: '', names: new Set<string>(), types: new Set<string>() };
  for await (const part of requests) {
    const file = (part['file'] ?? part) as JsonObject;
    answer.parts += 1;
    answer.text += Buffer.from(text(file['data']), 'base64').toString('latin1');
    answer.names.add(`${text(part['name'])} ${text(part['note'])}`);
    answer.types.add(text(file['contentType']));
  }
  return { ...answer, names: [...answer.names], types: [...answer.types] };
}

async function* mirror({ requests }: StreamingUpstreamCall): AsyncGenerator<JsonObject> {
  yield* requests;
}
