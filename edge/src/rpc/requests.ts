import { ServiceError } from '@weft/chassis/errors';
import type { Limits } from '../limits.ts';
import { gunzip } from './compression.ts';
import { readEnvelopes } from './envelope.ts';
import type { Messages } from './messages.ts';

const compressed = 1;

/** The messages of a body in frames, one by one as they are asked for. */
export async function* readRequests(
  chunks: AsyncIterable<Uint8Array>,
  messages: Messages,
  gzipped: boolean,
  limits: Limits,
): AsyncGenerator<Uint8Array, undefined> {
  for await (const { flags, data } of readEnvelopes(chunks, limits.requestBytes)) {
    if (flags > compressed) throw malformed(`the message has flags ${flags}, which no request has`);
    if (flags === compressed && !gzipped) throw unknownCompression();
    yield messages.read(flags === compressed ? await gunzip(data, limits.decompressedBytes) : data);
  }
}

/** gRPC's status codes have INTERNAL for it, and Connect's conformance tests too. */
function unknownCompression(): ServiceError {
  const message = 'the message is compressed, but no header says how';
  return new ServiceError('INTERNAL', 'UNKNOWN_COMPRESSION', message);
}

function malformed(message: string): ServiceError {
  return new ServiceError('INVALID_ARGUMENT', 'MALFORMED_MESSAGE', message);
}

/**
 * The only message of a call that has one. Any other number is UNIMPLEMENTED (gRPC's status codes, "Request
 * cardinality violation").
 */
export async function onlyRequest(requests: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  let only: Uint8Array | undefined;
  for await (const request of requests) {
    if (only !== undefined) throw notOne('more than one message');
    only = request;
  }
  if (only === undefined) throw notOne('no message');
  return only;
}

function notOne(found: string): ServiceError {
  return new ServiceError('UNIMPLEMENTED', 'ONE_MESSAGE', `the method takes one message, and got ${found}`);
}
