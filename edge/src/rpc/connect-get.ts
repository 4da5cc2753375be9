import type { MethodRule } from '@weft/chassis/contract';
import { ServiceError } from '@weft/chassis/errors';
import { MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt';
import type { Exchange } from '../http/exchange.ts';
import type { Limits } from '../limits.ts';
import { gunzip, isGzip } from './compression.ts';
import type { UnaryRequest } from './connect-unary.ts';
import { checkVersion } from './connect-version.ts';
import { asCodec } from './content-type.ts';
import { unsupportedType } from './rpc-protocol.ts';

/** Whether a method can be called by GET: it is unary, and its contract says that it has no side effects. */
export function isSafe({ descriptor }: MethodRule): boolean {
  return (
    descriptor.methodKind === 'unary' &&
    descriptor.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS
  );
}

/**
 * The message in a GET's query (connectrpc.com/docs/protocol, "Unary-Get-Request"). Throws INVALID_ARGUMENT for a
 * missing or malformed parameter, a 415 for a codec that is not spoken.
 */
export async function readGet(exchange: Exchange, limits: Limits): Promise<UnaryRequest> {
  const query = parse(exchange.query);
  checkVersion(query.get('connect'), 'v1');
  const encoding = query.get('encoding');
  if (encoding === undefined) throw malformed('the query has no "encoding"');
  const codec = asCodec(encoding);
  if (codec === undefined) throw unsupportedType(exchange, 'the query has an unknown "encoding"');
  const message = query.get('message');
  if (message === undefined) throw malformed('the query has no "message"');
  const data = query.get('base64') === '1' ? fromBase64(message) : Buffer.from(message);
  const gzipped = isGzip(query.get('compression'));
  return { codec, data: gzipped ? await gunzip(data, limits.decompressedBytes) : data, gzipped };
}

/** The first of each parameter, decoded as forms are. */
function parse(query: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const part of query.split('&')) {
    const [name = '', ...value] = part.split('=');
    if (!found.has(name)) found.set(name, value.join('='));
  }
  const wanted = ['connect', 'encoding', 'message', 'base64', 'compression'];
  return new Map(
    wanted.flatMap((name) => {
      const raw = found.get(name);
      return raw === undefined ? [] : [[name, decode(name, raw)] as const];
    }),
  );
}

function decode(name: string, raw: string): string {
  try {
    return decodeURIComponent(raw.replaceAll('+', ' '));
  } catch {
    throw malformed(`"${name}" is not percent-encoded UTF-8`);
  }
}

/** URL-safe base64 (RFC 4648, 5), with or without padding; the other alphabet is understood too. */
function fromBase64(text: string): Buffer {
  const standard = text.replaceAll(' ', '+');
  if (!/^[A-Za-z0-9\-_+/]*={0,2}$/.test(standard)) throw malformed('"message" is not base64');
  return Buffer.from(standard, 'base64url');
}

function malformed(message: string): ServiceError {
  return new ServiceError('INVALID_ARGUMENT', 'MALFORMED_QUERY', message);
}
